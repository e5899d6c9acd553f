"""The four commands on a simulated study, against the truth of every event."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from itc_analysis.cli import main
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import (
    Combinations,
    GateFits,
    Gates,
    Histograms,
    Intensity,
    TubeQuality,
)
from itc_analysis.tables.measured import Counts
from itc_analysis.tables.quantities import POSITIVE_OF

#: Populations and the leaves of the truth that they hold.
LEAVES = {
    "panel_a": {
        "t_cells": ("vd2_gd", "vd2neg_gd", "inkt", "mait", "cd4_t_cells", "eomes_neg_cd8",
                    "conventional_memory_cd8", "innate_cd8", "dn_t_cells", "dp_t_cells"),
        "gd_t_cells": ("vd2_gd", "vd2neg_gd"),
        "vd2_gd": ("vd2_gd",),
        "inkt": ("inkt",),
        "mait": ("mait",),
        "cd4_t_cells": ("cd4_t_cells",),
        "cd8_t_cells": ("eomes_neg_cd8", "conventional_memory_cd8", "innate_cd8"),
        "beads": ("bead",),
    },
    "panel_b": {
        "innate_cd8": ("innate_cd8",),
        "conventional_memory_cd8": ("conventional_memory_cd8",),
        "mait": ("mait",),
    },
}  # fmt: skip


def gate(study: Path, panel: str, results: Path) -> None:
    """Run fit, pool and apply on all batches of a panel through the command line."""
    config = study / "config"
    sheet = pd.read_csv(config / "fcs_files.tsv", sep="\t", dtype="string")
    sheet = sheet[sheet["panel"] == panel].assign(path=str(study / "data") + "/" + sheet["path"])
    common = ["--config", str(config / "config.yaml"), "--panel",
              str(config / "panels" / f"{panel}.tsv"),
              "--template", str(config / "gating" / f"{panel}.yaml")]  # fmt: skip
    batches = sorted(sheet["batch"].unique())
    scales = str(results / "scales.parquet")
    every = results / "tubes.json"
    plain = sheet.astype(object)
    every.write_text(json.dumps(plain.where(plain.notna(), None).to_dict("records")))
    assert main(["learn-scales", *common, "--tubes", str(every),
                 "--output-folder", str(results)]) == 0  # fmt: skip
    for batch in batches:
        rows = sheet[sheet["batch"] == batch].astype(object)
        tubes = results / f"tubes-{batch}.json"
        tubes.write_text(json.dumps(rows.where(rows.notna(), None).to_dict("records")))
        folder = str(results / batch)
        assert main(["fit-gates", *common, "--scales", scales, "--tubes", str(tubes),
                     "--output-folder", folder]) == 0  # fmt: skip
    fits = [str(results / batch / "gate_fits.parquet") for batch in batches]
    gates = str(results / "pooled_gates.parquet")
    assert main(["pool-gates", *common, "--fits", *fits, "--output", gates]) == 0
    for batch in batches:
        assert main(["apply-gates", *common, "--scales", scales,
                     "--tubes", str(results / f"tubes-{batch}.json"),
                     "--gates", gates, "--quality", str(results / batch / "quality.parquet"),
                     "--kept", str(results / batch / "kept_events.parquet"),
                     "--output-folder", str(results / batch)]) == 0  # fmt: skip


@pytest.fixture(scope="session")
def membership(simulated_study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the results folder of each panel of the simulated study."""
    folders = {panel: tmp_path_factory.mktemp(panel) for panel in LEAVES}
    for panel, folder in folders.items():
        gate(simulated_study, panel, folder)
    return folders


def tables(folder: Path, name: str, its_contract: type[contract.Contract]) -> pd.DataFrame:
    return contract.read_all(sorted(folder.glob(f"*/{name}.parquet")), its_contract)


def against_truth(study: Path, folder: Path, panel: str) -> pd.DataFrame:
    """Return counts of participants' tubes beside the true numbers of events."""
    counts = tables(folder, "counts", Counts)
    rows = []
    for file_id in sorted(counts["source_id"].unique()):
        if "fmo" in file_id:
            continue
        events = pd.read_parquet(study / "truth" / "events" / f"{file_id}.parquet")
        true = events["population"].value_counts()
        own = counts[counts["source_id"] == file_id].set_index("population")
        for population, leaves in LEAVES[panel].items():
            rows.append(
                {
                    "population": population,
                    "true": int(sum(true.get(leaf, 0) for leaf in leaves)),
                    **own.loc[population, ["n_events", "n_lower", "n_upper", "detection"]],
                    "background": float(own["n_background"].fillna(0.0)[population]),
                }
            )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("panel", list(LEAVES))
def test_counts_are_those_of_the_truth(
    simulated_study: Path, membership: dict[str, Path], panel: str
) -> None:
    table = against_truth(simulated_study, membership[panel], panel)
    assert table["n_events"].notna().all()
    frequent = table[table["true"] >= 200]
    net = frequent["n_events"] - frequent["background"]
    # singlets, scatter and viability lose up to 2 % of the cells
    assert np.median(np.abs(net / frequent["true"] - 1)) < 0.02
    assert (np.abs(net / frequent["true"] - 1) < 0.1).mean() > 0.95
    rare = table[table["true"] < 200]
    covered = (rare["n_lower"] <= rare["true"]) & (rare["true"] <= rare["n_upper"])
    assert covered.mean() >= 0.93


@pytest.mark.parametrize("panel", list(LEAVES))
def test_detection_follows_the_true_number(
    simulated_study: Path, membership: dict[str, Path], panel: str
) -> None:
    table = against_truth(simulated_study, membership[panel], panel)
    assert (table.loc[table["true"] >= 100, "detection"] == "quantified").mean() > 0.95
    # a count of 50 must not come from fewer than 25 cells
    assert (table.loc[table["true"] < 25, "detection"] != "quantified").all()


@pytest.mark.parametrize("panel", list(LEAVES))
def test_dead_cells_and_debris_are_those_of_the_truth(
    simulated_study: Path, membership: dict[str, Path], panel: str
) -> None:
    quality = tables(membership[panel], "quality", TubeQuality)
    stained = quality[quality["tube"] == "stained"].set_index("file_id")
    assert stained[["dead_reason", "debris_reason"]].isna().all(axis=None)
    for file_id, row in stained.iterrows():
        events = pd.read_parquet(simulated_study / "truth" / "events" / f"{file_id}.parquet")
        true = events["population"].value_counts()
        n_cells = true.sum() - true.get("bead", 0)
        # a third of the dead cells have shrunk so far that they count as debris
        assert row["share_debris"] == pytest.approx(true["debris"] / n_cells, abs=0.02)
        n_whole = n_cells - true["debris"]
        assert row["share_dead"] == pytest.approx(true["dead"] / n_whole, abs=0.02)


def test_every_tube_has_every_population(membership: dict[str, Path]) -> None:
    for panel, folder in membership.items():
        fits = tables(folder, "gate_fits", GateFits)
        counts = tables(folder, "counts", Counts)
        gates = tables(folder, "gates", Gates)
        # thresholds of positivity stand among the gates, of stained tubes only
        fits = fits[~fits["population"].str.startswith(POSITIVE_OF)]
        gates = gates[~gates["population"].str.startswith(POSITIVE_OF)]
        quality = tables(folder, "quality", TubeQuality)
        assert (quality["status"] == "ok").all(), panel
        keys = set(zip(fits["file_id"], fits["population"], strict=True))
        assert keys == set(zip(gates["file_id"], gates["population"], strict=True))
        assert keys == set(zip(counts["source_id"], counts["population"], strict=True))
        assert len(keys) == quality["file_id"].nunique() * fits["population"].nunique()


def test_innate_populations_do_not_overlap(membership: dict[str, Path]) -> None:
    counts = tables(membership["panel_a"], "counts", Counts)
    wide = counts.set_index(["source_id", "population"])["n_events"].unstack()  # noqa: PD010  (nothing to aggregate)
    parts = ["gd_t_cells", "inkt", "mait", "conventional_ab"]
    cd161low = wide["not_inkt"] - wide["mait"] - wide["conventional_ab"]
    assert (cd161low == 0).all()
    assert (wide[parts].sum(axis=1) == wide["t_cells"]).all()
    four = ["cd4_t_cells", "cd8_t_cells", "dn_t_cells", "dp_t_cells"]
    assert (wide[four].sum(axis=1) == wide["conventional_ab"]).all()


def test_positivity_has_its_threshold_from_the_batchs_fmo(
    simulated_study: Path, membership: dict[str, Path]
) -> None:
    intensity = tables(membership["panel_a"], "intensity", Intensity)
    assert (intensity["threshold_source"] == "fmo").all()
    assert not intensity["source_id"].str.contains("fmo").any()
    # one threshold per batch, marker and population
    sheet = pd.read_csv(simulated_study / "config" / "fcs_files.tsv", sep="\t", dtype="string")
    batch = sheet.set_index("file_id")["batch"]
    per_batch = intensity.assign(batch=intensity["source_id"].map(batch))
    n = per_batch.groupby(["batch", "marker", "population"])["threshold"].nunique()
    assert (n == 1).all()
    # however few the cells: their error says what they carry
    assert intensity["n_positive"].notna().all()


def test_combinations_add_up(membership: dict[str, Path]) -> None:
    combinations = tables(membership["panel_a"], "combinations", Combinations)
    counts = tables(membership["panel_a"], "counts", Counts).set_index(["source_id", "population"])
    sums = combinations.groupby(["source_id", "population"])["n_events"].sum()
    assert (sums == counts.loc[sums.index, "n_events"]).all()


def test_stained_tubes_have_views_and_gatingml(membership: dict[str, Path]) -> None:
    for folder in membership.values():
        fits = tables(folder, "gate_fits", GateFits)
        stained = set(fits.loc[fits["tube"] == "stained", "file_id"])
        assert {path.stem for path in folder.glob("*/gatingml/*.xml")} == stained
        assert set(tables(folder, "histograms", Histograms)["source_id"]) == stained


def test_a_second_run_writes_the_same_bytes(
    simulated_study: Path, membership: dict[str, Path], tmp_path: Path
) -> None:
    gate(simulated_study, "panel_b", tmp_path)
    first = sorted(p for p in membership["panel_b"].rglob("*") if p.suffix in (".parquet", ".xml"))
    assert len(first) > 10
    for path in first:
        again = tmp_path / path.relative_to(membership["panel_b"])
        assert again.read_bytes() == path.read_bytes(), path.name


def test_faults_of_the_inputs_end_with_status_2(
    simulated_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = simulated_study / "config"
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "panel: p\npopulations:\n- {name: a, parent: al, markers: [CD33], method: tial, side: "
        "above}\n"
    )
    tubes = tmp_path / "tubes.json"
    tubes.write_text('[{"file_id": "T1"}, {"file_id": "T1"}]')
    common = ["fit-gates", "--config", str(config / "config.yaml"), "--panel",
              str(config / "panels" / "panel_a.tsv"), "--output-folder", str(tmp_path)]  # fmt: skip
    assert main([*common, "--template", str(bad), "--tubes", str(tubes)]) == 2
    said = capsys.readouterr().err
    assert "3 faults" in said
    assert "unknown method 'tial'; did you mean 'tail'?" in said
    good = str(config / "gating" / "panel_a.yaml")
    assert main([*common, "--template", good, "--tubes", str(tubes)]) == 2
    said = capsys.readouterr().err
    assert "tube 1, 'path' is missing" in said
    assert "file_id 'T1' stands 2 times" in said
    assert main([*common, "--template", good, "--tubes", str(tmp_path / "no.json")]) == 2
    assert "is not there" in capsys.readouterr().err


def test_the_overview_shows_every_stained_tube_of_a_population(
    membership: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = membership["panel_b"]
    common = ["overview", "--gates", *map(str, sorted(folder.glob("*/gates.parquet"))),
              "--histograms", *map(str, sorted(folder.glob("*/histograms.parquet"))),
              "--counts", *map(str, sorted(folder.glob("*/counts.parquet"))),
              "--quality", *map(str, sorted(folder.glob("*/quality.parquet"))),
              "--output-folder", str(tmp_path / "pages")]  # fmt: skip
    assert main(common) == 0
    histograms = tables(folder, "histograms", Histograms)
    stained = set(histograms["source_id"])
    populations = set(tables(folder, "counts", Counts)["population"])
    assert {path.stem for path in (tmp_path / "pages").iterdir()} == {"index", *populations}
    for population in populations:
        page = (tmp_path / "pages" / f"{population}.html").read_text()
        assert set(re.findall(r"<figcaption><b>(.*?)</b>", page)) == stained
        assert page.count("<image") == len(stained)
    assert main([*common, "--populations", "mate"]) == 2
    assert "no gate of 'mate'" in capsys.readouterr().err
