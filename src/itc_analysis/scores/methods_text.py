"""The scores in a paragraph for the paper's methods section, with its citations."""

from __future__ import annotations

from itc_analysis.scores.runner import Limits
from itc_analysis.scores.signatures import Signature

#: Keys of the report's bibliography.
CITATIONS = ("haldane1956", "gutierrez2019")


def describe_scores(
    signatures: list[Signature],
    limits: Limits,
    *,
    has_flow: bool,
    has_single_cell: bool,
    healthy_group: str | None,
) -> str:
    """Return finished English sentences; only about the assays that the study has."""
    sentences = []
    if has_flow:
        names = _names(signatures, "flow")
        sentences.append(
            f"In flow cytometry, {names} were scored per sample and subset of at least "
            f"{limits.min_events} events as the weighted mean, over markers, of the z score of "
            "logit((k + 1/2)/(n - k + 1/2)) of the n cells of which k are positive."
        )
    if has_single_cell:
        names = _names(signatures, "singlecell")
        sentences.append(
            f"In single-cell data, {names} were scored on pseudobulk profiles of at least "
            f"{limits.min_cells} cells of one sample and subset, as the z score of the log of the "
            "summed rates of the genes, each scaled to its healthy mean."
        )
    if not sentences:
        return "No score was computed: the study has neither marker positivity nor pseudobulk."
    if healthy_group is None:
        sentences.append("The study has no healthy group, so that no score could be standardised.")
    else:
        sentences.append(
            f"Centre and SD came from the analysed participants of group {healthy_group} with the "
            f"same subset (at least {limits.min_reference}; the centre from the sample's own batch "
            "where it held as many), never from the pooled cohort."
        )
    sentences.append(
        "Genes whose expression rises with innateness in health were left out of the exhaustion "
        "score; a high score does not prove exhaustion, for which function would have to be tested."
    )
    return " ".join(sentences)


def _names(signatures: list[Signature], assay: str) -> str:
    found = [signature.name for signature in signatures if signature.assay == assay]
    if len(found) < 2:
        return "".join(found) or "no signature"
    return ", ".join(found[:-1]) + " and " + found[-1]
