"""Signatures: what ships, and what is refused with its row."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pandas as pd
import pytest

from itc_analysis.errors import SheetError
from itc_analysis.scores.cards.signatures import Signature, defines_a_population, read_signatures

HEADER = "signature\tassay\tfeature\tweight\tsource\treads_as\n"


def shipped() -> dict[tuple[str, str], Signature]:
    path = resources.files("itc_analysis") / "resources" / "signatures.tsv"
    return {(item.name, item.assay): item for item in read_signatures(Path(str(path)))}


def write(folder: Path, *rows: str) -> Path:
    path = folder / "signatures.tsv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_shipped_signatures_are_read() -> None:
    found = shipped()
    inhibitory = ("PD-1", "TIM-3", "LAG-3", "TIGIT", "CTLA-4", "CD39", "TOX")
    assert found["exhaustion", "flow"].features == inhibitory
    assert found["activation", "flow"].features == ("CD69", "CD25", "HLA-DR", "CD38", "Ki-67")
    assert found["senescence", "flow"].features == ("CD57", "KLRG1")
    assert {"exhaustion", "activation", "interferon", "innateness"} == {
        name for name, assay in found if assay == "singlecell"
    }
    assert all(source for item in found.values() for source in item.sources)


def test_activation_rna_does_not_hold_cd69_which_marks_handling() -> None:
    assert "CD69" not in shipped()["activation", "singlecell"].features


def test_exhaustion_and_activation_share_no_feature() -> None:
    found = shipped()
    for assay in ("flow", "singlecell"):
        exhaustion, activation = found["exhaustion", assay], found["activation", assay]
        assert not set(exhaustion.features) & set(activation.features)


def test_exhaustion_core_has_no_gene_that_rises_with_innateness() -> None:
    # rise with innateness (Gutierrez-Arcelus 2019): they would call healthy γδ cells exhausted
    rising = {"CD160", "CD244", "HLA-DRA", "EOMES", "KLRG1", "HAVCR2"}
    assert not rising & set(shipped()["exhaustion", "singlecell"].features)


@pytest.mark.real_data
def test_interferon_genes_rise_in_t_cells_given_interferon_beta(real_data: Path) -> None:
    folder = real_data / "singlecell" / "15_reference_outputs"
    genes = list(shipped()["interferon", "singlecell"].features)
    for cells in ("CD4_T_cells", "CD8_T_cells"):
        table = pd.read_csv(folder / f"kang_pb_{cells}_edgeR_QLF_donor_plus_group.csv", index_col=0)
        assert (table.loc[genes, "logFC"] > 3).all()
        assert (table.loc[genes, "FDR"] < 0.001).all()


@pytest.mark.parametrize(
    ("feature", "assay", "defines"),
    [
        ("CD161", "flow", True),
        ("panKIR", "flow", True),
        ("Eomes", "flow", True),
        ("PD-1", "flow", False),
        ("KLRB1", "singlecell", True),
        ("KIR3DL1", "singlecell", True),
        ("TRAV1-2", "singlecell", True),
        ("TRGC1", "singlecell", True),
        ("TOX", "singlecell", False),
        ("CD38", "singlecell", False),
        ("TNFRSF9", "singlecell", False),
    ],
)
def test_features_that_define_a_population(feature: str, assay: str, *, defines: bool) -> None:
    assert defines_a_population(feature, assay) is defines


def test_all_faults_are_told_at_once_with_their_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "exhaustion\tflow\tPD-1\t1\tx\thigh",
        "memory\tflow\tCD161\t1\tx\thigh",
        "memory\tflow\tCD27\t0\tx\tlow",
    )
    with pytest.raises(SheetError) as caught:
        read_signatures(path)
    words = str(caught.value)
    assert "signature 'exhaustion' (flow), has 1 feature; a single marker is not a score" in words
    assert "row 3, 'CD161' defines a population" in words
    assert "row 4, weight of 'CD27' is 0" in words
    assert "signature 'memory' (flow), has more than one reads_as" in words
