"""What the next run would do is said in words, from what Snakemake prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.errors import ItcError
from itc_analysis.tracing import ahead

#: As Snakemake 9 prints it.
SAID = """\
Job stats:
job            count
-----------  -------
fit_gates          1
total              5


[Sun Nov 29 14:45:52 2026]
Job 5: Learning gates: panel_a, batch batch2
Reason: Params have changed since last execution: Union of exclusive params before and now
[Sun Nov 29 14:45:52 2026]
Job 9: Pooling gates: panel_a
Reason: Missing output files: x.parquet; Input files updated by another job: y.parquet
[Sun Nov 29 14:45:52 2026]
Job 1: Comparing groups
Reason: Input files updated by another job: results/measurements.parquet

[Sun Nov 29 14:45:52 2026]
Job 7: Writing the report
Reason: Input files updated by another job: results/comparisons.parquet
"""


def test_a_newcomer_is_said_in_a_sentence() -> None:
    lines = ahead.tell(ahead.parse(SAID), n_jobs=30, new={"tube": {"S9_a", "S9_b"}}, gone=())
    assert lines == [
        "2 tubes new, 1 batch to gate, comparisons to repeat; nothing else changes (26 of 30 jobs "
        "stay)",
        "  new: S9_a, S9_b",
        "  1 batch to gate: panel_a batch2",
        "  gates to pool: panel_a",
        "  comparisons to repeat",
        "  report to write",
        "  because of tubes, settings, contents of files or a version that changed; "
        "results that are not there yet",
    ]


def test_nothing_to_do_is_said_so() -> None:
    assert ahead.parse("Nothing to be done (all requested files are present).") == []
    (line,) = ahead.tell([], n_jobs=30, new={}, gone=())
    assert line.startswith("nothing to do")


def test_many_names_are_counted() -> None:
    new = {f"S{i:02d}" for i in range(10)}
    lines = ahead.tell(ahead.parse(SAID), n_jobs=4, new={"tube": (), "library": new}, gone={"S99"})
    assert "S05 and 4 more" in lines[1]
    assert lines[0].endswith("everything runs")
    assert "10 libraries new" in lines[0]
    assert "1 no longer in the sheets" in lines[0]


def test_every_message_of_the_workflow_has_its_words(root: Path) -> None:
    texts = [path.read_text() for path in (root / "workflow" / "rules").glob("*.smk")]
    messages = [
        line.strip().strip('"')
        for text in texts
        for before, line in zip(text.splitlines(), text.splitlines()[1:], strict=False)
        if before.strip() == "message:"
    ]
    assert len(messages) > 15
    assert [text for text in messages if ahead.Step(text, "").kind == text] == []


def test_the_workflow_is_found_from_a_study_below_it(root: Path, tmp_path: Path) -> None:
    assert ahead.find_snakefile(root / "docs") == root / "workflow" / "Snakefile"
    own = tmp_path / "workflow" / "Snakefile"
    own.parent.mkdir()
    own.write_text("rule all:\n    input: []\n")
    assert ahead.find_snakefile(tmp_path / "workflow") == own


def test_a_refusal_of_the_workflow_keeps_its_words(tmp_path: Path) -> None:
    own = tmp_path / "Snakefile"
    own.write_text(
        "from snakemake.exceptions import WorkflowError\n"
        "raise WorkflowError('config/samples.tsv: 1 fault')\n"
    )
    (tmp_path / "config.yaml").write_text("{}\n")
    with pytest.raises(ItcError, match=r"config/samples\.tsv: 1 fault"):
        ahead.dry_run(tmp_path / "config.yaml", own)
