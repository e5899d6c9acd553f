"""Figures for a journal: their size, text, fonts and bytes, and that everybody is drawn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.text import Text

from itc_analysis.errors import ItcError
from itc_analysis.report import paper_figures as figures
from itc_analysis.report.html.material import Material
from itc_analysis.stats.people.responses import KEY
from report.reading import with_tables


@pytest.fixture(scope="module")
def written(
    material: Material, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Material, list[Path]]:
    return material, figures.write_figures(material, tmp_path_factory.mktemp("figures"))


def test_every_primary_endpoint_is_drawn_at_both_widths(
    written: tuple[Material, list[Path]],
) -> None:
    material, paths = written
    primary = material.comparisons.query("role == 'primary'")[KEY].drop_duplicates()
    assert len(primary) > 1
    assert len(paths) == 4 * len(primary) + 1
    for path in paths[:-1]:
        width = int(re.search(r"_(\d+)mm$", path.stem).group(1))  # type: ignore[union-attr]
        raw = path.read_bytes()
        if path.suffix == ".svg":
            points = float(re.search(rb'<svg [^>]*width="([\d.]+)pt"', raw).group(1))  # type: ignore[union-attr]
            assert b"<dc:date>" not in raw
            assert b"<text" not in raw  # outlines need no font
        else:
            points = float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", raw).group(1))  # type: ignore[union-attr]
            assert b"/FontFile2" in raw
            assert b"/Type3" not in raw
            assert not re.search(rb"CreationDate|/Producer|/Creator", raw)
        assert points * 25.4 / 72 == pytest.approx(width, abs=0.1)


def _drawn(material: Material, width: int) -> list[tuple[mpl.figure.Figure, int, int]]:
    """Return each figure with the participants that have a number, and those below the limit."""
    made = []
    for key in (
        material.comparisons.query("role == 'primary'")[KEY].drop_duplicates().to_dict("records")
    ):
        points, estimates = figures._rows_of(material, {str(k): str(v) for k, v in key.items()})
        with mpl.rc_context(figures._STYLE):
            figure = figures.draw(material, points, estimates, width_mm=width)
            figure.draw_without_rendering()
        n = points["status"].isin(["ok", "below_lod"])
        made.append((figure, int(n.sum()), int((points["status"] == "below_lod").sum())))
    return made


@pytest.mark.parametrize("width", figures.WIDTHS_MM)
def test_everybody_is_a_point_and_text_is_small_but_whole(
    written: tuple[Material, list[Path]], width: int
) -> None:
    n_low = 0
    for figure, n, low in _drawn(written[0], width):
        clouds = next(axes.collections for part in figure.subfigs for axes in part.axes)
        assert sum(len(cloud.get_offsets()) for cloud in clouds) == n
        n_low += low
        sizes = {t.get_fontsize() for t in figure.findobj(Text) if t.get_text().strip()}
        assert sizes <= {7.0, 8.0}
        # all that is drawn of the axes, and the title, lies on the page
        boxes = [axes.get_tightbbox() for part in figure.subfigs for axes in part.axes]
        for own in [*boxes, figure._suptitle.get_window_extent()]:
            assert own.x0 >= figure.bbox.x0 - 1
            assert own.x1 <= figure.bbox.x1 + 1
            assert own.y0 >= figure.bbox.y0 - 1
    assert n_low > 0


def test_a_caption_holds_the_numbers_of_the_table(written: tuple[Material, list[Path]]) -> None:
    material, paths = written
    text = paths[-1].read_text(encoding="utf-8")
    for row in material.comparisons.query("role == 'primary'").itertuples():
        assert f"{row.index_group} (n = {row.n_index}) against" in text
    assert text.count("## ") == (len(paths) - 1) // 4
    assert "below the limit of detection and drawn at their upper" in text


def test_other_processes_write_the_same_bytes(
    results: Path, written: tuple[Material, list[Path]], tmp_path: Path
) -> None:
    (tmp_path / "settings.yaml").write_text("study: {}\n", encoding="utf-8")
    script = "import sys; from itc_analysis.cli import main; sys.exit(main(sys.argv[1:]))"
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", script, "figures", str(results), "--config",
             str(tmp_path / "settings.yaml"), "--output", str(tmp_path / seed)],
            check=True, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True,
        )  # fmt: skip
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert names == sorted(path.name for path in written[1])
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_a_plan_without_primary_comparisons_says_what_to_do(
    written: tuple[Material, list[Path]], tmp_path: Path
) -> None:
    rows = written[0].comparisons
    material = with_tables(written[0], comparisons=rows[rows["role"] != "primary"])
    with pytest.raises(ItcError, match="declare a family of role primary"):
        figures.write_figures(material, tmp_path / "none")
    assert not (tmp_path / "none").exists()
