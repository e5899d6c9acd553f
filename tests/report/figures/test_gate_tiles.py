"""The gate behind a point: the tile is the tube's own picture, its edges stand where they are."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
from PIL import Image

from itc_analysis.flow.pictures import gate_svg
from itc_analysis.flow.pictures.gate_drawing import draw_gate, gates_of_tubes
from itc_analysis.report.figures.gate_tiles import tiles
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.results import numbers


def test_a_tile_is_the_picture_of_its_tube(material: Material) -> None:
    found = tiles(material, numbers.plotted_rows(material))
    gates = gates_of_tubes(material.gates)
    n_seen = 0
    for panel in ("panel_a", "panel_b"):
        for row in material.histograms_of(panel, "b1").to_dict("records"):
            population, tube = str(row["population"]), str(row["source_id"])
            if tube not in found.get(population, {}).get("tubes", {}):
                continue
            n_seen += 1
            sheet_number, place, told, span, cuts, outlines = found[population]["tubes"][tube]
            sheet = found[population]["sheets"][sheet_number]
            image = Image.open(io.BytesIO(base64.b64decode(sheet["png"])))
            assert list(image.size) == sheet["size"]
            width, height = sheet["tile"]
            left = width * (place % sheet["columns"])
            top = height * (place // sheet["columns"])
            tile = np.asarray(image)[top : top + height, left : left + width]
            drawing = draw_gate(
                population, gates[tube], {str(name): value for name, value in row.items()}
            )
            np.testing.assert_array_equal(tile, gate_svg.shades(drawing))
            state = gates[tube][population].state
            assert told.startswith(f"gate: {state.replace('_', ' ')}")
            assert span == [0, 1, 0, 1]
            assert outlines == []
            if state == "not_estimable":
                assert cuts == []
            else:
                assert cuts == [[0, 0.5, 0.02, None, gate_svg.STATE_COLOURS[state]]]
            assert [axis["name"] for axis in sheet["axes"]] == ["CD3", "TCRgd"]
    assert n_seen > 6


def test_tubes_share_the_axes_of_their_population(material: Material) -> None:
    """A tube whose bins reach further widens the axes of all: the others' bins span less."""
    rows = numbers.plotted_rows(material)
    wide = material.histograms_of("panel_a", "b1")
    first = wide["source_id"].iloc[0]
    content = json.loads(wide.loc[wide["source_id"] == first, "histogram"].iloc[0])
    content["x_edges"] = [-1, 1]
    wide.loc[wide["source_id"] == first, "histogram"] = json.dumps(content)

    class Widened(Material):
        def histograms_of(self, panel: str, batch: str):  # type: ignore[no-untyped-def]
            return wide if panel == "panel_a" else super().histograms_of(panel, batch)

    widened = Widened(**material.__dict__)
    tubes = tiles(widened, rows)["mait"]["tubes"]
    for tube, (_, _, _, span, cuts, _) in tubes.items():
        assert span == ([0, 1, 0, 1] if tube == first else [0.5, 1, 0, 1])
        assert cuts[0][1] == 0.75  # 0.5 on an axis from -1 to 1


def test_numbers_of_other_assays_have_no_gate(material: Material) -> None:
    rows = numbers.plotted_rows(material)
    assert tiles(material, rows[rows["assay"] != "flow"]) == {}
