"""One call per cell from RNA and receptor together, with its probability and who decided.

The evidence of both is added up as log-odds (naive Bayes). Where they cannot decide, the call is
indeterminate: it is never forced, and a missing chain never speaks against a population.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.singlecell.calls.evidence import Rna, normalise, weigh_receptors
from itc_analysis.singlecell.calls.receptors import summarise_receptors
from itc_analysis.singlecell.calls.weights import Evidence
from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.tables.singlecell import INNATE

#: The call that a productive delta chain proves, whatever RNA shows.
GAMMA_DELTA = "gd_t_cells"
CONVENTIONAL = ("cd4_t_cells", "cd8_t_cells")
#: Every call a cell can get; the last three are no T cell population.
CALLS = (
    "mait",
    "inkt",
    "gd_t_cells",
    "innate_cd8",
    "cd4_t_cells",
    "cd8_t_cells",
    "other_t_cells",
    "not_t",
    "doublet",
    "indeterminate",
)


def call_cells(
    rna: Rna,
    receptors: pd.DataFrame,
    *,
    evidence: Evidence,
    call_threshold: float,
    has_contigs: bool,
    not_callable: Mapping[str, str] | None = None,
    protein: FloatArray | None = None,
) -> pd.DataFrame:
    """Call each cell.

    Parameters
    ----------
    rna : Rna
        from `evidence.weigh_molecules`.
    receptors : pandas.DataFrame
        from `receptors.summarise_receptors` for the same cells.
    call_threshold : float
        probability that a call needs; below it the cell is indeterminate.
    has_contigs : bool
        receptors of the library were sequenced: populations that an alpha chain defines are then
        called by it alone.
    not_callable : mapping of str to str, optional
        from `find_not_callable`: no cell gets these calls.
    protein : FloatArray, optional
        from `proteins.weigh_proteins`; None for a library without antibodies.

    Returns
    -------
    pandas.DataFrame
        Indexed by barcode: call (one of `CALLS`); posterior (probability of the call; of an
        indeterminate cell, of the likeliest call); posterior_t (probability of being a T cell of
        any kind); posterior_mait and so on (0 where the definition rules the population out);
        mait_by_rna (probability of MAIT by RNA alone, so that alpha chains can judge it);
        has_alpha; receptor (what the contigs show, null for nothing); decided_by (protein: without
        antibodies the call would be another; receptor: RNA alone would not have said so; rna: the
        receptor shows nothing, or was overruled; both; null when indeterminate); is_conflict (RNA
        gives less than 1 - call_threshold to all that the receptor allows).

    Notes
    -----
    other_t_cells: surely a conventional T cell, but CD4 or CD8 is not decided. Gamma-delta cells
    need CD3 and a delta gene or chain and no alpha-beta pair; innate CD8 cells need CD8 and a KIR
    or NKG2A molecule; iNKT cells need receptor evidence. Where receptors were sequenced, MAIT and
    iNKT cells need their own alpha chain: a cell that looks like one but shows no such chain is
    indeterminate and keeps its probability, and the count is corrected for the share of chains
    that the library caught (`counts.count_populations`).
    """
    receptor = weigh_receptors(receptors, evidence=evidence)
    by_rna = normalise(evidence.log_prior + rna.log_likelihood)
    without_protein = evidence.log_prior + rna.log_likelihood + receptor
    posterior = normalise(without_protein if protein is None else without_protein + protein)
    has_receptor = receptors["receptor"].notna().to_numpy(dtype=bool)
    unknown = not_callable or {}
    barred = _barred(rna.detected, receptors, evidence, unknown)
    unproven = _unproven(receptors, evidence) if has_contigs else np.zeros_like(barred)
    call, probability = _decide(posterior, barred | unproven, evidence, call_threshold)
    # RNA alone must do without what only contigs can show
    without = summarise_receptors(None, rna.barcodes)
    barred_rna = _barred(rna.detected, without, evidence, unknown)
    call_rna, _ = _decide(by_rna, barred_rna, evidence, call_threshold)
    is_conflict = has_receptor & (_allowed_share(by_rna, receptor, evidence) < 1 - call_threshold)
    decided = np.where(call == call_rna, np.where(has_receptor, "both", "rna"), "receptor")
    decided = np.where((decided == "both") & is_conflict, "rna", decided)
    if protein is not None:
        before = normalise(without_protein)
        call_before, _ = _decide(before, barred | unproven, evidence, call_threshold)
        decided = np.where(call != call_before, "protein", decided)
    table = pd.DataFrame(
        {
            "call": pd.Series(call, dtype="string"),
            "posterior": probability,
            "posterior_t": posterior[:, evidence.is_t].sum(axis=1),
            **{
                f"posterior_{call}": np.where(
                    barred[:, CALLS.index(call)],
                    0.0,
                    posterior[:, evidence.of_call(call)].sum(axis=1),
                )
                for call in INNATE
            },
            "mait_by_rna": by_rna[:, evidence.of_call("mait")].sum(axis=1),
            "has_alpha": (receptors["n_alpha"] > 0).to_numpy(),
            "receptor": receptors["receptor"].to_numpy(),
            "decided_by": pd.Series(decided, dtype="string").mask(call == "indeterminate"),
            "is_conflict": is_conflict,
        }
    )
    table["receptor"] = table["receptor"].astype("string")
    return table.set_index(pd.Index(rna.barcodes, name="barcode"))


def find_not_callable(
    rna: Rna, *, has_contigs: bool, has_delta_contigs: bool, evidence: Evidence
) -> dict[str, str]:
    """Return, for each population that this library cannot show, the reason in words.

    A population whose defining genes the reference lacks, that needs V genes in a library that
    shows none, or that needs receptors in a library without contigs, is not estimable: that is not
    the same as no cells.
    """
    reasons = {}
    for call, sets in evidence.requires.items():
        lacking = [wanted for wanted in sets if not any(gene in rna.listed for gene in wanted)]
        if lacking and not (call == GAMMA_DELTA and has_delta_contigs):
            names = "; none of ".join(", ".join(wanted) for wanted in lacking)
            reasons[call] = f"the gene reference of the library has none of {names}"
    for call in evidence.needs_segments:
        has_chains = has_delta_contigs if call == GAMMA_DELTA else has_contigs
        if not rna.shows_segments and not has_chains and call not in reasons:
            chains = "delta chain" if call == GAMMA_DELTA else "receptor"
            reasons[call] = (
                "not callable from this library: it shows no V genes (as 3' libraries do) and "
                f"has no {chains} "
                "contigs, and other RNA alone cannot be trusted with these cells"
            )
    if not has_contigs:
        for call in evidence.needs_receptor:
            reasons[call] = "no receptor contigs, and RNA alone cannot tell these cells from MAIT"
    return reasons


def _decide(
    posterior: FloatArray, barred: BoolArray, evidence: Evidence, threshold: float
) -> tuple[npt.NDArray[np.object_], FloatArray]:
    """Return call and probability of each cell; `barred` has one column per call of `CALLS`."""
    per_call = np.column_stack(
        [posterior[:, evidence.of_call(call)].sum(axis=1) for call in CALLS[:-1]]
    )
    best = per_call.argmax(axis=1)
    probability = per_call.max(axis=1)
    rows = np.arange(len(best))
    is_sure = (probability >= threshold) & ~barred[rows, best]
    call = np.array(CALLS, dtype=object)[best]
    conventional = posterior[:, evidence.of_call(*CONVENTIONAL)].sum(axis=1)
    is_other = ~is_sure & (conventional >= threshold)
    call[~is_sure] = "indeterminate"
    call[is_other] = "other_t_cells"
    return call, np.where(is_other, conventional, probability)


def _barred(
    detected: dict[str, BoolArray],
    receptors: pd.DataFrame,
    evidence: Evidence,
    not_callable: Mapping[str, str],
) -> BoolArray:
    """Return where the definition of a population rules a call out, shape (n_cells, n_calls)."""
    barred = np.zeros((len(receptors), len(CALLS)), dtype=bool)
    for call, sets in evidence.requires.items():
        for wanted in sets:
            seen = [detected[gene] for gene in wanted if gene in detected]
            shown = np.any(seen, axis=0) if seen else np.zeros(len(receptors), dtype=bool)
            if call == GAMMA_DELTA:  # a productive delta chain is better than any gene
                shown = shown | (receptors["n_delta"] > 0).to_numpy()
            barred[:, CALLS.index(call)] |= ~shown
    for call in evidence.needs_receptor:
        barred[:, CALLS.index(call)] |= receptors["receptor"].isna().to_numpy()
    for call, gene in evidence.own_alpha.items():
        # null, and so False, where no alpha chain was seen
        is_other = (receptors["alpha_kind"] == "other").fillna(value=False).to_numpy(dtype=bool)
        shown = detected.get(gene, np.zeros(len(receptors), dtype=bool))
        barred[:, CALLS.index(call)] |= is_other & ~shown
    for call in not_callable:
        barred[:, CALLS.index(call)] = True
    return barred


def _unproven(receptors: pd.DataFrame, evidence: Evidence) -> BoolArray:
    """Return where a population's own alpha chain was not seen, shape (n_cells, n_calls)."""
    unproven = np.zeros((len(receptors), len(CALLS)), dtype=bool)
    kind = receptors["alpha_kind"].fillna("")
    for call in evidence.own_alpha:
        # mait or mait_other_length; inkt
        unproven[:, CALLS.index(call)] = ~kind.str.startswith(call).to_numpy(dtype=bool)
    return unproven


def _allowed_share(by_rna: FloatArray, receptor: FloatArray, evidence: Evidence) -> FloatArray:
    """Return the probability that RNA gives to all classes that the receptor allows."""
    best = receptor.max(axis=1, keepdims=True)
    allowed = receptor >= best - np.log(evidence.model.opposing_ratio)
    share: FloatArray = (by_rna * allowed).sum(axis=1)
    return share
