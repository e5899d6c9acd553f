"""What a verb imports before it works: counted by reading the source, which no machine slows down.

A package costs the same CPU at every start of every job: pandas with pandera some 0.3 s, scipy's
statistics, numba and matplotlib 0.1 to 0.4 s each, anndata and statsmodels more. So each verb of a
worker has a short list of what it may import, and a job on a cluster starts with no other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

import itc_analysis
from itc_analysis import cli

SRC = Path(itc_analysis.__file__).parent.parent
#: Packages that cost a tenth of a second or more, besides pandas, which the tables need.
HEAVY = {
    *("anndata", "flowkit", "formulaic", "h5py", "matplotlib", "numba", "pydeseq2", "scanpy"),
    *("sklearn", "statsmodels", "scipy", "snakemake", "jinja2", "openpyxl"),
}
#: What each worker may import of these; scipy is the work of those that have it.
MAY = {
    "check": set(),
    "learn-scales": {"scipy"},
    "learn-alignment": {"scipy"},
    "fit-gates": {"scipy"},
    "pool-gates": {"scipy"},
    "apply-gates": {"scipy"},
    "overview": set(),
    "annotate": {"anndata", "h5py", "numba", "scipy"},
    "score": {"scipy"},
    "respond": {"scipy"},
    "measure": {"scipy"},
    "label": {"scipy", "numba"},
    "plan-changes": set(),
    "compare": {"scipy", "numba"},
    "compare-genes": {"scipy", "numba"},
    "manifest": set(),
}
#: Modules of this package that a worker imports at most: all of it has more than three times that.
MOST_MODULES = 170


def test_the_list_has_every_worker() -> None:
    by_hand = {
        *("init", "lock-plan", "panel", "template", "deidentify", "spillover", "simulate"),
        *("concordance", "review", "power", "figures", "status", "trace", "verify", "freeze"),
        *("completion", "unlock"),
    }
    # the page and the blinded page draw, and are one job of a study
    assert {*MAY, *by_hand, "report", "blind"} == set(cli.VERBS)


@pytest.mark.parametrize("verb", MAY)
def test_a_worker_imports_nothing_heavy_that_it_does_not_need(verb: str) -> None:
    own, others = imported_by(cli.module_of(verb))
    assert others & HEAVY <= MAY[verb]
    assert 5 < len(own) <= MOST_MODULES


def test_the_reading_finds_what_python_imports() -> None:
    """The page draws: matplotlib stands among what it imports, by way of several modules."""
    own, others = imported_by("itc_analysis.cli.results.report")
    assert {"matplotlib", "jinja2", "scipy"} <= others
    assert "itc_analysis.report.html.pictures" in own
    assert len(own) > MOST_MODULES


def imported_by(verb: str) -> tuple[set[str], set[str]]:
    """Return this package's modules and the other packages that a verb imports before it works."""
    own: set[str] = set()
    others: set[str] = set()
    waiting = ["itc_analysis.cli", verb, *parts_of_run(verb)]
    while waiting:
        name = waiting.pop()
        if not name.startswith("itc_analysis"):
            others.add(name.split(".")[0])
        elif name not in own and path_of(name) is not None:
            own.add(name)
            waiting += [name.rpartition(".")[0], *imports_of(name)]
    return own, others


def parts_of_run(verb: str) -> list[str]:
    """Return what the verb's function `run` imports at its beginning."""
    run = next(
        node
        for node in ast.parse(path_of(verb).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "run"
    )
    return [name for node in run.body for name in named(node)]


@cache
def imports_of(module: str) -> tuple[str, ...]:
    """Return what a module imports when it is imported itself."""
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    return tuple(name for node in at_import(tree.body) for name in named(node))


def at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Give the statements that run when a module is imported, without those for type checkers."""
    for node in body:
        if isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from at_import(node.body)
            yield from at_import(node.orelse)
        elif isinstance(node, ast.Try):
            yield from at_import(node.body)
        else:
            yield node


def named(node: ast.stmt) -> list[str]:
    """Return the modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module is not None:
        # a name may be a module of the package
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


@cache
def path_of(module: str) -> Path | None:
    """Return the file of a module of this package; None where the name is no module."""
    plain = SRC.joinpath(*module.split("."))
    for path in (plain.with_suffix(".py"), plain / "__init__.py"):
        if path.is_file():
            return path
    return None


def test_what_is_called_heavy_is_installed() -> None:
    """A misspelt name would be found nowhere."""
    for name in HEAVY - {"scanpy", "flowkit", "openpyxl"}:
        assert find_spec(name) is not None, name
