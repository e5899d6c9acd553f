"""Numbers agree with their nouns."""

from __future__ import annotations

import pytest

from itc_analysis.plural import first_names, plural


@pytest.mark.parametrize(
    ("n", "told"), [(0, "0 batches"), (1, "1 batch"), (2, "2 batches"), (1200, "1,200 batches")]
)
def test_only_one_is_singular(n: int, told: str) -> None:
    assert plural(n, "batch", "batches") == told


def test_most_nouns_need_an_s_only() -> None:
    assert (plural(1, "tube"), plural(2, "tube")) == ("1 tube", "2 tubes")


def test_many_names_are_the_first_and_how_many_more() -> None:
    assert first_names(["a", "b", "c"]) == "a, b, c"
    assert first_names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert first_names(["a", "b"], most=1) == "a and 1 more"
    assert first_names([]) == ""
