"""Overview pages: every stained tube has its place, the worst first, and says what the tables
say.
"""

from __future__ import annotations

import base64
import io
import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from flow.made_tubes import five_tubes, gate_tubes, t_cell_tube
from itc_analysis.cli import main
from itc_analysis.errors import ItcError
from itc_analysis.flow.pictures.gate_drawing import draw_gate, gates_of_tubes
from itc_analysis.flow.pictures.gate_svg import common_axes, to_svg
from itc_analysis.flow.pictures.overview import Overview, Tables
from itc_analysis.flow.pictures.plots import STATE_COLOURS, STATE_ORDER
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Gates, Histograms, TubeQuality
from itc_analysis.tables.measured import Counts


@pytest.fixture(scope="module")
def tables() -> Tables:
    """Return the tables of five tubes, one without iNKT cells, and of one that could not be
    read.
    """
    tubes = five_tubes()
    gates, made = gate_tubes(tubes, t_cell_tube(n=20, file_id="<lost>"))
    quality = contract.make(
        [
            {"file_id": name, "sample_id": "S", "panel": "made", "batch": "b1", "tube": "stained",
             "status": "unreadable" if name == "<lost>" else "ok", "n_events": 1, "n_clean": 1,
             "reason": "cut short" if name == "<lost>" else None}
            for name in [*tubes, "<lost>"]
        ],
        TubeQuality,
    )  # fmt: skip
    return Tables(gates, made.histograms, made.counts, quality)


def tiles(page: str) -> dict[str, str]:
    """Return the text of each tile by its tube, in the order of the page."""
    found = re.findall(r"<figure .*?</figure>", page, flags=re.S)
    return {re.search(r"<b>(.*?)</b>", each).group(1): each for each in found}  # type: ignore[union-attr]


def test_every_stained_tube_has_a_tile_the_worst_first(tables: Tables) -> None:
    found = tiles(Overview(tables).population_page("inkt"))
    assert set(found) == {"A", "B", "C", "D", "E", "&lt;lost&gt;"}
    gates = tables.gates[tables.gates["population"] == "inkt"]
    states = {f.replace("<", "&lt;").replace(">", "&gt;"): s
              for f, s in zip(gates["file_id"], gates["state"], strict=True)}  # fmt: skip
    ranks = [STATE_ORDER.index(states[file_id]) for file_id in found]
    assert ranks == sorted(ranks)
    for file_id, tile in found.items():
        assert f">{states[file_id].replace('_', ' ')}</i>" in tile


def test_one_tube_is_told_in_the_singular(tables: Tables) -> None:
    quality = tables.quality[tables.quality["file_id"] == "A"]
    one = Tables(tables.gates, tables.histograms, tables.counts, quality)
    assert "<p>1 stained tube, worst" in Overview(one).population_page("inkt")
    assert "<p>1 stained tube. One" in Overview(one).index_page()


def test_a_tile_tells_counts_and_a_lost_tube_its_reason(tables: Tables) -> None:
    found = tiles(Overview(tables).population_page("inkt"))
    row = tables.counts.set_index(["source_id", "population"]).loc[("A", "inkt")]
    assert f"{row['n_events']:,} of {row['n_parent']:,}" in found["A"]
    assert "background" in found["A"]
    assert "<svg" in found["A"]
    assert "no picture" in found["&lt;lost&gt;"]
    assert "not counted" in found["&lt;lost&gt;"]


def test_a_combination_is_ordered_and_marked_by_its_worst_part(tables: Tables) -> None:
    overview = Overview(tables)
    assert overview.order("not_inkt") == overview.order("inkt")
    whole, part = (tiles(overview.population_page(name)) for name in ("not_inkt", "inkt"))
    for file_id in "ABCDE":
        badge = re.search(r"<i .*?</i>", part[file_id])
        assert badge is not None
        assert badge.group() in whole[file_id]


def test_the_index_leads_to_every_population_and_names_lost_tubes(tables: Tables) -> None:
    overview = Overview(tables, note="SIMULATED DATA")
    page = overview.index_page()
    assert overview.populations == ["t_cells", "inkt", "not_inkt"]
    for population in overview.populations:
        assert f'href="{population}.html"' in page
    assert "&lt;lost&gt;: unreadable (cut short)" in page
    for text in (page, overview.population_page("inkt")):
        assert "SIMULATED DATA" in text
        assert not re.search(r"https?://", text)


def test_drawings_share_their_axes_and_show_line_band_and_bins(tables: Tables) -> None:
    gates = gates_of_tubes(tables.gates)
    histograms = tables.histograms[tables.histograms["population"] == "inkt"].set_index("source_id")
    drawn = {f: draw_gate("inkt", gates[f], histograms.loc[f].to_dict()) for f in "ABC"}
    axes = common_axes(drawing.density for drawing in drawn.values())
    for drawing in drawn.values():
        root = ElementTree.fromstring(to_svg(drawing, axes, title="a < b"))
        (cut,) = drawing.lines
        low, high = axes["6B11"].low, axes["6B11"].high
        lines = [line for line in root.iter("line") if line.get("stroke")]
        assert [line.get("stroke") for line in lines] == [STATE_COLOURS[cut.state]]
        expected = 150 * (cut.at - low) / (high - low)
        assert float(str(lines[0].get("x1"))) == pytest.approx(expected, abs=0.06)
        band = next(rect for rect in root.iter("rect") if rect.get("class") == "band")
        assert cut.reach is not None
        width = 150 * 2 * cut.reach / (high - low)
        assert float(str(band.get("width"))) == pytest.approx(width, abs=0.06)
        image = next(root.iter("image"))
        data = base64.b64decode(str(image.get("href")).split(",")[1])
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        # pixels are rows from the top; bins are columns from the left
        np.testing.assert_array_equal(pixels[::-1].T > 0, drawing.density.counts > 0)


def test_the_same_tables_give_the_same_page(tables: Tables) -> None:
    shuffled = Tables(
        tables.gates,
        tables.histograms.sample(frac=1, random_state=1),
        tables.counts.sample(frac=1, random_state=1),
        tables.quality,
    )
    assert Overview(shuffled).population_page("inkt") == Overview(tables).population_page("inkt")


def test_a_page_is_cheap_small_and_drawn_without_matplotlib(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page costs what it draws: no figure is made, and a tube is one small PNG and a few
    lines.
    """
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # importing it would raise
    overview = Overview(tables)
    for population in overview.populations:
        page = overview.population_page(population)
        n_tubes = tables.histograms["source_id"].nunique()
        assert page.count("<image") <= n_tubes
        assert len(page) / n_tubes < 20_000


def test_the_command_writes_a_page_per_population(
    tables: Tables, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {}
    for name, table, model in (
        ("gates", tables.gates, Gates),
        ("histograms", tables.histograms, Histograms),
        ("counts", tables.counts, Counts),
        ("quality", tables.quality, TubeQuality),
    ):
        paths[name] = str(tmp_path / f"{name}.parquet")
        contract.write(table, paths[name], model, {})
    given = [f"--{name}={path}" for name, path in paths.items()]
    folder = tmp_path / "overview"
    assert main(["overview", *given, "--output-folder", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {
        "index.html", "t_cells.html", "inkt.html", "not_inkt.html",
    }  # fmt: skip
    assert "3 populations" in capsys.readouterr().out
    wrong = main(["overview", *given, "--populations", "inkts", "--output-folder", str(folder)])
    assert wrong != 0
    assert "no gate of 'inkts'; did you mean 'inkt'?" in capsys.readouterr().err


def test_a_panel_without_a_stained_tube_is_refused(tables: Tables) -> None:
    controls = replace(tables, quality=tables.quality.assign(tube="fmo"))
    with pytest.raises(ItcError, match="no stained tube"):
        Overview(controls)
