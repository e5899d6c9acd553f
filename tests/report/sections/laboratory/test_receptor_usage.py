"""Genes of receptors by group: shares of cells within a participant, participants as points."""

from __future__ import annotations

import pandas as pd
import pytest
from lxml import html

from itc_analysis.report.html.blocks import Details, Gallery, Paragraph
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.laboratory import receptor_usage
from itc_analysis.report.sections.laboratory.receptor_usage import SEGMENTS, usage_of

TRAJ = SEGMENTS[0]


def chains(material: Material, cells: dict[tuple[str, int], list[str]]) -> pd.DataFrame:
    """Return alpha chains: J genes of each cell of a participant."""
    sample = material.samples.set_index("participant_id")["sample_id"]
    return pd.DataFrame(
        [
            {
                "library_id": f"library of {person}",
                "sample_id": sample[person],
                "barcode": f"cell{number}",
                "call": "mait",
                "chain": "alpha",
                "v_gene": "TRAV1-2",
                "j_gene": gene,
            }
            for (person, number), genes in cells.items()
            for gene in genes
        ]
    )


def test_shares_are_of_the_participants_cells_and_two_chains_count_for_both(
    material: Material,
) -> None:
    first, second = material.samples["participant_id"][:2]
    cells = {(first, n): ["TRAJ33"] for n in range(3)} | {(first, 3): ["TRAJ33", "TRAJ12"]}
    cells |= {(second, n): ["TRAJ12", "TRAJ12"] for n in range(2)}
    found = usage_of(chains(material, cells), material, TRAJ)
    shares = found.set_index(["participant_id", "gene"])["share"].to_dict()
    assert shares == {
        (first, "TRAJ33"): 1.0,
        (first, "TRAJ12"): 0.25,
        (second, "TRAJ33"): 0.0,
        (second, "TRAJ12"): 1.0,
    }
    assert found.set_index("participant_id")["n_cells"].to_dict() == {first: 4, second: 2}


def test_who_is_not_analysed_and_genes_that_are_open_count_for_nothing(material: Material) -> None:
    people = material.participants
    out = people.loc[~people["is_analysed"], "participant_id"].iloc[0]
    first = material.samples["participant_id"].iloc[0]
    table = chains(material, {(out, 0): ["TRAJ33"], (first, 0): ["TRAJ33"], (first, 1): [""]})
    found = usage_of(table.assign(j_gene=table["j_gene"].replace("", None)), material, TRAJ)
    assert found["participant_id"].tolist() == [first]
    assert found["n_cells"].tolist() == [1]


def test_every_participant_is_a_point_of_each_gene_open_where_cells_are_few(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = material.participants[material.participants["is_analysed"]]
    people = people[people["participant_id"].isin(material.samples["participant_id"])]
    groups = people.groupby("group")["participant_id"].apply(list)
    ssc = groups["SSc"][:3]
    few = groups["healthy"][0]
    cells = {(who, n): [("TRAJ33", "TRAJ12")[n % 2]] for who in ssc for n in range(12)}
    cells |= {(few, n): ["TRAJ33"] for n in range(2)} | {(few, 2): ["TRAJ57"]}
    table = chains(material, cells)
    monkeypatch.setattr(Material, "receptors_of", lambda *_: table)
    blocks = receptor_usage.blocks(material)
    (gallery,) = [block for block in blocks if isinstance(block, Gallery)]
    (shown,) = gallery.figures
    figure = html.fragment_fromstring(str(shown.picture))
    marks = figure.xpath(".//circle")
    # TRAJ57 is used by nobody with enough cells
    assert len(marks) == 2 * 4
    assert {mark.get("data-p") for mark in marks if "low" in mark.get("class")} == {few}
    assert f"{few}, healthy: 2 of 3 cells" in figure.xpath(".//circle/title/text()")
    assert len(figure.xpath(".//path[@class='median']")) == 2
    (listed,) = [block for block in blocks if isinstance(block, Details)]
    rows = {(row[0], row[1]): row[2:] for row in listed.blocks[0].rows}
    place = listed.blocks[0].header.index("SSc") - 2
    assert rows["MAIT", "TRAJ: participants"][:1] == ["39"]
    assert rows["MAIT", "TRAJ: participants"][place] == "3 (3)"
    assert rows["MAIT", "TRAJ33"][place] == "50.0 %"
    assert rows["MAIT", "other TRAJ genes (1)"][0] == "1"


def test_too_few_cells_are_said_and_no_chains_give_no_section(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = material.samples["participant_id"].iloc[0]
    table = chains(material, {(first, 0): ["TRAJ33"]})
    monkeypatch.setattr(Material, "receptors_of", lambda *_: table)
    blocks = receptor_usage.blocks(material)
    (said,) = [block for block in blocks if isinstance(block, Paragraph)]
    assert said.text.endswith("no group has 3 participants with 10 such cells: MAIT: TRAJ.")
    monkeypatch.setattr(Material, "receptors_of", lambda *_: table[:0])
    assert receptor_usage.blocks(material) == []
