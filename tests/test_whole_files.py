"""Nobody ever reads half a file, and nothing in src writes one in another way."""

from __future__ import annotations

import ast
import errno
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from itc_analysis.errors import ItcError
from itc_analysis.whole_files import write_text, written_whole

#: Methods that write where their first argument, or their object, says.
WRITERS = {
    "dump", "savefig", "to_csv", "to_excel", "to_json", "to_parquet", "tofile", "write_bytes",
    "write_h5ad", "write_table", "write_text", "savez", "savez_compressed", "copyfile", "copy2",
    "copytree",
}  # fmt: skip
#: Inside of a block of `written_whole`, or a stream in memory: what its first argument is called.
IN_MEMORY = {"stream"}
#: The helper itself.
HOME = "whole_files.py"


def bypasses(tree: ast.AST, *, inside: bool = False) -> list[int]:
    """Return the lines that write a file outside of a block of `written_whole`."""
    found = []
    for node in ast.iter_child_nodes(tree):
        here = inside
        if isinstance(tree, ast.With) and node in tree.items:
            here = inside or _opens_whole(tree)
        if isinstance(node, ast.With):
            here = inside or _opens_whole(node)
        if isinstance(node, ast.Call) and not here and _writes(node):
            found.append(node.lineno)
        found += bypasses(node, inside=here)
    return found


def _opens_whole(node: ast.With) -> bool:
    calls = (item.context_expr for item in node.items)
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "written_whole"
        for call in calls
    )


def _writes(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return isinstance(call.func, ast.Name) and call.func.id == "open" and _mode_writes(call)
    name = call.func.attr
    if name in {"open", "File"}:
        return _mode_writes(call)
    if name not in WRITERS:
        return False
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Name) and first.id in IN_MEMORY:
        return False
    # without a path the text is returned
    return not (name in {"to_csv", "to_json"} and first is None)


def _mode_writes(call: ast.Call) -> bool:
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
    modes = [value.value for value in given if isinstance(value, ast.Constant)]
    return any(isinstance(mode, str) and re.fullmatch("[rbt]*[wax+][bt+]*", mode) for mode in modes)


def test_every_file_is_written_whole(root: Path) -> None:
    places = [
        f"{path.relative_to(root)}:{line}"
        for path in sorted((root / "src").rglob("*.py"))
        if path.name != HOME
        for line in bypasses(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert places == []


@pytest.mark.parametrize(
    "code",
    [
        "Path(p).write_text(text)",
        "open(p, 'w')",
        "path.open('ab')",
        "h5py.File(p, 'w')",
        "table.to_csv(path)",
        "with gzip.open(p, mode='wt') as stream:\n    stream.write('x')",
        "def f():\n    if a:\n        figure.savefig(p)",
    ],
)
def test_the_check_sees_a_writer_of_another_kind(code: str) -> None:
    assert bypasses(ast.parse(code))


def test_the_check_lets_a_whole_file_pass() -> None:
    code = (
        "with written_whole(p) as q, h5py.File(q, 'w') as f:\n    f.savefig(q)\nt.to_csv(sep='x')"
    )
    assert bypasses(ast.parse(code)) == []


def fail_while_writing(path: Path, error: Exception) -> None:
    with written_whole(path) as partial:
        partial.write_text("half")
        raise error


def test_an_error_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    write_text(path, "old")
    with pytest.raises(RuntimeError):
        fail_while_writing(path, RuntimeError())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    write_text(path, "old")
    code = f"""
        import os, signal
        from itc_analysis.whole_files import written_whole
        with written_whole({str(path)!r}) as partial:
            partial.write_text("ne")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "write to another folder"),
    ],
)
def test_a_fault_of_the_disk_is_one_sentence(tmp_path: Path, number: int, said: str) -> None:
    path = tmp_path / "table.tsv"
    with pytest.raises(ItcError, match=said):
        fail_while_writing(path, OSError(number, os.strerror(number)))
    assert list(tmp_path.iterdir()) == []


def test_another_error_of_the_system_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), written_whole(tmp_path / "a") as partial:
        (partial.parent / "nowhere").read_text()
