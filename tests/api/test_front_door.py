"""The public face as a whole: cheap to import, documented, with examples that run."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import itc_analysis as itc

#: Packages that cost a second or more to import.
HEAVY = ("numpy", "pandas", "pandera", "scanpy", "matplotlib", "flowkit", "scipy", "numba")
MODULES = sorted({f"itc_analysis.{home}" for home in itc._HOMES.values()})
FUNCTIONS = [name for name in itc.__all__ if not name.startswith("__")]
FEWEST_EXAMPLES = 30


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, itc_analysis; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert name in dir(itc)
    assert getattr(itc, name).__doc__


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'gates'"):
        itc.gates  # noqa: B018


def test_the_examples_run_and_are_many():
    tried = 0
    for module in MODULES:
        result = doctest.testmod(importlib.import_module(module), report=True)
        assert result.failed == 0, module
        tried += result.attempted
    assert tried >= FEWEST_EXAMPLES


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_name_is_on_the_page(root, name):
    assert f"`{name}" in (root / "docs" / "api.md").read_text(encoding="utf-8")


def python_blocks(page: Path) -> list[str]:
    """Return the Python blocks of a page of Markdown."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def example_files(tmp_path, monkeypatch):
    """The files that the pages name, in the folder in which their code is run."""
    monkeypatch.chdir(tmp_path)
    itc.example_fcs(".", seed=1)
    itc.example_fcs(".", seed=2)
    itc.example_fcs(".", seed=1, left_out="PD-1")
    itc.example_table().to_csv("shares.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("page", "made"), [("README.md", ["counts", "found"]), ("docs/api.md", ["counts", "found"])]
)
def test_the_code_of_the_page_runs(root, page, made, example_files):
    known: dict[str, object] = {}
    for block in python_blocks(root / page):
        if "open_results" not in block:  # needs a study
            exec(compile(block, page, "exec"), known)
    assert all(len(known[name]) > 0 for name in made)


def test_the_readme_counts_in_ten_lines_and_compares_in_eight(root):
    blocks = python_blocks(root / "README.md")
    (counting,) = [block for block in blocks if "itc.gate(" in block]
    (comparing,) = [block for block in blocks if "itc.compare(" in block]
    for block, most in ((counting, 10), (comparing, 8)):
        lines = [line for line in block.splitlines() if line.strip()]
        assert len(lines) <= most
        imports = [node for node in ast.parse(block).body if isinstance(node, ast.Import)]
        assert len(imports) <= 3
