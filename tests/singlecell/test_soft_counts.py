"""Counts and confidence on simulated libraries, whose noise is not the one that the evidence
assumes.
"""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import SingleCell
from itc_analysis.singlecell.calls.call import call_cells
from itc_analysis.singlecell.calls.evidence import Rna
from itc_analysis.singlecell.calls.receptors import summarise_receptors
from itc_analysis.singlecell.calls.weights import read_evidence
from itc_analysis.singlecell.intake.contigs import read_contigs
from itc_analysis.singlecell.quality.cells import judge_cells, measure_cells
from itc_analysis.singlecell.soft_counts import count_softly
from itc_analysis.tables.singlecell import INNATE
from singlecell.made_cells import weigh_rna

EVIDENCE = read_evidence()
ROW = {"library_id": "L", "sample_id": "S", "contigs_path": "contigs.csv"}
CALL_OF_LEAF = {
    "mait": "mait",
    "inkt": "inkt",
    "vd2_gd": "gd_t_cells",
    "vd2neg_gd": "gd_t_cells",
    "innate_cd8": "innate_cd8",
    "cd4_t_cells": "cd4_t_cells",
    "dp_t_cells": "cd4_t_cells",
    "eomes_neg_cd8": "cd8_t_cells",
    "conventional_memory_cd8": "cd8_t_cells",
    "dn_t_cells": "other_t_cells",
    "doublet": "doublet",
    "nk_cells": "not_t",
    "b_cells": "not_t",
    "monocytes": "not_t",
}
CONVENTIONAL = ("cd4_t_cells", "cd8_t_cells", "other_t_cells")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rna, pd.DataFrame, np.ndarray]:
    """Return a library's RNA evidence, its contigs, and the truth of its usable cells."""
    from itc_analysis.simulate.instrument.libraries import simulate_library
    from itc_analysis.simulate.people import blood, cohort

    truth = cohort.simulate_measurement_truth("null", 2, 1)
    drawn = blood.draw_blood(truth, np.random.default_rng(1))
    more = [c for c in drawn.columns if c not in truth.columns]
    people = truth.merge(drawn[["participant_id", *more]], on="participant_id")
    person = people.sort_values("share_mait", ascending=False).iloc[0].to_dict()
    library = simulate_library(person, "null", np.random.default_rng(4), n_barcodes=3000)
    data = anndata.AnnData(
        library.counts.astype(np.float32).tocsr(),
        obs=pd.DataFrame(index=list(library.barcodes)),
        var=pd.DataFrame(index=list(library.genes)),
    )
    keep = judge_cells(measure_cells(data), settings=SingleCell()).isna().to_numpy()
    path: Path = tmp_path_factory.mktemp("contigs") / "contigs.csv"
    library.contigs.to_csv(path, index=False)
    labels = np.array([CALL_OF_LEAF.get(leaf, leaf) for leaf in library.labels])[keep]
    return weigh_rna(data[keep].copy(), evidence=EVIDENCE), read_contigs(path), labels


def called(rna: Rna, contigs: pd.DataFrame, *, threshold: float = 0.8) -> pd.DataFrame:
    receptors = summarise_receptors(contigs, rna.barcodes)
    return call_cells(
        rna,
        receptors,
        evidence=EVIDENCE,
        call_threshold=threshold,
        has_contigs=contigs is not None,
    )


def test_the_ambient_share_of_the_simulation_comes_back(simulated: tuple) -> None:
    assert simulated[0].share_ambient == pytest.approx(0.02, abs=0.01)


def test_confidence_is_calibrated_under_noise_that_the_evidence_does_not_assume(
    simulated: tuple,
) -> None:
    rna, contigs, truth = simulated
    cells = called(rna, contigs, threshold=0.5001)
    sure = (cells["call"] != "indeterminate").to_numpy()
    call, chance = cells["call"].to_numpy()[sure], cells["posterior"].to_numpy()[sure]
    is_right = (call == truth[sure]) | (
        (call == "other_t_cells") & np.isin(truth[sure], CONVENTIONAL)
    )
    bins = np.minimum((chance * 10).astype(int), 9)
    error = sum(
        (bins == b).mean() * abs(chance[bins == b].mean() - is_right[bins == b].mean())
        for b in np.unique(bins)
    )
    assert error <= 0.05


@pytest.mark.parametrize("lost", [0.0, 0.5, 0.8])
def test_poor_capture_of_receptors_makes_no_library_poor_in_mait_cells(
    simulated: tuple, lost: float
) -> None:
    rna, contigs, truth = simulated
    rng = np.random.default_rng(8)
    is_kept = (contigs["chain"] != "alpha") | (rng.random(len(contigs)) >= lost)
    cells = called(rna, contigs[is_kept]).reset_index()
    table = count_softly(ROW, cells, call_threshold=0.8, not_callable={}).set_index("population")
    n_true = int((truth == "mait").sum())
    assert n_true > 50
    mait = table.loc["mait"]
    # the trap: the called cells fall with the capture
    assert mait["n_called"] == pytest.approx(n_true * 0.75 * (1 - lost), rel=0.3)
    assert mait["share_with_alpha"] == pytest.approx(0.75 * (1 - lost), abs=0.03)
    # four errors of drawing which of them were caught
    error = 4 * np.sqrt((1 - mait["share_with_alpha"]) / mait["n_called"])
    assert mait["n_corrected"] == pytest.approx(n_true, rel=error)
    # the soft count needs no receptor; RNA alone finds less of this noisy library than is there
    assert 0.65 * n_true < mait["n_expected"] < 1.1 * n_true


def test_the_error_is_that_of_independent_cells_and_what_cannot_be_shown_is_null() -> None:
    chance = np.array([0.9, 0.5, 0.1])
    cells = pd.DataFrame(
        {f"posterior_{name}": chance for name in INNATE}
        | {
            "call": ["mait", "indeterminate", "not_t"],
            "posterior_t": [1.0, 0.9, 0.1],
            "has_alpha": [True, False, False],
        }
    )
    table = count_softly(
        ROW, cells, call_threshold=0.8, not_callable={"gd_t_cells": "no V genes"}
    ).set_index("population")
    drawn = np.random.default_rng(1).random((200_000, 3)) < chance
    assert table.loc["mait", "n_expected"] == pytest.approx(1.5)
    assert table.loc["mait", "standard_error"] == pytest.approx(drawn.sum(axis=1).std(), rel=0.01)
    assert table.loc["mait", "n_called"] == 1
    assert pd.isna(table.loc["gd_t_cells", "n_expected"])
    # no alpha chain defines innate CD8 cells, and a library without contigs has no capture
    assert pd.isna(table.loc["innate_cd8", "n_corrected"])
    without = count_softly(
        ROW | {"contigs_path": None}, cells, call_threshold=0.8, not_callable={}
    ).set_index("population")
    assert without[["share_with_alpha", "n_corrected"]].isna().all(axis=None)
