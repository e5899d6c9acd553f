"""The scores in a paragraph for the methods section: each sentence is made from what was done."""

from __future__ import annotations

import pandas as pd

from itc_analysis.config.sections import Scores
from itc_analysis.scores.cards import circular
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.scores.scoring.coexpression import MIN_EXPECTED, ODDS, SIGNATURE
from itc_analysis.scores.scoring.composition import MIN_COVERED
from itc_analysis.scores.scoring.methods import MAX_BIAS, MEDIANS, METHODS
from itc_analysis.scores.scoring.runner import STANDARDISED, WITHOUT_FLAGGED

#: Keys of the report's bibliography.
CITATIONS = ("haldane1956", "gutierrez2019")


def describe_scores(
    table: pd.DataFrame,
    signatures: list[Signature],
    settings: Scores,
    *,
    min_cells: int,
    healthy_group: str | None,
) -> str:
    """Return finished English sentences; only about what stands in the table.

    Parameters
    ----------
    table : pandas.DataFrame
        the ScoreTable.
    signatures : list of Signature
        cards of both assays.
    settings : Scores
        what a score needed.
    min_cells : int
        fewest cells of a subset in a pseudobulk profile.
    healthy_group : str or None
        group of the reference.
    """
    if table.empty:
        return "No score was computed: the study has neither marker positivity nor pseudobulk."
    methods = set(table["method"])
    sentences = []
    if METHODS["flow"].name in methods or STANDARDISED in methods:
        sentences.append(
            f"In flow cytometry, {_names(table, 'flow', signatures)} scored per sample and subset "
            f"as the weighted "
            "mean, over markers, of the z score of the person's true logit of positivity, "
            "estimated from k positive "
            "among n cells so that the mean of a group of people is unbiased however few cells "
            "they have; its "
            "error depends on n alone, and markers that come on the same cells have correlated "
            "errors. Each z is in SDs of healthy "
            "people; their mean varies less between them than one SD, as markers do not all vary "
            "together. A marker "
            f"whose group mean could be off by more than {MAX_BIAS:g} SD for lack of cells was "
            f"not used."
        )
    if METHODS["singlecell"].name in methods:
        sentences.append(
            f"In single-cell data, {_names(table, 'singlecell', signatures)} scored on pseudobulk "
            f"profiles of at "
            f"least {min_cells} cells of one sample and subset, as the z score of the true "
            f"log(1 + R), where R "
            "is the summed rate of the genes, each scaled to its healthy mean, estimated in the "
            "same way from "
            "molecules."
        )
    is_standardised = table["unit"].isin({method.unit for method in METHODS.values()}).any()
    if is_standardised and healthy_group is None:
        sentences.append("The study has no healthy group, so that no score could be standardised.")
    elif is_standardised:
        sentences.append(
            f"Centre and SD were those of the true values of the analysed participants of group "
            f"{healthy_group} with the same subset (at least {settings.min_reference}), counting "
            f"noise removed, never of the pooled cohort. "
            "Each batch has its own centre, from its healthy participants and its bridge control; "
            "a batch whose "
            f"centre was uncertain by more than {settings.max_anchor_error:g} SD borrowed from the "
            f"other batches or, "
            "where these say too little, was not scored. "
            "The unit of a score is the SD that these healthy participants show; by how much it "
            "may differ from that of all healthy people is in no interval."
        )
    n_lost = int((table["status"] == "not_anchored").sum())
    if n_lost:
        sentences.append(
            f"{n_lost} scores were not computed because their batch had no such centre."
        )
    if STANDARDISED in methods:
        held = sorted(set(table.loc[table["method"] == STANDARDISED, "population"]))
        sentences.append(
            f"The score of {_listed(held)} is standardised to the healthy composition of subsets, "
            f"of which samples "
            f"with cells had to hold at least {MIN_COVERED:.0%}; what the unstandardised score "
            f"says beyond it is "
            "given as composition."
        )
    sentences += _about_flags(table, signatures)
    if MEDIANS.name in methods:
        sentences.append("The same was done with median intensities in place of positivity.")
    if SIGNATURE in set(table["signature"]):
        sentences.append(
            "Co-expression of inhibitory receptors is the share of cells with two or more of them, "
            "compared as a count"
            + (
                ", and beyond independence the mean log odds ratio of their pairs, where chance "
                f"would give {MIN_EXPECTED:g} cells or more of every combination."
                if ODDS in methods
                else "."
            )
        )
    if "exhaustion" in set(table["signature"]):
        sentences.append(
            "A high inhibitory-receptor score does not prove exhaustion, for which function would "
            "have to be tested."
        )
    return " ".join(sentences)


def _about_flags(table: pd.DataFrame, signatures: list[Signature]) -> list[str]:
    """Say which cards hold markers that rise with innateness, and which do not."""
    done = table[table["status"] == "ok"]
    scored = {(s, a) for s, a in zip(done["signature"], done["assay"], strict=True)}
    said = []
    for card in signatures:
        if (card.name, card.assay) not in scored or card.name not in ("exhaustion", "activation"):
            continue
        found = circular.flagged(card.features, card.assay)
        where = "flow cytometry" if card.assay == "flow" else "single-cell data"
        what = f"the {card.name} score of {where}"
        if not found:
            said.append(
                f"{what[0].upper()}{what[1:]} holds no marker that defines a population or rises "
                f"with innateness in health."
            )
            continue
        shown = f"{METHODS['flow'].name}_{WITHOUT_FLAGGED}"
        is_next = shown in set(table.loc[table["signature"] == card.name, "method"])
        said.append(
            f"{what[0].upper()}{what[1:]} holds {_listed(list(found))}, which "
            f"{'rises' if len(found) == 1 else 'rise'} with "
            f"innateness in health: it is read "
            "within a subset only"
            + (
                f", with and without {'it' if len(found) == 1 else 'them'}."
                if is_next and card.assay == "flow"
                else "."
            )
        )
    return said


def _names(table: pd.DataFrame, assay: str, signatures: list[Signature]) -> str:
    """Name the signatures that anybody has a score of, with the verb."""
    scored = set(table.loc[(table["assay"] == assay) & (table["status"] == "ok"), "signature"])
    names = [card.name for card in signatures if card.assay == assay and card.name in scored]
    if not names:
        return "no signature could be"
    return f"{_listed(names)} {'was' if len(names) == 1 else 'were'}"


def _listed(names: list[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
