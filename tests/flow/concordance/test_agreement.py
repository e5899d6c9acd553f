"""Automatic against human gates: the figures by hand, and the examples of real data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from itc_analysis.cli import main
from itc_analysis.flow.concordance import agreement as concordance
from itc_analysis.flow.concordance import plots as concordance_plots
from itc_analysis.flow.concordance.agreement import f1_score
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Concordance

#: Counts of two observers.
ONE, OTHER = [1, 2, 3, 4], [1, 3, 4, 5]


def test_f1_counts_events_in_both() -> None:
    one, other = np.zeros(10, dtype=bool), np.zeros(10, dtype=bool)
    one[:4], other[1:7] = True, True
    assert f1_score(one, other) == (3, 0.75, 0.5, 0.6)
    both, precision, recall, f1 = f1_score(~one & one, other)
    assert (both, recall, f1) == (0, 0, 0)
    assert np.isnan(precision)


def table(n_automatic: list[int | None]) -> pd.DataFrame:
    rows = [
        {"file_id": f"T{i}", "population": "a", "human_gate": "A", "gate_state": "ok",
         "n_automatic": n, "n_human": h, "n_both": n, "precision": 1.0, "recall": 0.9, "f1": 0.95}
        for i, (n, h) in enumerate(zip(n_automatic, OTHER, strict=True))
    ]  # fmt: skip
    return contract.make(rows, Concordance)


def test_summary_counts_tubes_that_could_not_be_gated() -> None:
    (line,) = concordance.summarise(table([1, 2, 3, None]), confidence=0.95).to_dict("records")
    assert (line["n_tubes"], line["n_not_estimable"]) == (4, 1)
    # differences 0, -1, -1
    assert line["mean_difference"] == pytest.approx(-2 / 3)
    assert line["upper_limit"] == pytest.approx(-2 / 3 + 1.959964 * np.sqrt(1 / 3))


def test_plot_shows_every_tube_and_its_number() -> None:
    ax = concordance_plots.plot_concordance(table(list(ONE)), "a")
    assert "n = 4 tubes" in ax.get_title()
    assert sum(len(points.get_offsets()) for points in ax.collections) == 4
    with pytest.raises(ValueError, match="no tube has both gates of 'b'"):
        concordance_plots.plot_concordance(table(list(ONE)), "b")


def test_differences_are_drawn_with_their_limits() -> None:
    ax = concordance_plots.plot_differences(table(list(ONE)), "a")
    points = np.concatenate([np.asarray(each.get_offsets()) for each in ax.collections])
    # automatic minus human: 0, -1, -1, -1 at means 1, 2.5, 3.5, 4.5
    np.testing.assert_allclose(sorted(points.tolist()), [[1, 0], [2.5, -1], [3.5, -1], [4.5, -1]])
    drawn = {round(float(line.get_ydata()[0]), 4) for line in ax.lines}
    assert {-0.75, round(-0.75 - 1.959964 * 0.5, 4), round(-0.75 + 1.959964 * 0.5, 4)} <= drawn
    (named,) = [text.get_text() for text in ax.texts if "F1" in text.get_text()]
    assert [line.split(",")[0] for line in named.splitlines()] == ["1  T0", "2  T1", "3  T2"]


def agree(root: Path, data: Path, name: str, human: Path, names: list[str], folder: Path) -> Path:
    """Gate an example as the workflow does, compare it with a workspace; the folder of the
    results.
    """
    example = root / "config" / "examples" / name
    common = ["--config", str(example / "config.yaml"), "--panel",
              str(example / "panels" / f"{name}.tsv"), "--template",
              str(example / "gating" / f"{name}.yaml")]  # fmt: skip
    sheet = pd.read_csv(example / "fcs_files.tsv", sep="\t", dtype=str)
    rows = sheet.assign(path=[str(data / p) for p in sheet["path"]])
    tubes = folder / "tubes.json"
    tubes.write_text(rows.to_json(orient="records"))
    fits = []
    for batch, part in rows.groupby("batch"):
        own = folder / f"{batch}.json"
        own.write_text(json.dumps(part.to_dict("records")))
        assert main(["fit-gates", *common, "--tubes", str(own),
                     "--output-folder", str(folder / str(batch))]) == 0  # fmt: skip
        fits.append(str(folder / str(batch) / "gate_fits.parquet"))
    gates = folder / "gates.parquet"
    assert main(["pool-gates", *common, "--fits", *fits, "--output", str(gates)]) == 0
    assert main(["concordance", *common, "--tubes", str(tubes), "--gates", str(gates),
                 "--human", str(human), "--names", *names,
                 "--output-folder", str(folder / "out")]) == 0  # fmt: skip
    return folder / "out"


@pytest.mark.real_data
def test_coereba_agrees_with_the_analyst(
    real_data: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = real_data / "flow" / "coereba"
    out = agree(root, data, "coereba", data / "flowjo_vd2.wsp", ["Vd2=vd2_gd"], tmp_path)
    assert "Worst first" in capsys.readouterr().out
    summary = pd.read_csv(out / "summary.tsv", sep="\t").set_index("population").loc["vd2_gd"]
    assert summary["n_tubes"] == 16
    assert summary["n_not_estimable"] == 0
    assert summary["ccc"] >= 0.98
    assert summary["median_f1"] >= 0.92
    found = contract.read(out / "concordance.parquet", Concordance)
    listed = pd.read_csv(out / "worst_first.tsv", sep="\t")
    assert listed["f1"].is_monotonic_increasing
    assert listed.loc[0, "f1"] == pytest.approx(found["f1"].min(), abs=1e-5)
    control = found.loc[found["file_id"].str.startswith("NY068"), "n_automatic"].astype(float)
    # one donor in four batches
    assert len(control) == 4
    assert control.std() / control.mean() <= 0.12
    assert (out / "vd2_gd.png").stat().st_size > 0


@pytest.mark.real_data
def test_mouse_spleen_agrees_with_the_analyst(real_data: Path, root: Path, tmp_path: Path) -> None:
    data = real_data / "flow" / "mouse_spleen_flowjo"
    names = ["T cells=t_cells", "ab T cells=ab_t_cells", "gd T cells=gd_t_cells",
             (
                 "CD4 T cells=cd4_t_cells"
             ), "CD8 T cells=cd8_t_cells", "NK T cells=nkt_cells"]  # fmt: skip
    out = agree(root, data, "mouse_spleen", data / "gating.wsp", names, tmp_path)
    f1 = contract.read(out / "concordance.parquet", Concordance).set_index("population")["f1"]
    assert f1.pop("nkt_cells") >= 0.9
    assert len(f1) == 5
    assert (f1 >= 0.95).all()


@pytest.mark.real_data
def test_names_that_fit_nothing_are_refused(
    real_data: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = real_data / "flow" / "mouse_spleen_flowjo"
    with pytest.raises(AssertionError):
        agree(root, data, "mouse_spleen", data / "gating.wsp", ["gd T cell=gd_cells"], tmp_path)
    said = capsys.readouterr().err
    assert "no human gate 'gd T cell'; did you mean 'gd T cells'?" in said
    assert "no population 'gd_cells'" in said
