"""Public studies: one whose groups are different laboratories, and one whose groups are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config import Cohort, Stats
from itc_analysis.stats.compare import compare_groups
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Measurements
from itc_analysis.tables.participants import Participants
from stats.made_up_study import make_plan

pytestmark = pytest.mark.real_data


def tables(counts: pd.DataFrame, group: pd.Series, batch: pd.Series):
    """Participants and shares from a table of cells, people as rows, populations as columns."""
    people = contract.make(
        pd.DataFrame(
            {
                "participant_id": counts.index,
                "group": group.to_numpy(),
                "decision": "eligible",
                "decided_by": "rules",
                "is_analysed": True,
            }
        ),
        Participants,
    )
    total = counts.sum(axis=1)
    rows = [
        {
            "sample_id": person, "participant_id": person, "group": group[person], "assay": "singlecell",
            "source_id": person, "batch": batch[person], "population": population, "measure": "share_of_t",
            "feature": "-", "value": counts.loc[person, population] / total[person], "unit": "share",
            "n_denominator": total[person], "status": "ok",
        }
        for person in counts.index
        for population in counts.columns
    ]  # fmt: skip
    return contract.make(rows, Measurements), people


def compare(measurements, people, index, reference, populations):
    plan = make_plan(
        populations=tuple(populations), contrasts=("healthy",), assay="singlecell", role="exploratory",
        adjustment="bh",
    )  # fmt: skip
    cohort = Cohort(index_group=index, healthy_group=reference, disease_groups=())
    settings = Stats(n_permutations=0)
    return compare_groups(measurements, people, plan=plan, cohort=cohort, settings=settings)


@pytest.fixture
def sccomp(real_data):
    folder = real_data / "singlecell/08_composition_mait_gd_labels"
    if not folder.is_dir():
        pytest.skip("08_composition_mait_gd_labels is absent")
    counts = pd.read_csv(folder / "sccomp_sample_by_celltype_counts.csv", index_col="sample")
    group = counts.pop("type")
    counts.columns = [name.replace(" ", "_") for name in counts.columns]
    return counts, group


def test_groups_that_are_different_studies_are_reported_as_not_interpretable(sccomp):
    counts, group = sccomp
    # the study a sample comes from: by its name all cancer samples are one series, no healthy one is of it
    study = pd.Series(
        ["SI-GA" if name.startswith("SI-GA") else "public" for name in counts.index],
        index=counts.index,
    )
    measurements, people = tables(counts, group, study)
    found = compare(measurements, people, "cancer", "healthy", counts.columns)
    assert len(found) == 30
    assert (found["status"] == "not_estimable").all()
    assert found["p_value"].isna().all()
    assert found["reason"].str.startswith("not interpretable: confounded with batch").all()
    assert found["reason"].str.contains("cancer in SI-GA; healthy in public").all()


def test_shares_agree_with_propeller_where_the_study_is_not_told(sccomp, real_data):
    """Propeller (logit, moderated t) on the same 20 people: same direction, same order of evidence."""
    counts, group = sccomp
    measurements, people = tables(counts, group, pd.Series("one", index=counts.index))
    found = compare(measurements, people, "cancer", "healthy", counts.columns)
    file = "15_reference_outputs/composition_sccomp_cancer_vs_healthy_propeller_logit.csv"
    expected = pd.read_csv(real_data / "singlecell" / file, index_col=0)
    expected.index = expected.index.str.replace(" ", "_")
    mine = found.set_index("population").loc[expected.index]
    t = np.log(mine["estimate"]) / mine["standard_error"]
    assert t.corr(expected["Tstatistic"], method="spearman") >= 0.9
    both = ((mine["p_value"] < 0.05) & (expected["P.Value"] < 0.05)).to_numpy(dtype=bool)
    assert both.sum() >= 10
    signs = [np.sign(values.to_numpy(dtype=float)[both]) for values in (t, expected["Tstatistic"])]
    np.testing.assert_array_equal(*signs)


def test_random_halves_of_onek1k_show_no_more_than_chance(real_data):
    """150 random halves of 40 donors, four populations: at most 5 % hits, and two Monte-Carlo errors."""
    path = real_data / "singlecell/18_onek1k_scdesignpop_40donors/onek1k_subset.h5ad"
    if not path.is_file():
        pytest.skip("18_onek1k_scdesignpop_40donors is absent")
    anndata = pytest.importorskip("anndata")
    cells = anndata.read_h5ad(path, backed="r").obs
    person = next(name for name in ("indiv", "individual", "donor", "donor_id") if name in cells)
    counts = pd.crosstab(cells[person].astype(str), cells["cell_type"].astype(str))
    counts.index = [f"D{i:02d}" for i in range(len(counts))]
    counts.columns = [str(name) for name in counts.columns]
    rng = np.random.default_rng(3)
    p_values, claimed = [], 0
    for _ in range(30):
        group = pd.Series(
            rng.permutation(["A"] * (len(counts) // 2) + ["B"] * (len(counts) - len(counts) // 2)),
            index=counts.index,
        )
        measurements, people = tables(counts, group, pd.Series("one", index=counts.index))
        found = compare(measurements, people, "A", "B", counts.columns)
        p_values += found["p_value"].tolist()
        claimed += int((found["p_adjusted"] < 0.05).any())
    n = len(p_values)
    # shares of one parent are not independent: the error is that of the 30 halves
    assert np.mean(np.array(p_values) < 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 30)
    assert n == 30 * counts.shape[1]
    assert claimed <= 5
