"""What a job asks of a scheduler grows with its input, with the study, and with every attempt."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

#: Megabytes and minutes that no job on a usual node may exceed at its first attempt.
NODE_MB, A_DAY = 16_000, 24 * 60


def needs(
    root: Path, n_tubes: int, *, n_libraries: int = 0, doublets: str = "evidence"
) -> dict[str, Any]:
    """Return the functions of needs.smk, which is plain Python, for a study of so many tubes."""
    text = (root / "workflow" / "rules" / "needs.smk").read_text(encoding="utf-8")
    settings = SimpleNamespace(singlecell=SimpleNamespace(doublets=doublets))
    found: dict[str, Any] = {"Path": Path, "SETTINGS": settings}
    found |= {"TUBES": [{}] * n_tubes, "LIBRARIES": [{}] * n_libraries}
    exec(compile(text, "needs.smk", "exec"), found)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A tube of a million events in 21 channels, without its bytes on the disk."""
    path = tmp_path / "tube.fcs"
    with path.open("wb") as stream:
        stream.truncate(84_000_000)
    return path


def test_gating_asks_for_the_largest_tube_and_the_time_of_all(root: Path, file: Path) -> None:
    asked = needs(root, 720)
    one, many = [str(file)], [str(file)] * 40
    memory = asked["tube_memory"](None, one, 1)
    assert 1_300 <= memory <= 2_000  # measured: 370 MB at 25 MB, some five times the file
    assert asked["tube_memory"](None, many, 1) == memory  # one tube at a time
    assert asked["tube_minutes"](None, many, 1) > asked["tube_minutes"](None, one, 1)


def test_a_library_whose_doublets_are_looked_for_needs_more(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "library.h5"
    with path.open("wb") as stream:
        stream.truncate(57_000_000)  # 20,000 cells of 17,880 genes
    asked = needs(root, 20, doublets="scrublet")["library_memory"](None, [str(path)], 1)
    assert asked >= 3_418 + 350 + 1_000  # measured, Snakemake's part, and what differs
    assert asked > needs(root, 20)["library_memory"](None, [str(path)], 1)


@pytest.mark.parametrize("of", ["tube", "library"])
def test_a_further_attempt_has_half_as_much_again(root: Path, file: Path, of: str) -> None:
    asked = needs(root, 720)
    for what in ("memory", "minutes"):
        first, second, third = (asked[f"{of}_{what}"](None, [str(file)], n) for n in (1, 2, 3))
        # whole megabytes and minutes
        assert abs(second - 1.5 * first) <= 2
        assert abs(third - 2.25 * first) <= 3


def test_a_dry_run_asks_before_the_files_are_there(root: Path) -> None:
    asked = needs(root, 3)
    assert asked["tube_memory"](None, ["nowhere.fcs"], 1) == 1_000
    assert asked["tube_minutes"](None, [], 1) == 15


def test_tables_of_the_study_fit_a_usual_node_up_to_thousands_of_people(root: Path) -> None:
    small, large = needs(root, 72), needs(root, 6_000)
    for what, most in (("memory", NODE_MB), ("minutes", A_DAY)):
        name = f"table_{what}"
        assert small[name](None, 1) < large[name](None, 1) <= most
        assert large[name](None, 2) > large[name](None, 1)


def test_tables_of_a_study_without_tubes_grow_with_its_libraries(root: Path) -> None:
    """`itc compare-genes` took 629 MB for 12 libraries (833,236 rows) and 319 MB for few rows."""
    asked = needs(root, 0, n_libraries=240)["table_memory"](None, 1)
    assert 319 + 350 + 240 * (629 - 319) / 12 <= asked <= NODE_MB  # with Snakemake's part
