"""Docstrings as numpydoc's parsers read them: every parameter has a type and a description."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from docstring_parser import Docstring, DocstringStyle, parse

SOURCE = Path(__file__).resolve().parent.parent / "src" / "itc_analysis"
#: A type is a few words; prose that stands in its place is longer, or ends like a sentence.
LONGEST_TYPE = 150
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def documented() -> Iterator[tuple[str, Definition, Docstring]]:
    """Yield place, definition and docstring of everything under src that has one."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, Definition) and (text := ast.get_docstring(node)):
                where = f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"
                yield where, node, parse(text, DocstringStyle.NUMPYDOC)


def is_type(text: str | None) -> bool:
    """Whether the type slot holds a type."""
    return bool(text) and len(text) <= LONGEST_TYPE and not text.endswith(".") and ";" not in text


def names_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the parameters of a function."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return {argument.arg for argument in every}


def test_every_parameter_has_a_type_and_a_description():
    faults = [
        f"{where}: {entry.arg_name}"
        for where, _, docstring in documented()
        for entry in docstring.params
        if not is_type(entry.type_name) or not (entry.description or "").strip()
    ]
    assert faults == []


def test_what_is_returned_and_raised_has_a_type_and_a_description():
    faults = [
        f"{where}: {entry.type_name}"
        for where, _, docstring in documented()
        for entry in (*docstring.many_returns, *docstring.raises)
        if not is_type(entry.type_name) or not (entry.description or "").strip()
    ]
    assert faults == []


def test_what_is_documented_is_a_parameter():
    faults = [
        f"{where}: {name}"
        for where, node, docstring in documented()
        if not isinstance(node, ast.ClassDef)
        for entry in docstring.params
        for name in entry.arg_name.replace("*", "").split(", ")
        if name not in names_of(node)
    ]
    assert faults == []
