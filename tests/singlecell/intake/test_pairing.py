from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.singlecell.intake.pairing import (
    N_KIT_BARCODES,
    count_shared,
    explain_mismatch,
    is_pair,
    match_barcodes,
)


def barcodes(numbers: np.ndarray, suffix: str = "-1") -> pd.Index:
    """Write numbers of a kit's list as 16 bases."""
    return pd.Index(
        ["".join("ACGT"[(n >> 2 * i) & 3] for i in range(16)) + suffix for n in numbers]
    )


def drawn(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(N_KIT_BARCODES, n, replace=False)


@pytest.mark.parametrize("seed", range(5))
def test_two_libraries_of_one_kit_share_barcodes_by_chance_and_are_no_pair(seed: int) -> None:
    library, contigs = barcodes(drawn(6000, seed)), barcodes(drawn(5000, seed + 100))
    assert count_shared(contigs, library) > 10  # the trap: "no barcode in common" never holds
    assert not is_pair(contigs, library)


def test_contigs_of_a_small_part_of_a_library_are_a_pair() -> None:
    numbers = drawn(5000, 1)
    assert is_pair(barcodes(numbers[:300]), barcodes(numbers))
    # a library of which only every eighth cell was kept
    assert is_pair(barcodes(numbers[:3000]), barcodes(numbers[::8]))


def test_no_contig_at_all_contradicts_nothing() -> None:
    assert is_pair(pd.Index([], dtype=object), barcodes(drawn(10, 1)))


@pytest.mark.parametrize(
    ("contigs", "library", "expected"),
    [
        (["AAAC-1"], ["AAAC-1"], ["AAAC-1"]),
        (["AAAC-1"], ["AAAC"], ["AAAC"]),
        (["AAAC-1", "AAAC-2"], ["AAAC"], ["AAAC", None]),
        (["AAAC-1", "AAAC-2"], ["AAAC-2"], [None, "AAAC-2"]),
        (["ACGTACGTACGTACGT-1"], ["s1_ACGTACGTACGTACGT-1-0"], ["s1_ACGTACGTACGTACGT-1-0"]),
        (["AAAC-1"], ["GGGG-1"], [None]),
        # two cells of the library have the same bases: which is meant is open
        (["ACGTACGTACGTACGT"], ["a_ACGTACGTACGTACGT", "b_ACGTACGTACGTACGT"], [None]),
    ],
)
def test_barcodes_are_matched_however_they_are_written(
    contigs: list[str], library: list[str], expected: list[str | None]
) -> None:
    assert match_barcodes(pd.Index(contigs), pd.Index(library)).tolist() == expected


def test_the_library_that_the_contigs_fit_is_named() -> None:
    one, two, three = drawn(900, 1), drawn(900, 2), drawn(900, 3)
    text = explain_mismatch(
        barcodes(two[:500]), barcodes(one), others={"L2": barcodes(two), "L3": barcodes(three)}
    )
    assert "library 'L2' has 500 of them" in text
    assert "none of this batch" in explain_mismatch(
        barcodes(two[:500]), barcodes(one), others={"L3": barcodes(three)}
    )
