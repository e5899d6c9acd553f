"""What must be said with a comparison: censoring, missing people, batches, treatment, few
participants.

Each function returns one sentence, or an empty text when there is nothing to say.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.plural import plural
from itc_analysis.statistics.arrays import BoolArray, Matrix, Vector
from itc_analysis.statistics.contingency import cramers_v
from itc_analysis.stats.people.counts import SHARES, cells_of
from itc_analysis.stats.people.responses import CENSORED, OK, POPULATION_LOW, SCALES

#: Above this share below the limit of detection, the estimate leans on the shape of the
#: distribution.
MUCH_CENSORED = 0.5
#: Share of participants without a single cell above which logit(k + 1/2) is biased towards no
#: difference (domain simulations: bias of a log odds ratio of 0.69 to 0.39 at 54 % zeros), and how
#: low those without a cell lie leans on the shape (counts; bias of the log up to 0.09 at 28 %).
MANY_ZEROS = 0.2
#: Fewer cells than this per participant of a side (those with or those without, whichever are
#: fewer), and the estimate leans on the shape of the distribution of participants: below 1.5 cells
#: the bias of the log odds was -0.03 to -0.12 (docs/calibration.md, few cells).
FEW_COUNTED = 1.5
#: The same of a side of which more than this share has none: with 50-150 cells at 3 % positive (11
#: to 17 % without one) two kinds of people biased the log odds by +0.05 (same page).
ZEROS_COUNTED = 0.1
#: Counting error of one participant's score (in its unit; mean of a side) above which a score leans
#: on the shape in the same way: 20 cells at 3 % positive (error 1.3) are off by -0.05
#: (docs/calibration.md, few cells, scores).
MUCH_ERROR = 1.0
#: Fewer participants than this on a side cannot show whether the model fits them.
FEW_PARTICIPANTS = 10
#: Association of batch and group (bias-corrected Cramér's V, 0-1) worth a warning.
UNBALANCED_BATCHES = 0.3
#: Standard error of one participant's logarithm of a median (mean of a side) worth a warning: half
#: its square, 2 %, is what such logarithms are too low by; and the share of participants whose
#: interval reaches zero, so that none is known.
MUCH_MEDIAN_ERROR, MANY_AT_ZERO = 0.2, 0.1
#: Correlation, within a side, of the logarithm of the number of cells and the value worth a
#: warning, if it is beyond this many standard errors; where counting makes up more than this part
#: of the variance, so that participants with more cells weigh more.
INFORMATIVE, SURELY, COUNTING = 0.3, 2.6, 0.1
#: Difference in the share of treated people worth a warning.
TREATMENT_DIFFERENCE = 0.2
#: Ratio of the depths (molecules per T cell, medians of the sides) at which cells were called
#: above which a share is said to hang on it: 1.1 shifts the log of a share that RNA calls by 0.1
#: (halving the depth: gamma-delta -0.74, innate CD8 -0.86, CD8 -0.53; docs/decisions.md,
#: 2026-11-30). Where
#: all are counted at one depth, the ratio of the libraries' own that is worth a sentence.
UNEQUAL_DEPTH, OTHER_DEPTH = 1.1, 1.25
#: Difference of the shares of ambient molecules (medians of the sides) that does the same: 0.03
#: shifts innate CD8 by -0.16, gamma-delta by -0.07 (same entry).
UNEQUAL_AMBIENT = 0.02
#: Difference, between the sides, of the share of participants whose delta chains were enriched that
#: does the same: with them 88 of 108 gamma-delta cells were found, without 62 (a log of 0.35).
UNEQUAL_CHAINS = 0.28
#: Columns of the participants' sheet that mean treatment.
TREATMENTS = ("immunosuppressant_3_months", "biologic_6_months", "hydroxychloroquine")
STEROID = "glucocorticoid_mg_per_day"

STATUS_WORDS = {
    "few_cells": "too few cells",
    POPULATION_LOW: "population below the limit of detection",
    "no_panel": "a marker of the panel or a gene of the library's list is missing",
    "no_control": "no control for a threshold",
    "no_count": "no absolute count",
    "failed_quality": "failed quality control",
    "unreadable": "file unreadable",
    "held": "held until confirmed",
    "not_estimable": "not estimable",
}


def of_missing(responses: pd.DataFrame) -> str:
    """Say why analysed participants have no number."""
    missing = responses[~responses["state"].isin([OK, CENSORED])]
    if missing.empty:
        return ""
    counted = missing["state"].astype(str).value_counts().sort_index()
    why = ", ".join(f"{n} {STATUS_WORDS.get(str(s), str(s))}" for s, n in counted.items())
    text = f"{len(missing)} of {len(responses)} participants without a number ({why})"
    if missing["state"].astype(str).str.contains(f"few_cells|{POPULATION_LOW}").any():
        text += "; those with the fewest cells are the ones missing"
    return text


def of_censoring(people: pd.DataFrame, index: BoolArray, reference: BoolArray, measure: str) -> str:
    """Warn when more than half of a side lies below the limit of detection."""
    low = (people["state"] == CENSORED).to_numpy(dtype=bool)
    shares = [float(low[side].mean()) for side in (index, reference)]
    if max(shares) <= MUCH_CENSORED:
        return ""
    return (
        f"{shares[0]:.0%} of the index group and {shares[1]:.0%} of the reference lie below the "
        f"limit of detection: the estimate leans on a normal shape ({SCALES[measure].words})"
    )


def of_zeros(people: pd.DataFrame, sides: BoolArray) -> str:
    """Warn when many participants have no cell at all."""
    found = people["n_found"].to_numpy(dtype=float)[sides]
    if np.isnan(found).all():
        return ""
    share = float(np.mean(found[~np.isnan(found)] == 0))
    if share <= MANY_ZEROS:
        return ""
    return f"{share:.0%} of the participants have no such cell: the odds ratio is drawn towards 1"


def of_low_numbers(
    people: pd.DataFrame, index: BoolArray, reference: BoolArray, measure: str, *, is_counted: bool
) -> list[str]:
    """Say what low numbers do to the estimate, by the model that was used."""
    if is_counted:
        return [of_low_counts(people["sample_counts"], index, reference, measure=measure)]
    is_share = SCALES[measure].kind == "odds_ratio"
    return [
        of_censoring(people, index, reference, measure),
        of_zeros(people, index | reference) if is_share else "",
        of_score_errors(people, index, reference) if measure == "score" else "",
        of_medians(people, index, reference) if measure == "median_intensity" else "",
    ]


def of_medians(people: pd.DataFrame, index: BoolArray, reference: BoolArray) -> str:
    """Warn when the medians of a side come from few cells whose signal is near zero."""
    errors = people["standard_error"].to_numpy(dtype=float)
    known = people["state"].isin([OK, CENSORED]).to_numpy(dtype=bool)
    means, lacking = [], []
    for side in (index & known, reference & known):
        own = errors[side]
        means.append(float(own[np.isfinite(own)].mean()) if np.isfinite(own).any() else 0.0)
        lacking.append(float(np.mean(~np.isfinite(own))) if own.size else 0.0)
    if max(means) <= MUCH_MEDIAN_ERROR and max(lacking) <= MANY_AT_ZERO:
        return ""
    return (
        "medians of few cells near zero: relative error of one participant's median "
        f"{means[0]:.0%} in the index group and {means[1]:.0%} in the reference, intervals that "
        f"reach zero in {lacking[0]:.0%} and {lacking[1]:.0%}: logarithms of such medians are too "
        "low on average, more so on the side with the larger errors"
    )


def of_informative_cells(
    people: pd.DataFrame, truth: Matrix | None, index: BoolArray, reference: BoolArray
) -> str:
    """Warn when participants of a side with more cells have other values: they weigh more.

    Parameters
    ----------
    people : pandas.DataFrame
        with `sample_counts`.
    truth : Matrix or None
        of counts, mean and variance of each participant's true value, shape (2, n).
    index, reference : BoolArray
        The two sides.
    """
    if truth is None:
        return ""
    groups = people["group"].to_numpy(dtype=object)
    _, total = cells_of(people["sample_counts"])
    cells, value = np.log(total), np.array(truth[0])
    said = []
    for words, side in (("the index group", index), ("the reference", reference)):
        mine = side & np.isfinite(truth).all(axis=0)
        n = int(mine.sum())
        if n < FEW_PARTICIPANTS:
            continue
        # a pooled reference holds groups that may differ in both
        one, other = (_within(column[mine], groups[mine]) for column in (cells, value))
        spread, noise = float(np.mean(other**2)), float(np.mean(truth[1][mine]))
        if not (spread > 0 and np.any(one)) or noise <= COUNTING * (spread + noise):
            continue
        r = float(one @ other / np.sqrt((one @ one) * (other @ other)))
        if abs(r) > INFORMATIVE and abs(np.arctanh(r)) * np.sqrt(n - 3) > SURELY:
            said.append(f"{r:+.2f} in {words}")
    if not said:
        return ""
    return (
        f"the number of cells goes with the value (correlation {' and '.join(said)}): participants "
        "with more cells weigh more, which shifts the estimate"
    )


def of_score_errors(people: pd.DataFrame, index: BoolArray, reference: BoolArray) -> str:
    """Warn when the scores of a side come from so few cells that counting decides them."""
    errors = people["standard_error"].to_numpy(dtype=float)
    sides = [errors[side & np.isfinite(errors)] for side in (index, reference)]
    means = [float(side.mean()) if side.size else 0.0 for side in sides]
    if max(means) <= MUCH_ERROR:
        return ""
    return (
        f"counting error of one participant's score: {means[0]:.1f} units of the score in the "
        f"index group, {means[1]:.1f} in the reference: so few cells do not show how participants "
        "differ, and the estimate leans on the shape that everybody shares"
    )


def of_low_counts(
    counts: pd.Series, index: BoolArray, reference: BoolArray, *, measure: str
) -> str:
    """Warn when so few cells were counted that how participants differ cannot be seen.

    Parameters
    ----------
    counts : pd.Series
        Of each participant a tuple of `Count`.
    index, reference : BoolArray
        The two sides.
    measure : str
        As in measurements.
    """
    sides = [few_cells(counts[side], measure=measure) for side in (index, reference)]
    if not any(is_few(*side) for side in sides):
        return ""
    (index_mean, index_zeros), (mean, zeros) = sides
    which = "inside or outside the population, whichever are fewer, " if measure in SHARES else ""
    return (
        f"{index_mean:.1f} and {mean:.1f} cells per participant on the two sides, {which}none in "
        f"{index_zeros:.0%} and {zeros:.0%}: so few cells do not show how participants differ, and "
        "the estimate leans on the shape that everybody shares"
    )


def few_cells(counts: pd.Series, *, measure: str) -> tuple[float, float]:
    """Return the mean number of cells of some participants, and the share of those without any.

    Of a share, those within it or those without, whichever are fewer.
    """
    net, total = cells_of(counts)
    kinds = [net, total - net] if measure in SHARES else [net]
    fewest = min(kinds, key=lambda cells: float(cells.mean()))
    return float(fewest.mean()), float((fewest <= 0).mean())


def is_few(mean: float, zeros: float) -> bool:
    """Whether a side has so few cells that it must be said."""
    return mean < FEW_COUNTED or zeros > ZEROS_COUNTED


def of_size(index: BoolArray, reference: BoolArray) -> str:
    """Warn when a side has few participants."""
    n_index, n_reference = int(index.sum()), int(reference.sum())
    if min(n_index, n_reference) >= FEW_PARTICIPANTS:
        return ""
    return f"few participants ({n_index} and {n_reference})"


def of_batches(
    people: pd.DataFrame, index: BoolArray, reference: BoolArray, formula: str | None
) -> str:
    """Warn when batches are spread unevenly over the groups and not adjusted for."""
    if formula is not None and "batch" in formula:
        return ""
    sides = index | reference
    association = cramers_v(
        pd.crosstab(people["batch"].astype(str)[sides].to_numpy(), index[sides])
    )
    if not association > UNBALANCED_BATCHES:  # a single batch has no association
        return ""
    return (
        f"batches are spread unevenly over the two sides (Cramér's V {association:.2f}) and not "
        "adjusted for"
    )


def of_panels(people: pd.DataFrame, index: BoolArray, reference: BoolArray) -> str:
    """Warn when the two sides were stained with different panels."""
    known = (index | reference) & people["panel"].notna().to_numpy(dtype=bool)
    panels = people["panel"].astype(str).to_numpy()[known]
    if len(set(panels)) < 2:
        return ""
    association = cramers_v(pd.crosstab(panels, index[known]))
    if not association > UNBALANCED_BATCHES:
        return ""
    return (
        f"panels are spread unevenly over the two sides (Cramér's V {association:.2f}) and not "
        "adjusted for: what one panel reads higher looks like a difference"
    )


def of_libraries(people: pd.DataFrame, index: BoolArray, reference: BoolArray) -> list[str]:
    """Warn when what decides how many cells RNA calls differs between the libraries of the sides:
    depth, ambient molecules, delta chains.

    Parameters
    ----------
    people : pandas.DataFrame
        of `responses.respond`; the sides hold nothing to say where a receptor calls the cells.
    index, reference : BoolArray
        The two sides.
    """
    if "called_by" not in people:
        return []
    called_by = people["called_by"].astype("string").fillna("")
    by_rna = called_by.str.contains("rna").to_numpy(dtype=bool)
    sides = [index & by_rna, reference & by_rna]
    if not all(side.any() for side in sides):
        return []

    def medians(column: str) -> list[float]:
        values = people[column].to_numpy(dtype=float)
        known = [values[side & np.isfinite(values)] for side in sides]
        return [float(np.median(own)) if own.size else np.nan for own in known]

    said = []
    own, counted, ambient = map(medians, ("molecules_per_t_cell", "counted_at", "share_ambient"))
    shown = (
        f"{own[0]:,.0f} molecules per T cell in the index group and {own[1]:,.0f} in the reference"
    )
    if max(counted) > UNEQUAL_DEPTH * min(counted):
        said.append(
            f"libraries differ in depth ({shown}): RNA calls more of the same cells the deeper the "
            "library, so the share is too low on the side with fewer molecules"
        )
    elif max(own) > OTHER_DEPTH * min(own):
        said.append(
            f"libraries differ in depth ({shown}): RNA calls more of the same cells the deeper the "
            f"library, so all were counted as at {counted[0]:,.0f}"
        )
    if abs(ambient[0] - ambient[1]) > UNEQUAL_AMBIENT:
        said.append(
            f"libraries differ in ambient RNA ({ambient[0]:.0%} of the molecules in the index "
            f"group and {ambient[1]:.0%} in the reference): it hides cells that RNA calls, so the "
            "share is too low on the side with more"
        )
    with_delta = [float(called_by[side].str.contains("rna_or_delta").mean()) for side in sides]
    if abs(with_delta[0] - with_delta[1]) > UNEQUAL_CHAINS:
        said.append(
            f"gamma-delta receptors were sequenced in {with_delta[0]:.0%} of the index group and "
            f"{with_delta[1]:.0%} of the reference: with them more of the same cells are found, so "
            "the share is too low on the side with fewer"
        )
    return said


def of_treatment(people: pd.DataFrame, index: BoolArray, reference: BoolArray) -> str:
    """Warn when treatment differs; it is part of being ill, so no model can take it out."""
    taken = np.zeros(len(people), dtype=bool)  # not known counts as not taken
    if STEROID in people:
        taken |= (people[STEROID] > 0).to_numpy(dtype=bool)
    for name in TREATMENTS:
        if name in people:
            taken |= people[name].astype("boolean").to_numpy(dtype=bool, na_value=False)
    shares = [float(taken[side].mean()) for side in (index, reference)]
    if abs(shares[0] - shares[1]) <= TREATMENT_DIFFERENCE:
        return ""
    return (
        f"treatment is not adjusted for: {shares[0]:.0%} of the index group and {shares[1]:.0%} of "
        "the reference are treated"
    )


def of_repeats(people: pd.DataFrame) -> str:
    """Say that several samples of a person count as one person."""
    n = int((people["n_samples"] > 1).sum())
    return (
        f"{plural(n, 'participant')} with several samples, who count as much as the others"
        if n
        else ""
    )


def _within(values: Vector, groups: npt.NDArray[np.object_]) -> Vector:
    """Return values less the mean of their group."""
    _, group = np.unique(groups, return_inverse=True)
    return np.asarray(values - (np.bincount(group, values) / np.bincount(group))[group])
