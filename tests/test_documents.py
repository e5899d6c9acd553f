"""The documentation: its site builds without a warning, and every command on its pages runs."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

#: Pages whose commands a reader types, in the order of reading.
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/first-analysis.md",
    "docs/own-cohort.md",
    "config/README.md",
]
#: Words of ./run that install, simulate or run for minutes; CI calls the first four itself.
LONG = {"setup", "demo", "test", "lint", "notebook", "docs", "lock", "real", "validate", "site"}


def commands(page: Path) -> Iterator[str]:
    """Yield what fenced blocks without a language, or of a shell, tell the reader to type."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.M | re.S):
        if language in ("", "sh", "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                for command in line.split("#")[0].split("&&"):
                    if re.match(r"(itc|snakemake|make|\./run|cd|python3?|\.) ", command.strip()):
                        yield command.strip()


@pytest.fixture
def type_in(tmp_path: Path, root: Path, finished_study: Path):  # type: ignore[no-untyped-def]
    """Return a function that types a command where the page is, and says how it ended."""
    (tmp_path / "workflow").symlink_to(root / "workflow")
    shutil.copytree(finished_study, tmp_path / "filled", copy_function=os.link)
    where = [tmp_path]
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
    }

    def type_in(command: str) -> subprocess.CompletedProcess[str] | None:
        first, *words = command.split()
        if first == "cd":
            where[0] = where[0] / words[0]
            # what the reader does here: fill the sheets
            shutil.copytree(tmp_path / "filled", where[0], dirs_exist_ok=True)
            return None
        if first in ("./run", "make", "."):
            return None
        return subprocess.run(
            command, shell=True, cwd=where[0], env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    return type_in


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs(page: str, root: Path, type_in, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    typed = list(commands(root / page))
    assert typed
    if page == "config/README.md":  # typed in the folder of a study, beside the workflow
        type_in("cd .")
    for command in typed:
        done = type_in(command)
        if done is not None:
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_words_of_run_and_make_on_the_pages_exist(root: Path) -> None:
    script = (root / "run").read_text()
    known = set(re.findall(r"^    ([\w-]+)\)", script, re.M))
    assert known >= LONG
    targets = (root / "Makefile").read_text()
    for page in PAGES:
        for command in commands(root / page):
            first, *words = command.split()
            if first == "./run":
                assert words[0] in known, f"{page}: {command}"
            if first == "make":
                assert words[0] in targets, f"{page}: {command}"


def test_the_site_builds_without_a_warning(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "repository"
    for name in ("docs", "notebooks", "config"):
        shutil.copytree(
            root / name, source / name, ignore=shutil.ignore_patterns("_build", "copied")
        )
    for page in ("CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(root / page, source)
    done = subprocess.run(
        [
            sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html",
            str(source / "docs"), str(tmp_path / "html"),
        ],
        capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if k != "ITC_RESULTS"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    built = {path.relative_to(tmp_path / "html").as_posix() for path in tmp_path.rglob("*.html")}
    assert {"index.html", "reference.html", "copied/notebooks/05_comparisons.html"} <= built
    assert "itc_analysis.api.gating.gate" in (tmp_path / "html" / "reference.html").read_text()
    search = (tmp_path / "html" / "searchindex.js").read_text()
    assert "how-gates-are-learned" in search


def test_links_lead_somewhere_before_the_site_is_built(root: Path) -> None:
    dead = []
    for page in [*(root / "docs").glob("*.md"), root / "README.md", root / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                dead.append(f"{page.relative_to(root)}: {target}")
    assert dead == []


@pytest.fixture(scope="module")
def picture(root: Path) -> ModuleType:
    path = root / "benchmarks" / "calibration_picture.py"
    spec = importlib.util.spec_from_file_location("calibration_picture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_calibration_shows_its_tables(root: Path, picture: ModuleType) -> None:
    coverage = picture.read_coverage((root / "docs" / "calibration.md").read_text())
    assert len(coverage) > 5
    drawn = (root / "docs" / "images" / "calibration.svg").read_text()
    for heading, rows in coverage.items():
        assert heading in drawn  # run benchmarks/calibration_picture.py after a new calibration
        assert all(lower <= share <= upper for share, lower, upper in rows)


def printed(root: Path) -> Iterator[str]:
    """Yield every text of the programs, with … where a value is put in."""
    yield (root / "run").read_text(encoding="utf-8")
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…"
                    for part in node.values
                )


def test_messages_quoted_under_troubleshooting_are_printed(root: Path) -> None:
    page = (root / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    seen = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| ")]
    quoted = {text for cell in seen for text in re.findall(r"[`“]([^`”]+)[`”]", cell)}
    texts = "\n".join(printed(root))
    patterns = {text: ".*?".join(map(re.escape, re.split(r"[\d…]+", text))) for text in quoted}
    absent = {text for text, pattern in patterns.items() if not re.search(pattern, texts)}
    assert absent == {"Directory cannot be locked"}  # Snakemake's own
