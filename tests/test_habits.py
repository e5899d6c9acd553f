"""What keeps the house in order: declared packages, hooks that call what CI calls."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

#: Names of packages that are imported under another one.
IMPORTED_AS = {"pyyaml": "yaml", "pillow": "PIL"}
#: Declared and never imported in src, each with its reason.
NOT_IMPORTED = {
    "pynndescent": "held back: its 0.7 breaks scanpy's neighbours",
    "scanpy": "the single-cell room's own program",
    "snakemake": "runs the workflow",
}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, object]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def imported(folder: Path) -> set[str]:
    """Return the packages that the modules of a folder import, at any place."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"itc_analysis"}


def test_every_imported_package_is_declared_and_every_declared_one_is_imported(root, project):
    names = [re.split(r"[<>=\[ ]", text)[0].lower() for text in project["dependencies"]]
    declared = {IMPORTED_AS.get(name, name) for name in names}
    used = imported(root / "src")
    assert used - declared == set()
    assert declared - used <= set(NOT_IMPORTED)


def test_the_hooks_call_what_the_linters_of_the_project_call(root):
    script = (root / "run").read_text(encoding="utf-8")
    lint = script[script.index("\nlint() {") : script.index("\n}", script.index("\nlint() {"))]
    calls = re.findall(r"^\s+(\.venv/bin/(?!python).+)$", lint, re.MULTILINE)
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (local,) = hooks["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == calls
    assert len(calls) >= 5
