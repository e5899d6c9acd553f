"""Cards on real cells of known state: stimulated MAIT, interferon-beta, sorted populations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.flow.gating.test_real import gate_example
from tests.scores.test_signatures import shipped

from itc_analysis.config.loading import load_settings
from itc_analysis.scores.cards.signatures import Signature
from itc_analysis.scores.repeatability import bridge_repeatability
from itc_analysis.scores.samples.profiles import FlowTables
from itc_analysis.scores.scoring.methods import Reference, pseudobulk_z
from itc_analysis.scores.scoring.runner import score_study

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.filterwarnings("ignore"),  # of the public files
]


def auroc(values: np.ndarray, is_high: np.ndarray) -> float:
    """Probability that one of the high lies above one of the others."""
    high, low = values[is_high], values[~is_high]
    return float(stats.mannwhitneyu(high, low).statistic / len(high) / len(low))


def score(
    table: pd.DataFrame, total: np.ndarray, card: Signature, healthy: np.ndarray
) -> np.ndarray:
    """Rows as samples of one person each, `healthy` as the reference."""
    here = [place for place, gene in enumerate(card.features) if gene in table]
    everybody = Reference(
        participants=np.arange(len(table)).astype(object),
        batches=np.full(len(table), "b", dtype=object),
        is_reference=healthy,
        min_reference=4,
    )
    genes = [card.features[place] for place in here]
    counts = table[genes].to_numpy(dtype=float)
    return pseudobulk_z(counts, total, np.array(card.weights)[here], everybody).value


@pytest.fixture(scope="module")
def mait(real_data: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Sorted MAIT cells of one donor (Finak 2015, MAST): TPM, and who was stimulated."""
    path = real_data / "singlecell/03_mast_sorted_mait_stim/maits_log2tpm.h5ad"
    if not path.is_file():
        pytest.skip("03_mast_sorted_mait_stim is absent")
    anndata = pytest.importorskip("anndata")
    cells = anndata.read_h5ad(path)
    cells = cells[cells.obs["ourfilter"].astype(str) == "True"]
    log = pd.DataFrame(
        cells.X.toarray() if hasattr(cells.X, "toarray") else np.asarray(cells.X),
        columns=cells.var["symbolid"].astype(str),
    )
    tpm = np.round(2 ** log.T.groupby(level=0).max().T - 1)
    return tpm, (cells.obs["condition"] == "Stim").to_numpy()


def test_activation_tells_stimulated_mait_and_cd69_alone_does_the_opposite(
    mait: tuple[pd.DataFrame, np.ndarray],
) -> None:
    tpm, is_stimulated = mait
    total = tpm.sum(axis=1).to_numpy()
    activation = score(tpm, total, shipped()["activation", "singlecell"], ~is_stimulated)
    assert auroc(activation, is_stimulated) >= 0.95
    assert auroc(tpm["CD69"].to_numpy(), is_stimulated) < 0.15


def test_receptors_of_stimulated_mait_rise_no_further_than_activation_explains(
    mait: tuple[pd.DataFrame, np.ndarray],
) -> None:
    """Stimulation raises the score; what activation leaves of it does not tell the cells."""
    tpm, is_stimulated = mait
    total = tpm.sum(axis=1).to_numpy()
    cards = shipped()
    receptors = score(tpm, total, cards["exhaustion", "singlecell"], ~is_stimulated)
    activation = score(tpm, total, cards["activation", "singlecell"], ~is_stimulated)
    assert auroc(receptors, is_stimulated) > 0.8
    rest = receptors - np.polyval(np.polyfit(activation, receptors, 1), activation)
    assert auroc(rest, is_stimulated) < 0.6


def test_interferon_alone_raises_the_receptor_score_through_lag3(real_data: Path) -> None:
    path = real_data / "singlecell/10_kang2018_harmony_stim_ctrl/kang_harmony_ctrl_stim.h5ad"
    if not path.is_file():
        pytest.skip("10_kang2018_harmony_stim_ctrl is absent")
    anndata = pytest.importorskip("anndata")
    cells = anndata.read_h5ad(path)
    genes = pd.DataFrame(cells.X.toarray(), columns=cells.var_names)
    is_t = ((genes[["CD3D", "CD3E"]].sum(axis=1) > 0) & (genes["LYZ"] < 2)).to_numpy()
    genes = genes[is_t].reset_index(drop=True)
    given = (cells.obs["cond"] == "stim").to_numpy()[is_t]
    # no donors are named: pools of 40 cells stand for samples
    rng = np.random.default_rng(0)
    pool = np.empty(len(genes), dtype=object)
    for word, chosen in (("given", given), ("without", ~given)):
        order = rng.permutation(np.flatnonzero(chosen))
        for number, part in enumerate(np.array_split(order, len(order) // 40)):
            pool[part] = f"{word}{number}"
    sums = genes.groupby(pool).sum()
    is_given = sums.index.str.startswith("given")
    total = sums.sum(axis=1).to_numpy(dtype=float)
    cards = shipped()
    interferon = score(sums, total, cards["interferon", "singlecell"], ~is_given)
    receptors = score(sums, total, cards["exhaustion", "singlecell"], ~is_given)
    others = score(sums.drop(columns="LAG3"), total, cards["exhaustion", "singlecell"], ~is_given)
    assert interferon[is_given].min() > interferon[~is_given].max()
    assert receptors[is_given].mean() > 3
    # nothing but LAG3 rises, and it rises with interferon
    assert others[is_given].mean() < 0.5
    assert np.corrcoef(np.log1p(1e6 * sums["LAG3"] / total), interferon)[0, 1] > 0.8


def test_innateness_orders_sorted_populations_but_measures_cytotoxicity(real_data: Path) -> None:
    """Two of the twelve genes are in the public matrix, so the product would refuse; the order is
    that of the field.

    CD8 memory cells outrank MAIT and Vδ2: the caveat of every such score.
    """
    path = real_data / "singlecell/20_abis_sorted_bulk/sigmatrixRNAseq.txt"
    if not path.is_file():
        pytest.skip("20_abis_sorted_bulk is absent")
    table = pd.read_csv(path, sep="\t")
    card = shipped()["innateness", "singlecell"]
    weight = pd.Series(card.weights, index=card.features)
    found = [gene for gene in card.features if gene in table.index]
    assert found == ["GZMH", "CD28"]
    level = np.log2(table.loc[found] + 1).mul(weight[found], axis=0).sum()
    assert level["T CD8 Naive"] < level["T CD4 Memory"] < level["T gd Vd2"] < level["T gd non-Vd2"]
    assert level["T gd non-Vd2"] < level["NK"]
    assert level["T CD8 Memory"] > max(level["MAIT"], level["T gd Vd2"])


def test_coereba_has_both_scores_with_errors_and_their_repeatability(
    real_data: Path, root: Path
) -> None:
    """CD39 with PD-1, CD38 with HLA-DR; one control donor in every of four batches.

    Seen: ICC of exhaustion 0.94 (0.20 to 0.99), of activation 0.93 (0.00 to 0.99).
    """
    if not (real_data / "flow" / "coereba").is_dir():
        pytest.skip("coereba is absent")
    _, tables = gate_example(root, real_data, "coereba")
    folder = root / "config" / "examples" / "coereba"
    tubes, samples, people = (
        pd.read_csv(folder / f"{name}.tsv", sep="\t", dtype=str)
        for name in ("fcs_files", "samples", "participants")
    )
    people = people.assign(is_analysed=True)
    settings = load_settings(folder / "config.yaml")
    flow = FlowTables(
        tubes.assign(condition=pd.NA), tables.counts, tables.intensity, tables.combinations
    )
    cards = shipped()
    found = score_study(
        [cards["exhaustion", "flow"], cards["activation", "flow"]],
        people,
        samples,
        flow=flow,
        single_cell=None,
        healthy_group=settings.cohort.healthy_group,
        settings=settings.scores.model_copy(update={"subsets": {}}),
        min_cells=settings.singlecell.min_pseudobulk_cells,
    )
    own = found[(found["population"] == "vd2_gd") & (found["method"] == "mean_logit_z")]
    assert own.groupby("signature")["status"].unique().map(list).to_dict() == {
        "exhaustion": ["ok"],
        "activation": ["ok"],
    }
    assert (own["standard_error"] > 0).all()
    icc = bridge_repeatability(found, samples, people)
    icc = icc[icc["method"] == "mean_logit_z"].set_index("signature")
    assert (icc["n_runs"] == 4).all()
    assert (icc["icc"] > 0.8).all()
    assert (icc["lower"] < icc["icc"]).all()
