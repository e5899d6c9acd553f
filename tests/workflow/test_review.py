"""One correction from the browser to a number: drag, sheet, rerun; and what does not rerun."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from itc_analysis import open_results
from itc_analysis.cohort.sheets.review import list_reviews
from workflow.running import snakemake

pytestmark = pytest.mark.workflow

PANEL, GATE = "panel_a", "mait"
#: Keys that name a row of each table of the flow arm.
TABLES = {
    "gates": ["file_id", "population"],
    "counts": ["source_id", "population"],
    "intensity": ["source_id", "population", "marker"],
    "combinations": ["source_id", "population", "combination"],
    "histograms": ["source_id", "population"],
}


def test_a_dragged_cut_becomes_a_number_and_nobody_else_is_counted_again(
    study_copy: Path, root: Path, browser: Browser
) -> None:
    before = {name: getattr(open_results(study_copy / "results"), name) for name in TABLES}
    learned = open_results(study_copy / "results").pooled_gates
    with served(study_copy) as address, opened(browser, address) as page:
        tube, shown = drag(page)
    (review,) = list_reviews(study_copy / "config" / "gating" / "review.tsv")
    assert (review["tube"], review["gate"], review["reviewer"]) == (tube, GATE, "AB")
    batch = before["gates"].set_index("file_id").loc[tube, "batch"].iloc[0]

    rules, recounted = plan(study_copy, root)
    assert recounted == {(PANEL, batch)}
    assert rules == {
        "apply_gates": 1, "overview": 1, "respond": 1, "score": 1, "measure": 1, "compare": 1,
        "label": 1, "report": 1, "manifest": 1,
    }  # fmt: skip

    snakemake(study_copy, root=root)
    results = open_results(study_copy / "results")
    pd.testing.assert_frame_equal(results.pooled_gates, learned)
    counts = results.counts.set_index(["source_id", "population"])
    assert counts.loc[(tube, GATE), "n_events"] == shown
    assert counts.loc[(tube, GATE), "gate_state"] == "manual"
    for name, key in TABLES.items():
        old, new = (t.set_index(key).sort_index() for t in (before[name], getattr(results, name)))
        others = old.index.get_level_values(0) != tube
        pd.testing.assert_frame_equal(old[others], new[new.index.get_level_values(0) != tube])
    assert not results.counts.equals(before["counts"])
    text = (study_copy / "results" / "report.html").read_text(encoding="utf-8")
    assert re.search(r"1 of [\d,]+ gates were reviewed by AB: 1 corrected\.", text)

    # accepting is no reason to count anything again: only the report (and its sum) changes
    sheet = study_copy / "config" / "gating" / "review.tsv"
    gate = results.gates.set_index(["file_id", "population"]).loc[(tube, "inkt")]
    line = [PANEL, tube, "inkt", "accept", "", "", "CD", gate["digest"]]
    sheet.write_text(sheet.read_text() + "\t".join(line) + "\n")
    assert plan(study_copy, root) == ({"report": 1, "manifest": 1}, set())

    # taken back: the learned gate counts again
    sheet.unlink()
    rules, recounted = plan(study_copy, root)
    assert (rules["apply_gates"], recounted) == (1, {(PANEL, batch)})
    assert not set(rules) & {"check", "learn_scales", "fit_gates", "pool_gates", "annotate"}


@contextmanager
def served(study: Path) -> Iterator[str]:
    """Give the address of the panel's page, while `itc review --serve` runs in the study."""
    script = "import sys; from itc_analysis.cli import main; sys.exit(main(sys.argv[1:]))"
    server = subprocess.Popen(
        [sys.executable, "-c", script, "review", "results", "--serve"],
        cwd=study, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"},
        # pytest in the background of a script ignores Ctrl-C, and so would this
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert server.stdout is not None
    try:
        line = next(line for line in server.stdout if line.startswith(f"{PANEL}: "))
        yield line.split(": ", 1)[1].strip()
    finally:
        server.send_signal(signal.SIGINT)
        said = server.communicate(timeout=20)[0]
    assert server.returncode == 0
    assert "Run the workflow again" in said


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(address)
    yield page
    assert said == []
    page.close()


def drag(page: Page) -> tuple[str, int]:
    """Drag the cut of the first tube, and record it; returns the tube and the count shown."""
    page.fill("#reviewer", "AB")
    page.select_option("#by-gate", GATE)
    expect(page.locator("#name")).to_have_text(re.compile(f"^{GATE} in "))
    page.wait_for_selector("#marks .hit", state="attached")
    box = page.locator("#marks .hit").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 90, y, steps=6)
    page.mouse.up()
    page.keyboard.press("c")
    expect(page.locator("#saved")).to_have_text(re.compile("^saved in "))
    was, now = (int(str(page.text_content(at)).replace(",", "")) for at in ("#n-was", "#n-now"))
    assert now > was
    return str(page.text_content("#name")).removeprefix(f"{GATE} in "), now


def plan(study: Path, root: Path) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """Return how many jobs of each rule a dry run would execute, and which batches it counts."""
    done = snakemake(study, "--dry-run", root=root)
    said = done.stdout + done.stderr
    table = said.split("Job stats:")[-1].split("total")[0]
    jobs = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, flags=re.M)}
    jobs.pop("all", None)
    return jobs, set(re.findall(r"Counting populations: (\S+), batch (\S+)", said))
