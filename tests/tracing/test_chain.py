"""The chain of digests from a table to its inputs holds, or says where it breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis import provenance
from itc_analysis.provenance import sha256
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Problems
from itc_analysis.tracing.chain import Files, broken


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, dict[str, Path]]:
    """Return two tubes, a table of each batch with the same name, and a table made from both."""
    results, tubes = tmp_path / "results", {}
    tables = []
    for batch in ("b1", "b2"):
        tube = tmp_path / f"{batch}.fcs"
        tube.write_text(batch)
        tubes[f"data/{batch}.fcs"] = tube
        tables.append(results / "flow" / "p" / batch / "counts.parquet")
        made = provenance.describe("itc apply-gates", inputs=[tube])
        contract.write(contract.empty(Problems), tables[-1], Problems, made)
    made = provenance.describe("itc measure", inputs=tables)
    contract.write(contract.empty(Problems), results / "measurements.parquet", Problems, made)
    return results, tubes


def test_a_chain_ends_at_the_bytes_of_the_inputs(study: tuple[Path, dict[str, Path]]) -> None:
    results, tubes = study
    links = Files(results, tubes).walk("measurements.parquet", lambda _: True)
    ends = {link.name: link.sha256 for link in links if link.is_input}
    assert ends == {name: sha256(path) for name, path in tubes.items()}
    assert broken(links) == []
    only = Files(results, tubes).walk("measurements.parquet", lambda name: "b2" not in name)
    assert {link.name for link in only} == {"flow/p/b1/counts.parquet", "data/b1.fcs"}


def test_an_altered_input_breaks_the_chain_by_name(study: tuple[Path, dict[str, Path]]) -> None:
    results, tubes = study
    tubes["data/b2.fcs"].write_text("other bytes")
    (said,) = broken(Files(results, tubes).walk("measurements.parquet", lambda _: True))
    assert said.startswith("the chain breaks at data/b2.fcs: flow/p/b2/counts.parquet was made")
    tubes["data/b2.fcs"].unlink()
    (said,) = broken(Files(results, tubes).walk("measurements.parquet", lambda _: True))
    assert said.endswith("it is not here")


def test_a_table_made_anew_breaks_the_chain_above_it(study: tuple[Path, dict[str, Path]]) -> None:
    results, tubes = study
    made = provenance.describe("itc apply-gates", inputs=[tubes["data/b1.fcs"]], methods="anew")
    path = results / "flow" / "p" / "b1" / "counts.parquet"
    contract.write(contract.empty(Problems), path, Problems, made)
    (said,) = broken(Files(results, tubes).walk("measurements.parquet", lambda _: True))
    assert "breaks at flow/p/b1/counts.parquet" in said or "breaks at b1/counts.parquet" in said
