"""Docstrings as numpydoc's parsers read them: every parameter has a type and a description."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docstring_parser import Docstring, DocstringStyle, parse

SOURCE = Path(__file__).resolve().parent.parent / "src" / "itc_analysis"
#: A type is a few words; prose that stands in its place is longer, or ends like a sentence.
LONGEST_TYPE = 150
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
#: A name between single backticks, as a docstring refers to code; two backticks hold anything.
QUOTED = re.compile(r"(?<!`)`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:\(\))?`(?!`)")
#: Names of other packages, and of files that their programs write.
NOT_OURS = {
    "adata.to_memory",
    "all_contig_annotations.csv",
    "flowio.create_fcs",
    "required_variables",
    "study.adata.to_memory",
    "threshold_minimum",
}


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


def names_in(tree: ast.Module, docstrings: set[int]) -> Iterator[str]:
    """Yield what a module calls anything, and the words of its texts: columns, settings, states."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield from re.findall(r"\w+", text)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.keyword(arg=str(name)):
                yield name
            case ast.alias(name=name):
                yield from name.split(".")


def test_names_in_backticks_exist():
    known: set[str] = set()
    quoted: list[tuple[str, str]] = []
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE)
        known |= set(place.with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | Definition) and (text := ast.get_docstring(node)):
                docstrings.add(id(node.body[0].value))
                quoted += [(str(place), name) for name in QUOTED.findall(text)]
        known |= set(names_in(tree, docstrings))
    # populations, genes and rules have names too
    for folder in (SOURCE / "resources", SOURCE.parent.parent / "workflow"):
        for path in folder.rglob("*"):
            if path.is_file():
                known |= set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    assert len(quoted) > 1_000
    faults = [
        f"{place}: `{name}`"
        for place, name in quoted
        if name not in NOT_OURS and not set(name.split(".")) <= known
    ]
    assert faults == []
