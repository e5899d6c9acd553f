"""What must not be concluded from this study, each with the numbers it rests on."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import Block, Bullets, PageSection, Text
from itc_analysis.report.html.glossary import link
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections import held
from itc_analysis.report.sections.results import answer, doubts, robustness, scores

#: Held tubes that are named here; the others stand under Problems.
MOST_HELD = 3


def section(material: Material) -> PageSection:
    """Return what must not be concluded; behind it, what each difference rests on."""
    items = [
        item
        for item in (
            _simulated(material),
            _held(material),
            _exhausted(material),
            *_doubts(material),
            _not_alike(material),
            _covariates(material),
            _treatment(material),
            _batches(material),
            _below(material),
            _without_number(material),
            _cause(material),
        )
        if item
    ]
    more: list[Block] = robustness.blocks(material)
    return PageSection("caveats", phrase("What must not be concluded"), [Bullets(items)], more)


def _simulated(material: Material) -> Text:
    if not material.settings.study.simulated:
        return ""
    told = phrase("Every number here comes from a computer simulation.")
    return _item("Anything about people.", told)


def _held(material: Material) -> Text:
    """Name what is held out of the comparisons, with the likely cause of the first."""
    found = held.causes(material)
    if not found:
        return ""
    shown = [f"{tube} ({why})" for tube, why in list(found.items())[:MOST_HELD]]
    told = phrase("{0} held because they look wrong: {1}.", len(found), "; ".join(shown))
    item = _item("That every tube is in the comparisons.", told)
    return item + Markup(' <a href="#problems">{}</a>').format(phrase("Who, and why"))


def _exhausted(material: Material) -> Text:
    """Say what the scores allow, and that it is not exhaustion."""
    if material.scores.empty:
        return ""
    told = [f"{names} ({label})" for names, label in scores.against_healthy(material)]
    rule = phrase(
        "That would need at least two raised inhibitory receptors and lowered function in the same "
        "cells; receptors alone also rise on activation."
    )
    found = phrase("Against healthy people: {0}.", words.listed(told)) if told else ""
    item = _item("That cells are exhausted.", f"{rule} {found}".strip())
    return item + Markup(' <a href="#scores">{}</a>').format(phrase("Scores"))


def _doubts(material: Material) -> list[Text]:
    """Return what speaks against differences that are shown, one item per population."""
    found: dict[str, list[Markup]] = {}
    for what, where, against in doubts.doubted(material):
        told = Markup("; ").join(escape(text) for text in against)
        found.setdefault(what, []).append(Markup("{}: {}.").format(words.capital(where), told))
    return [
        Markup("<strong>{}</strong> {}").format(
            phrase("That it is certain: {0}.", what), Markup(" ").join(told)
        )
        for what, told in found.items()
    ]


def _not_alike(material: Material) -> Text:
    rows = answer.abundance_rows(material)
    primary = rows[rows["role"] == "primary"]
    rows = primary if len(primary) else rows
    judged = [verdicts.judge(row, alpha=material.alpha).direction for row in each_row(rows)]
    n_open = judged.count("none")
    if not n_open:
        return ""
    n = len(judged)
    of_all = (
        words.plural(n, "primary comparison") if len(primary) else words.plural(n, "comparison")
    )
    told = phrase(
        "{0} of {1} show no difference; that is not the same as no difference. How far each "
        "interval reaches is in the figures.",
        n_open,
        of_all,
    )
    return _item("That groups are alike where no difference is shown.", told)


def _covariates(material: Material) -> Text:
    found = doubts.shifted(material)
    if not found:
        return ""
    share = f"{100 * doubts.CHANGE_IN_ESTIMATE:g} %"
    told = phrase(
        "Adjusting changes the estimate by more than {0} in {1}: {2}.",
        share,
        words.plural(len(found), "comparison"),
        "; ".join(found),
    )
    return _item("That age, sex and the other covariates have no part in a difference.", told)


def _treatment(material: Material) -> Text:
    others = _remarked(material, doubts.TREATED)
    if not others:
        return ""
    told = phrase(
        "In the comparisons with {0} the two groups are treated differently, and no model can "
        "separate that from the disease.",
        words.listed(others),
    )
    return _item("That the disease, and not its treatment, makes a difference.", told)


def _batches(material: Material) -> Text:
    others = _remarked(material, doubts.UNEVEN)
    if not others:
        return ""
    told = phrase(
        "Against {0} the staining batches are spread unevenly over the two sides.",
        words.listed(others),
    )
    return _item("That the laboratory has no part in a difference.", told)


def _below(material: Material) -> Text:
    """Name the populations of which many people lie below the limit of detection."""
    rows = answer.abundance_rows(material)
    rows = rows[(rows["n_below_lod"] > 0) & (rows["measure"] == "share_of_t")]
    found = []
    for population, own in rows.groupby("population", sort=False):
        row = own.loc[own["n_below_lod"].idxmax()]
        n = int(row["n_index"] + row["n_reference"])
        name = words.population(str(population))
        sides = words.listed(
            [
                str(row["index_group"]),
                verdicts.reference_name(
                    str(row["reference_group"]), material.settings.cohort.pooled_name
                ),
            ]
        )
        found.append(
            phrase("{0}: {1} of {2} people in {3}", name, int(row["n_below_lod"]), n, sides)
        )
    if not found:
        return ""
    limit = link("LoB, LoD, LoQ", phrase("limit of detection"))
    head = phrase(
        "The exact size of a difference where many people are below the limit of detection."
    )
    told = Markup(phrase("Below the {0}: {1}.")).format(limit, "; ".join(found))
    return Markup("<strong>{}</strong> {} {}").format(head, told, verdicts.how_low(rows))


def _without_number(material: Material) -> Text:
    rows = answer.abundance_rows(material)
    if rows.empty or not rows["n_missing"].max():
        return ""
    told = phrase(
        "Analysed people without a number, in the comparison with the most of them: {0}.",
        int(rows["n_missing"].max()),
    )
    item = _item("That everybody analysed enters every comparison.", told)
    return item + Markup(' <a href="#problems">{}</a>').format(phrase("Who, and why"))


def _cause(material: Material) -> Text:
    if not len(answer.abundance_rows(material)):
        return ""
    told = phrase(
        "Blood of one visit does not show what came first, disease or cells, and never what "
        "happens in the tissue."
    )
    return _item("That the cells cause the disease.", told)


def _remarked(material: Material, pattern: re.Pattern[str]) -> list[str]:
    """Return the controls of the answer whose comparisons carry a remark."""
    rows = answer.abundance_rows(material)
    rows = rows[rows["reason"].fillna("").str.contains(pattern)]
    pooled = material.settings.cohort.pooled_name
    return [
        verdicts.reference_name(str(name), pooled)
        for name in dict.fromkeys(rows["reference_group"])
    ]


def _item(head: str, told: str) -> Markup:
    return Markup("<strong>{}</strong> {}").format(phrase(head), told)
