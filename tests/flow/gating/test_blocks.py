"""Building blocks: written out as populations, taking over the template's own cuts."""

from __future__ import annotations

from typing import Any

import pytest

from itc_analysis.config.sections import Scores
from itc_analysis.errors import SettingsError
from itc_analysis.flow.gating.blocks import parts_of, shipped_blocks
from itc_analysis.flow.gating.template import Template, check_template

MARKERS = {"CD3", "CD4", "CD8", "CD45RA", "CCR7", "CD57", "CD16", "CD49d", "Perforin", "TCRgd",
           "Vd1", "Vd2", "PD-1"}  # fmt: skip


def cut(name: str, parent: str, marker: str) -> dict[str, Any]:
    return {"name": name, "parent": parent, "markers": [marker], "side": "above",
            "method": "density_minimum"}  # fmt: skip


def with_blocks(*blocks: Any) -> Template:
    data = {
        "panel": "p",
        "denominator": "t_cells",
        "populations": [
            cut("t_cells", "all", "CD3"),
            cut("gd_t_cells", "t_cells", "TCRgd"),
            cut("cd8_pos", "t_cells", "CD8"),
            cut("memory", "cd8_pos", "CD57"),
        ],
        "blocks": list(blocks),
    }
    return check_template(data, "template", panel_markers=MARKERS)


def test_the_cuts_of_the_template_serve_and_others_are_learned_once_in_t_cells() -> None:
    template = with_blocks(
        {"block": "naive_memory", "of": "memory"}, {"block": "coreceptors", "of": "memory"},
        {"block": "naive_memory", "of": "cd8_pos"},
    )  # fmt: skip
    assert template.by_name["memory_cd8_pos"].follows == "cd8_pos"
    assert template.by_name["memory_cd45ra_pos"].follows == "t_cells_cd45ra_pos"
    assert template.by_name["cd8_pos_cd45ra_pos"].follows == "t_cells_cd45ra_pos"
    assert template.by_name["t_cells_cd45ra_pos"].parent == "t_cells"
    names = [population.name for population in template.populations]
    assert len(names) == len(set(names))
    assert template.by_name["memory_naive"].measured


def test_a_level_is_cut_below_the_brightest_cells_and_not_above_the_negatives() -> None:
    template = with_blocks({"block": "pd1_level", "of": "memory"})
    learned = template.by_name["t_cells_pd1_bright_pos"]
    assert (learned.level, learned.parent) == ("bright", "t_cells")
    assert "only_peak" not in learned.arguments
    assert template.by_name["memory_pd1_bright_pos"].follows == "t_cells_pd1_bright_pos"
    assert template.by_name["memory_pd1_high"].follows == "t_cells_pd1_bright_pos"
    rest = template.by_name["memory_pd1_low_or_none"]
    assert rest.combination.none_of == ("memory_pd1_bright_pos",)
    assert parts_of("pd1_level", "memory") == ("memory_pd1_high", "memory_pd1_low_or_none")


def test_chains_are_learned_among_the_cells_that_have_them() -> None:
    template = with_blocks({"block": "gd_chains", "of": "gd_t_cells"})
    assert template.by_name["gd_t_cells_vd1_pos"].parent == "gd_t_cells"
    assert template.by_name["gd_t_cells_vd1_pos"].method == "density_minimum"


@pytest.mark.parametrize("name", [n for n, block in shipped_blocks().items() if block.parts])
def test_the_parts_are_disjoint_and_make_up_the_population(name: str) -> None:
    block = shipped_blocks()[name]
    cuts = list(block.cuts)
    for carried in range(2 ** len(cuts)):
        above = {cut for at, cut in enumerate(cuts) if carried >> at & 1}
        holding = [
            part
            for part, sides in block.parts.items()
            if above >= set(sides.get("all_of", ())) and not above & set(sides.get("none_of", ()))
        ]
        assert len(holding) == 1, (above, holding)


def test_positivity_blocks_count_markers_within_the_population() -> None:
    template = with_blocks({"block": "cytotoxic", "of": "memory"})
    assert [p.marker for p in template.positivity] == ["CD16", "CD49d", "Perforin"]
    assert template.by_name["memory"].phenotype
    assert not template.by_name["cd8_pos"].phenotype


def test_scores_see_the_coreceptor_subsets_of_mait() -> None:
    assert set(Scores().subsets["mait"]) <= set(parts_of("coreceptors", "mait"))


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        (
            [{"block": "naiv_memory", "of": "memory"}],
            "unknown block 'naiv_memory'; did you mean 'naive_memory'",
        ),
        ([{"block": "coreceptors"}], "a block has the entries 'block' and 'of'"),
        ([{"block": "coreceptors", "of": "mait"}], "unknown parent 'mait'"),
        ([{"block": "costimulation", "of": "memory"}], "marker 'CD27' is not in the panel sheet"),
        ([{"block": "coreceptors", "of": "memory"}] * 2, "'memory' has 'coreceptors' already"),
    ],
)
def test_a_block_that_cannot_be_used_is_named(blocks: list[Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_blocks(*blocks)
    assert words in str(caught.value)
