"""Numbers and names as a reader meets them: per cent, intervals, p values, populations.

Inside the package a share is 0-1; per cent exists only here.
"""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from itc_analysis.report.language.phrases import language, phrase
from itc_analysis.report.language.recorded import recorded
from itc_analysis.tables.quantities import POSITIVE_OF

#: Dash for what is not there; the reason stands beside it.
NOTHING = "–"

#: p below this is shown as "< 0.001": more digits promise what a model cannot keep.
SMALLEST_P = 0.001

#: p above this is shown as "> 0.99", since rounding would make it 1.
LARGEST_P = 0.995

POPULATION_NAMES = {
    "-": "participants",
    "mait": "MAIT",
    "mait_cd8": "CD8 MAIT",
    "mait_dn": "double-negative MAIT",
    "mait_cd4": "CD4 MAIT",
    "mait_dp": "double-positive MAIT",
    "inkt": "iNKT",
    "gd_t_cells": "γδ T",
    "vd2_gd": "Vδ2 γδ T",
    "vd2neg_gd": "Vδ2-negative γδ T",
    "innate_cd8": "innate CD8",
    "innate_cd8_all": "innate CD8 (published gate)",
    "va72_cd161low": "Vα7.2+ CD161low",
    "va72_pos": "Vα7.2+",
    "conventional_ab": "conventional αβ T",
    "conventional_memory_cd8": "conventional memory CD8",
    "t_cells": "T cells",
    "cd4_t_cells": "CD4 T",
    "cd8_t_cells": "CD8 T",
    "dn_t_cells": "double-negative T",
    "dp_t_cells": "double-positive T",
    "eomes_cd8": "Eomes+ CD8",
    "other_t_cells": "other T",
    "not_t": "not T",
    "not_gd": "not γδ T",
    "not_inkt": "not iNKT",
    "cd3_pos": "CD3+",
    "cd4_pos": "CD4+",
    "cd8_pos": "CD8+",
    "nkg2a_pos": "NKG2A+",
    "pankir_pos": "panKIR+",
    "mait_cd4_pos": "CD4+ MAIT",
    "mait_cd8_pos": "CD8+ MAIT",
    "cd4_pos_all": "CD4+ of all T cells",
    "cd8_pos_all": "CD8+ of all T cells",
    "cd8_t_cells_all": "CD8+ CD4- of all T cells",
    "eomes_cd8_all": "Eomes+ CD8 (published gate)",
    "pankir_pos_all": "panKIR+ (published gate)",
    "nkg2a_pos_all": "NKG2A+ (published gate)",
}

MEASURE_NAMES = {
    "share_of_t": "% of T cells",
    "cells_per_ul": "cells/µL",
    "share_positive": "% positive",
    "response": "% responding",
    "median_intensity": "median intensity",
    "score": "score",
    "ratio": "value",
    "difference": "value",
}

#: Responses of several markers together.
RESPONSE_NAMES = {
    "any_function": "with any function",
    "two_or_more": "with two functions or more",
}

ASSAY_NAMES = {"flow": "flow cytometry", "singlecell": "single cell", "clinical": "clinical"}

SIGNATURE_NAMES = {
    "exhaustion": "inhibitory receptors",
    "activation": "activation",
    "interferon": "interferon response",
    "innateness": "innateness",
    "senescence": "terminal differentiation",
    "coexpression": "co-expression",
    "functionality": "functionality",
    "polyfunctionality": "polyfunctionality",
    "coexpression:share_two_or_more": "share with two or more inhibitory receptors",
}

#: What a score's method says next to the main one.
METHOD_NAMES = {
    "mean_logit_z": "mean z of the markers’ positivity",
    "standardised_logit_z": "mean z at the healthy composition of subsets",
    "pseudobulk_z": "z of the pseudobulk",
    "share_two_or_more": "share of cells",
    "mean_median_z": "by median intensity",
    "mean_logit_z_without_innate_markers": "without markers that rise with innateness",
    "unstandardised_logit_z": "at each person's own composition of subsets",
    "composition": "part that is composition of subsets",
    "log_odds_beyond_independence": "beyond independence (log odds ratio)",
    "imfi": "iMFI",
}

#: Shown side by side, in this order.
SIDE_BY_SIDE = ("exhaustion", "activation", "interferon")

STATUS_NAMES = {
    "ok": "measured",
    "few_cells": "too few cells",
    "below_lod": "below the limit of detection",
    "no_panel": "marker not in the panel",
    "no_control": "no control for the threshold",
    "no_count": "no absolute count",
    "failed_quality": "failed quality control",
    "unreadable": "file could not be read",
    "held": "held until confirmed",
    "excluded": "participant not eligible",
    "not_anchored": "batch without a reference",
    "not_estimable": "not estimable",
    "weak": "weak",
}

#: What a decision about a participant is called in a sentence that counts people.
DECISION_NAMES = {"query": "with an open question", "excluded": "excluded", "eligible": "eligible"}

COVARIATE_NAMES = {
    "age_years": "age",
    "sex": "sex",
    "cmv_igg": "CMV serology",
    "bmi": "body mass index",
}


def is_missing(value: Any) -> bool:
    """Return whether a scalar is null, NA or NaN."""
    return value is None or bool(pd.isna(value))


def population(name: str) -> str:
    """Return the population's name as the field writes it; of a threshold, its marker and where it
    is read.
    """
    if name.startswith(POSITIVE_OF):
        marker, _, inside = name.removeprefix(POSITIVE_OF).partition(" in ")
        if inside:
            return phrase("positive: {0} in {1}", marker, population(inside))
        return phrase("positive: {0}", marker)
    return phrase(POPULATION_NAMES.get(name, name.replace("_", " ")))


def measure(name: str, feature: str = "-") -> str:
    """Return the measure with its unit, and the marker or signature when there is one."""
    if feature == "-":
        return phrase(MEASURE_NAMES.get(name, name))
    if name == "score":
        return phrase("{0} score", signature(feature))
    if name == "share_positive":
        # of several receptors together, or of one marker
        return signature(feature) if feature in SIGNATURE_NAMES else f"% {feature}+"
    if name == "response":
        condition, _, marker = feature.partition(":")
        return phrase("% {0} in response to {1}", response_marker(marker), condition)
    return f"{feature}, {phrase(MEASURE_NAMES.get(name, name))}"


def response_marker(marker: str) -> str:
    """Return what a cell shows that responds."""
    return RESPONSE_NAMES.get(marker, f"{marker}+")


def signature(name: str) -> str:
    """Return a score's name, with its method when it is not the main one
    ('exhaustion:composition').
    """
    if name in SIGNATURE_NAMES:
        return phrase(SIGNATURE_NAMES[name])
    card, _, method = name.partition(":")
    told = phrase(SIGNATURE_NAMES.get(card, card))
    return f"{told}, {phrase(METHOD_NAMES.get(method, method))}" if method else told


def method(name: str) -> str:
    """Return how a score was made, in words."""
    return phrase(METHOD_NAMES.get(name, name.replace("_", " ")))


def assay(name: str) -> str:
    """Return the assay in words."""
    return phrase(ASSAY_NAMES.get(name, name))


def decision(name: str) -> str:
    """Return what was decided about a participant, in words."""
    return phrase(DECISION_NAMES.get(name, name.replace("_", " ")))


def gate_state(name: str) -> str:
    """Return the state of a gate in words."""
    return phrase(name.replace("_", " "))


def status(name: str) -> str:
    """Return a status in words."""
    return phrase(STATUS_NAMES.get(name, name.replace("_", " ")))


def number(value: Any, digits: int = 3) -> str:
    """Return a number with `digits` significant digits and no exponent; a dash when missing."""
    if is_missing(value):
        return NOTHING
    value = float(value)
    if value == 0:
        return "0"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:,.{decimals}f}"
    return text.replace("-", "−")


def ratio(value: Any) -> str:
    """Return a ratio: two decimals from 0.1 to 10, else three significant digits."""
    if is_missing(value):
        return NOTHING
    value = float(value)
    low, high = 0.0995, 9.995  # where two decimals still carry two or three digits
    return f"{value:.2f}" if low <= value < high else number(value, 2 if value < low else 3)


def estimate(value: Any, kind: str) -> str:
    """Return an estimate: ratios as ratios, differences with their sign."""
    if is_missing(value):
        return NOTHING
    if kind == "difference":
        return f"{float(value):+.2f}".replace("-", "−")
    return ratio(value)


def interval(lower: Any, upper: Any, kind: str) -> str:
    """Return "0.18 to 0.52"."""
    if is_missing(lower) and is_missing(upper):
        return NOTHING
    if is_missing(lower):
        return phrase("up to {0}", estimate(upper, kind))
    if is_missing(upper):
        return phrase("from {0}", estimate(lower, kind))
    return phrase("{0} to {1}", estimate(lower, kind), estimate(upper, kind))


def plain(text: str) -> str:
    """Return a sentence of the analysis with formulas and raw names in words.

    "adjusted for cr(age_years, df=3) + sex only" becomes "adjusted for age (spline) and sex only",
    "enough gd_t_cells" becomes "enough γδ T".
    """
    text = FORMULA.sub(lambda found: covariates(found.group(0)), recorded(text))
    return RAW_NAME.sub(lambda found: phrase(RAW_NAMES[found.group(0)]), text)


#: Spline terms of formulaic: natural (cr), cyclic (cc) or B-spline (bs) of one variable.
SPLINE = re.compile(r"(?:cr|cc|bs)\(\s*(\w+)\s*,.*\)")


#: One term of a formula, and a formula as it stands in a sentence: a spline, or terms added up.
TERM = r"(?:(?:cr|cc|bs)\([^)]*\)|\b[a-z][a-z_0-9]*\b)"
FORMULA = re.compile(rf"{TERM}(?: \+ {TERM})+|(?:cr|cc|bs)\([^)]*\)")

#: Names of the tables that a sentence may hold; without an underscore they are words as well.
RAW_NAMES = {
    raw: told
    for names in (POPULATION_NAMES, COVARIATE_NAMES)
    for raw, told in names.items()
    if "_" in raw
}
#: Names of steps of gating as methods write them, with spaces; the shorter ones are words as well.
SPACED = {
    raw.replace("_", " "): told
    for raw, told in POPULATION_NAMES.items()
    if raw.endswith(("_all", "_cd4_pos", "_cd8_pos"))
}
#: Without an underscore, but no word of English.
SINGLE = {name: POPULATION_NAMES[name] for name in ("mait", "inkt")}
RAW_NAMES |= SPACED
RAW_NAME = re.compile(
    r"\b(" + "|".join(sorted(RAW_NAMES, key=len, reverse=True)) + r")\b"
    # not within the name of a file or of another population
    rf"|(?<![\w/.-])({'|'.join(SINGLE)})(?![\w/-]|\.\w)"
)
RAW_NAMES |= SINGLE


def covariates(formula: str) -> str:
    """Return the covariates of a formula in words: "cr(age_years, df=3) + sex" is "age (spline) and
    sex".
    """
    told = []
    for term in (part.strip() for part in formula.split("+")):
        spline = SPLINE.fullmatch(term)
        name = spline.group(1) if spline else term
        told.append(phrase(COVARIATE_NAMES.get(name, name)) + (" (spline)" if spline else ""))
    return listed(told)


def p_value(value: Any) -> str:
    """Return a p value with two significant digits, not below 0.001."""
    if is_missing(value):
        return NOTHING
    value = float(value)
    if value < SMALLEST_P:
        return "< 0.001"
    if value > LARGEST_P:
        return "> 0.99"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def p_phrase(value: Any, name: str = "p") -> str:
    """Return "p = 0.012" or "p < 0.001"."""
    text = p_value(value)
    return f"{name} {text}" if text[0] in "<>" else f"{name} = {text}"


def per_cent(share: Any) -> str:
    """Return a share (0-1) as per cent."""
    return NOTHING if is_missing(share) else f"{number(100 * float(share))} %"


def value_of(value: Any, measure_name: str) -> str:
    """Return a measured value in the unit that the report shows."""
    if measure_name in ("share_of_t", "share_positive", "response"):
        return per_cent(value)
    return number(value)


def count(n: Any) -> str:
    """Return a whole number with thousands separated; a dash when missing."""
    return NOTHING if is_missing(n) else f"{int(n):,}"


def batch(name: str) -> str:
    """Return "batch 3"; a name that says so itself stays as it is."""
    is_said = name.lower().startswith((phrase("Batch").lower(), "batch"))
    return name if is_said else phrase("batch {0}", name)


def plural(n: int, one: str, many: str = "") -> str:
    """Return "1 tube", "2 tubes"; `many` where an s is not enough ("1 batch", "2 batches").

    French counts nought in the singular.
    """
    is_one = n == 1 or (n == 0 and language() == "fr")
    return f"{n:,} {phrase(one if is_one else many or one + 's')}"


def listed(items: list[str], *, most: int = 0) -> str:
    """Return "a, b and c"; after `most` items "and 5 more" (0: all)."""
    if most and len(items) > most:
        return phrase("{0} and {1} more", ", ".join(items[:most]), len(items) - most)
    if len(items) < 2:
        return "".join(items)
    return phrase("{0} and {1}", ", ".join(items[:-1]), items[-1])


def capital(text: str) -> str:
    """Return the text with a capital at its start, unless it begins with a name (iNKT, γδ T)."""
    return text[0].upper() + text[1:] if text[:2].isascii() and text[:2].islower() else text


def sentence(text: str) -> str:
    """Return the text with a capital at its start and a full stop at its end."""
    text = text.strip()
    if not text:
        return text
    text = capital(text)
    return text if text[-1] in ".!?" else text + "."
