"""The tree sets apart what lies elsewhere, and its fast splits equal the obvious ones."""

from __future__ import annotations

import numpy as np

from itc_analysis.flow.quality.isolation_tree import _best_split, find_isolated


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


def test_the_best_split_is_the_obvious_one() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        node = rng.normal(0.5, 0.01, (40, 3))
        node[:6, rng.integers(3)] += rng.choice([-0.2, 0.3])
        fast, slow = _best_split(node), obvious_best_split(node)
        assert fast is not None
        assert fast[1:] == slow[1:]
        assert abs(fast[0] - slow[0]) < 1e-9  # rounding of the running sums


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
