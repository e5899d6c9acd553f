"""Every English sentence that the report may show, found in its code and its template."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

ROOT = Path(str(resources.files("itc_analysis.report")))

#: Modules whose strings are data of another kind: works cited, and what programs read.
WITHOUT_SENTENCES = ("bibliography.py",)

TAG_OR_PLACE = re.compile(r"<[^>]*>|\{[^}]*\}")


def sentences() -> dict[str, str]:
    """Return every English text that is looked up in the catalogue, and the module it is from."""
    found: dict[str, str] = {}
    for path in sorted(ROOT.rglob("*.py")):
        if path.name in WITHOUT_SENTENCES:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = path.relative_to(ROOT).as_posix()
        for text in [*_spoken(tree), *_constants(tree)]:
            found.setdefault(text, name)
    template = (ROOT / "templates" / "page.html").read_text(encoding="utf-8")
    for text in re.findall(r'phrase\("([^"]+)"', template):
        found.setdefault(text, "templates/page.html")
    return {text: name for text, name in found.items() if is_english(text)}


def is_english(text: str) -> bool:
    """Whether a text holds a word, and not marks and numbers only."""
    return bool(re.search(r"[A-Za-z]{2,}", TAG_OR_PLACE.sub(" ", text)))


def _spoken(tree: ast.AST) -> Iterator[str]:
    """What is given to `phrase`, and the nouns given to `plural`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).split(".")[-1]
        if name in ("phrase", "_item") and node.args:
            yield from _texts(node.args[0])
        elif name == "plural":
            nouns = [text for part in node.args[1:3] for text in _texts(part)]
            yield from nouns
            if len(nouns) == 1:
                yield nouns[0] + "s"


def _texts(node: ast.AST) -> Iterator[str]:
    """The literal, or both ends of a choice between two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _constants(tree: ast.Module) -> Iterator[str]:
    """Sentences and names that a module keeps at its top, to be looked up when they are shown."""
    for node in tree.body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = ast.unparse(target)
        if name == "ITEMS":
            yield from _asked(node.value)
        elif name == "MEANINGS":  # (pattern, meaning): the pattern is no sentence
            pairs = (part for part in ast.walk(node.value) if isinstance(part, ast.Tuple))
            yield from (text for pair in pairs for text in _texts(pair.elts[-1]) if text)
        else:
            yield from _kept(node.value, name)


def _asked(node: ast.AST) -> Iterator[str]:
    """What the items of a checklist ask for: the second argument."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Item":
            yield from _texts(call.args[1])


def _kept(node: ast.AST, name: str) -> Iterator[str]:
    """Values of a constant, of the glossary its keys too; single words only of lists of names."""
    is_names = name.endswith(("_NAMES", "WORDS", "TERMS", "ROLES"))
    keys = {
        id(key)
        for part in ast.walk(node)
        if isinstance(part, ast.Dict) and name != "TERMS"
        for key in part.keys
    }
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile":
        return
    for part in ast.walk(node):
        if not isinstance(part, ast.Constant) or not isinstance(part.value, str):
            continue
        is_pattern = re.search(r"\(\[|\(\?|\\\\|\[\^", part.value) is not None
        words = TAG_OR_PLACE.sub(" ", part.value).split()
        if id(part) not in keys and not is_pattern and (is_names or len(words) > 1):
            yield part.value
