"""Numbers agree with their nouns."""

from __future__ import annotations

import pytest

from itc_analysis.plural import plural


@pytest.mark.parametrize(
    ("n", "told"), [(0, "0 batches"), (1, "1 batch"), (2, "2 batches"), (1200, "1,200 batches")]
)
def test_only_one_is_singular(n: int, told: str) -> None:
    assert plural(n, "batch", "batches") == told


def test_most_nouns_need_an_s_only() -> None:
    assert (plural(1, "tube"), plural(2, "tube")) == ("1 tube", "2 tubes")
