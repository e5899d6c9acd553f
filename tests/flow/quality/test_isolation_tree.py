"""The tree sets apart what lies elsewhere, and its fast splits equal the obvious ones."""

from __future__ import annotations

import numpy as np

from itc_analysis.flow.quality.isolation_tree import find_isolated


def obvious_best_split(node: np.ndarray) -> tuple[float, int, float]:
    """isolationTreeSD of PeacoQC, line by line."""
    best = (-np.inf, 0, 0.0)
    for column in range(node.shape[1]):
        x = np.sort(node[:, column])
        whole = np.std(x, ddof=1)
        for i in range(1, len(x)):
            left = np.std(x[:i], ddof=1) if i > 1 else 0.0
            right = np.std(x[i:], ddof=1) if i < len(x) - 1 else 0.0
            gain = (whole - (left + right) / 2) / whole
            if gain > best[0]:
                best = (gain, column, x[i - 1])
    return best


def obviously_isolated(peaks: np.ndarray, gain_limit: float) -> list[int]:
    """Split every node to the end, and return what lies outside the largest leaf."""
    deepest = int(np.ceil(np.log2(len(peaks))))

    def leaves(rows: np.ndarray, depth: int) -> list[np.ndarray]:
        if len(rows) <= 3 or depth == deepest:
            return [rows]
        gain, column, value = obvious_best_split(peaks[rows])
        if gain < gain_limit:
            return [rows]
        below = peaks[rows, column] <= value
        return leaves(rows[below], depth + 1) + leaves(rows[~below], depth + 1)

    largest = max(leaves(np.arange(len(peaks)), 0), key=len)
    return sorted(set(range(len(peaks))) - set(largest.tolist()))


def test_the_tree_is_the_obvious_one() -> None:
    rng = np.random.default_rng(4)
    n_isolated = 0
    for _ in range(20):
        peaks = rng.normal(0.5, 0.01, (40, 3))
        peaks[:6, rng.integers(3)] += rng.choice([-0.2, 0.3])
        peaks[30:32, rng.integers(3)] += rng.choice([-0.1, 0.1])
        # a low limit splits noise as well, so that every split of a deep tree must be the same
        for gain_limit in (0.2, 0.4, 0.6):
            found = np.flatnonzero(find_isolated(peaks, gain_limit=gain_limit)).tolist()
            assert found == obviously_isolated(peaks, gain_limit)
            n_isolated += len(found)
    assert n_isolated > 100


def test_shifted_windows_are_isolated_and_no_others() -> None:
    peaks = np.random.default_rng(5).normal(0.5, 0.01, (300, 4))
    peaks[100:120, 2] += 0.5
    assert np.flatnonzero(find_isolated(peaks, gain_limit=0.6)).tolist() == list(range(100, 120))


def test_windows_that_only_scatter_stay_together() -> None:
    peaks = np.random.default_rng(6).normal(0.5, 0.01, (300, 4))
    assert not find_isolated(peaks, gain_limit=0.6).any()


def test_equal_windows_and_no_peaks_are_steady() -> None:
    assert not find_isolated(np.full((200, 2), 0.5), gain_limit=0.6).any()
    assert not find_isolated(np.empty((200, 0)), gain_limit=0.6).any()
