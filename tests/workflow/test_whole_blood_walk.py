"""A new user's walk: from `itc init` by the documented way to a report that speaks of what was
measured.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from lxml import html

from itc_analysis import cli
from workflow.running import snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.real_data]

TEMPLATE = """\
panel: blood
denominator: t_cells
populations:
  - {name: t_cells, parent: all, markers: [CD3], method: density_minimum, side: above, measured: true, phenotype: true}
  - {name: cd4_t_cells, parent: t_cells, markers: [CD4], method: density_minimum, side: above, measured: true, phenotype: true}
  - {name: cd8_t_cells, parent: t_cells, markers: [CD8], method: density_minimum, side: above, measured: true, phenotype: true}
positivity:
  - {marker: CD69, role: activation}
  - {marker: HLA-DR, role: activation}
"""  # noqa: E501


@pytest.fixture(scope="module")
def study(real_data: Path, tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Walk from `itc init` to the report, as docs/first-analysis.md says."""
    folder = tmp_path_factory.mktemp("walk") / "blood"
    source = real_data / "flow" / "whole_blood_15"
    assert cli.main(["init", str(folder)]) == 0
    config = folder / "config"
    files = [str(path) for path in sorted(source.glob("*.fcs"))]
    assert cli.main(["panel", *files, "--output", str(config / "panels" / "blood.tsv")]) == 0
    (config / "gating" / "blood.yaml").write_text(TEMPLATE, encoding="utf-8")
    told = pd.read_csv(source / "pData.csv", dtype=str)
    groups = [str(group).replace(" ", "") for group in told["GroupID"]]
    people = [f"P{number:02d}" for number in range(1, len(files) + 1)]
    write(config / "participants.tsv", "participant_id group", zip(people, groups, strict=True))
    write(config / "samples.tsv", "sample_id participant_id sample_type",
          [(f"S{p}", p, "participant") for p in people])  # fmt: skip
    write(config / "fcs_files.tsv", "file_id sample_id path panel batch tube",
          [(f"T{p}", f"S{p}", Path(f).name, "blood", "b1", "stained")
           for p, f in zip(people, files, strict=True)])  # fmt: skip
    settings = (config / "config.yaml").read_text(encoding="utf-8")
    first, *others = sorted(set(groups))
    for old, new in (
        ("data_folder: .\n", f"data_folder: {source.as_posix()}\n"),
        ("index_group: SSc", f"index_group: {first}"),
        ("healthy_group: healthy", "healthy_group: null"),
        ("protocol_version: current", "protocol_version: none"),
    ):
        assert old in settings
        settings = settings.replace(old, new)
    lines = settings.splitlines()
    settings = "\n".join(
        f"  disease_groups: [{', '.join(others)}]" if line.startswith("  disease_groups:")
        else "  classification_criteria: {}" if line.startswith("  classification_criteria:")
        else line
        for line in lines
    )  # fmt: skip
    (config / "config.yaml").write_text(settings + "\n", encoding="utf-8")
    assert cli.main(["init", str(folder), "--from-panels"]) == 0
    here = Path.cwd()
    os.chdir(folder)
    try:
        assert cli.main(["check", "--config", "config/config.yaml", "--headers"]) == 0
    finally:
        os.chdir(here)
    snakemake(folder, root=root)
    return folder


def write(path: Path, header: str, rows: object) -> None:
    lines = ["\t".join(row) for row in rows]  # type: ignore[attr-defined]
    path.write_text("\n".join([header.replace(" ", "\t"), *lines]) + "\n", encoding="utf-8")


def test_the_report_is_about_what_was_measured(study: Path) -> None:
    page = (study / "results" / "report.html").read_text(encoding="utf-8")
    tree = html.fromstring(page.encode())
    (heading,) = tree.xpath("//h1")
    assert all(word in heading.text_content() for word in ("Group1", "Group5", "CD4 T", "CD8 T"))
    sections = {one.get("id"): one.text_content() for one in tree.xpath("//section")}
    assert not set(sections) & {"singlecell", "modalities", "genes"}
    assert "CD4 T" in sections["answer"]
    assert "could be estimated" not in sections["answer"]
    assert all(marker in sections["comparisons"] for marker in ("CD69", "HLA-DR"))
    for title in tree.xpath("//h1 | //h2 | //h3 | //title"):
        assert "MAIT" not in title.text_content()
        assert "innate" not in title.text_content()
    assert not any("MAIT" in text for name, text in sections.items() if name != "words")
    terms = {term.text_content() for term in tree.xpath("//section[@id='words']//tr/th")}
    assert "batch" in terms
    assert not {"innate T cells (ITC)", "MAIT", "iNKT", "innate CD8"} & terms
