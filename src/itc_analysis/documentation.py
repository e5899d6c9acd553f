"""Files that are generated from the classes: settings, their schema, and the data model.

`itc init --docs` writes them into the source folder; a test compares them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from itc_analysis.cohort.sheets.columns import as_json
from itc_analysis.cohort.sheets.read import describe_sheets
from itc_analysis.config.sections import Section, Settings
from itc_analysis.flow.gating.template_page import template_page
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import SHEETS
from itc_analysis.tables.contract import Contract
from itc_analysis.tables.registry import TABLES, File, contract_of

#: Written by hand, for biologists.
CONFIG_README = Path(__file__).with_name("resources") / "config_readme.md"
_WIDTH = 98
_GENERATED = "generated from the classes by `itc init --docs`; do not edit"
#: pandera's names of types, in the words of a reader.
_TYPES = {
    "float64": "number",
    "int64": "count",
    "Int64": "count",
    "boolean": "yes/no",
    "bool": "yes/no",
}
_LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def generated_files() -> dict[str, Callable[[], str]]:
    """Return what makes each generated file, by its path in the source folder."""
    return {
        "config/config.yaml": settings_yaml,
        "config/config.schema.json": settings_schema,
        "config/columns.md": columns_page,
        "config/README.md": lambda: CONFIG_README.read_text(encoding="utf-8"),
        "docs/settings.md": settings_page,
        "docs/data-model.md": data_model_page,
        "docs/gating-template.md": lambda: template_page(_GENERATED),
        "src/itc_analysis/cohort/sheets/columns.json": lambda: as_json(describe_sheets()),
    }


def settings_yaml() -> str:
    """Return config.yaml: every setting with its default, what it means and what it may be."""
    lines = [
        "# yaml-language-server: $schema=config.schema.json",
        "#",
        "# Settings of a study. Paths are relative to the folder you run in. A setting that is "
        "left",
        "# out has the value shown here. What each means in more detail: docs/settings.md.",
    ]
    for name, section in _sections():
        lines += ["", f"# {_first_line(section)}", f"{name}:"]
        for setting, field in section.model_fields.items():
            text = " ".join(filter(None, [str(field.description), _bounds(field)]))
            lines += [f"  # {line}" for line in wrap(text, _WIDTH - 4)]
            value = yaml.safe_dump(
                _plain(field.default), default_flow_style=True, width=10_000, allow_unicode=True
            )
            lines.append(f"  {setting}: {value.removesuffix(chr(10)).removesuffix('...').strip()}")
    return "\n".join(lines) + "\n"


def settings_schema() -> str:
    """Return the JSON schema of config.yaml, which editors use to complete and to underline."""
    schema = Settings.model_json_schema()
    schema["$comment"] = _GENERATED
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def settings_page() -> str:
    """Return docs/settings.md."""
    lines = [
        "# Settings",
        "",
        f"<!-- {_GENERATED} -->",
        "",
        "All settings live in one file, `config/config.yaml`. A misspelt setting stops the run "
        "before",
        "any work is done, with the name that was probably meant. Each step sees only the section "
        "it",
        "reads, so an edited setting reruns exactly the steps that depend on it.",
    ]
    for name, section in _sections():
        lines += ["", f"## `{name}`", "", _first_line(section), ""]
        lines += ["| setting | default | may be | what it means |", "|---|---|---|---|"]
        for setting, field in section.model_fields.items():
            default = json.dumps(_plain(field.default), ensure_ascii=False)
            limits = _cell(_bounds(field).strip("()"))
            lines.append(
                f"| `{setting}` | `{default}` | {limits} | {_cell(field.description or '')} |"
            )
    return "\n".join(lines) + "\n"


def data_model_page() -> str:
    """Return docs/data-model.md: every table, its columns, then its requirements."""
    lines = [
        "# Data model",
        "",
        f"<!-- {_GENERATED} -->",
        "",
        "People write tab-separated text, which is read as text; an empty cell is missing, and "
        "missing",
        "never means no. Steps write Parquet, which R, Python and many spreadsheets open; missing "
        "is",
        "null, and a `status`, `state` or `reason` column says why. The columns named under *one "
        "row",
        "per* name a row and never repeat. Shares run from 0 to 1.",
        "",
        "## Sheets that people write",
    ]
    for table in SHEETS:
        lines += _describe_table(table)
    lines += ["", "## Tables that steps make"]
    for model in dict.fromkeys(map(contract_of, TABLES)):
        lines += _describe_table(model, [file for file in TABLES if contract_of(file) is model])
    return "\n".join(lines) + "\n"


def columns_page() -> str:
    """Return config/columns.md, the data dictionary beside the sheets."""
    lines = [
        "# What the columns of the sheets mean",
        "",
        f"<!-- {_GENERATED} -->",
        "",
        "A column that may be empty may also be left out. An empty cell means not known, never no.",
        "Numbers have a decimal point; yes/no columns take yes, no, true, false, 1 or 0.",
    ]
    for table in SHEETS:
        lines += _describe_table(table)
    return "\n".join(lines) + "\n"


def template(sheet: type[Contract]) -> str:
    """Return an empty sheet: the header."""
    return "\t".join(contract.columns_of(sheet)) + "\n"


def _describe_table(table: type[Contract], files: Sequence[File] = ()) -> list[str]:
    key = ", ".join(f"`{name}`" for name in contract.key_of(table))
    lines = ["", f"### {table.__name__}", "", _docstring(table), "", f"One row per {key}."]
    if files:
        lines.append("")
    lines += [
        f"- `study.{file.name}`, `results/{file.path}`, made by `{file.command}`: {file.sentence}"
        for file in files
    ]
    lines += [
        "",
        "| column | type | unit | may be | empty | what it means |",
        "|---|---|---|---|---|---|",
    ]
    for name, column in contract.columns_of(table).items():
        unit = str((column.metadata or {}).get("unit", ""))
        cells = [
            f"`{name}`",
            _TYPES.get(str(column.dtype), "text"),
            "" if unit == "yes/no" else unit,
            _allowed(column),
            "allowed" if column.nullable else "never",
            str(column.description),
        ]
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    if "requirements" in vars(table):
        lines += ["", f"Required besides: {_docstring(table.requirements)}"]
    return lines


def _sections() -> list[tuple[str, type[Section]]]:
    return [(name, type(field.default)) for name, field in Settings.model_fields.items()]


def _docstring(thing: object) -> str:
    return " ".join((thing.__doc__ or "").split())


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _bounds(field: FieldInfo) -> str:
    """Return ``"(≥ 0, ≤ 1)"`` or the allowed words; empty when anything of the type will do."""
    limits = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in _LIMITS.items()
        if hasattr(item, name)
    ]
    words = getattr(field.annotation, "__args__", ())
    if words and all(isinstance(word, str) for word in words):
        limits.append(" | ".join(words))
    return f"({', '.join(limits)})" if limits else ""


def _allowed(column: Any) -> str:
    found: dict[str, Any] = {}
    for check in column.checks:
        found.update(check.statistics)
    if "allowed_values" in found:
        return ", ".join(str(value) for value in found["allowed_values"])
    if "pattern" in found:
        return "letters, digits, dot, dash, underscore"
    low, high = found.get("min_value"), found.get("max_value")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"≥ {low:g}"
    return "" if high is None else f"≤ {high:g}"


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")
