"""The registry knows every table that a step makes; the workflow makes every file that it names."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import itc_analysis.tables
from itc_analysis import cli
from itc_analysis.results import Layout
from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.tables.cohort.sheets import SHEETS
from itc_analysis.tables.contract import Contract
from itc_analysis.tables.registry import FILES, TABLES, contract_of

#: Made by a command that no rule calls: a person asks for it.
BY_HAND = {"concordance", "review"}


def contracts() -> Iterator[type[Contract]]:
    """Yield every contract below itc_analysis.tables."""
    folder = Path(itc_analysis.tables.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        if path.name == "__init__.py":
            continue
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        module = importlib.import_module(f"itc_analysis.tables.{name}")
        yield from (
            found
            for found in vars(module).values()
            if isinstance(found, type)
            and issubclass(found, Contract)
            and found.__module__ == module.__name__
            and found is not Contract
        )


def test_every_contract_is_a_sheet_or_a_file_of_the_registry() -> None:
    registered = {contract_of(file) for file in TABLES}
    unknown = {
        found.__name__
        for found in contracts()
        if found not in registered and found not in {*SHEETS, ClassificationSheet}
    }
    assert unknown == set()


def test_names_and_paths_never_repeat() -> None:
    assert len({file.name for file in FILES}) == len(FILES)
    assert len({file.path for file in FILES}) == len(FILES)
    assert all(file.sentence.endswith(".") for file in FILES)


@pytest.mark.parametrize("rule", sorted({file.made_by for file in FILES} - BY_HAND))
def test_every_rule_of_the_registry_is_one_of_the_workflow(rule: str, root: Path) -> None:
    rules = "\n".join(path.read_text() for path in (root / "workflow/rules").glob("*.smk"))
    assert re.search(rf"^rule {rule}:", rules, re.MULTILINE)
    module = cli.module_of(rule.replace("_", "-"))
    assert (root / "src" / f"{module.replace('.', '/')}.py").exists()


def test_a_path_wants_the_panel_and_batch_that_it_has() -> None:
    at = Layout("out")
    assert at.measurements == "out/measurements.parquet"
    assert at.pooled_gates("p") == "out/flow/p/pooled_gates.parquet"
    with pytest.raises(ValueError, match="zip"):
        at.counts("p")
    with pytest.raises(AttributeError, match="no file named 'count'"):
        at.count  # noqa: B018
