from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.singlecell.calls.ambient import LARGEST, SMALLEST, estimate_ambient


def droplets(share: float, *, seed: int = 1, n: int = 3000, doublets: float = 0.04):
    """Draw T cells, B cells and monocytes; `share` of every droplet's molecules are the library's
    mean.
    """
    rng = np.random.default_rng(seed)
    genes = ["CD3D", "CD3E", "TRAC", "TRBC2", "CD79A", "MS4A1", "LYZ", "CST3"]
    own = np.array(
        [[9, 8, 12, 15, 0, 0, 0, 0], [0, 0, 0, 0, 10, 12, 0, 0], [0, 0, 0, 0, 0, 0, 60, 50]], float
    )
    kind = rng.choice(3, n, p=[0.6, 0.2, 0.2])
    depth = np.exp(np.log(4000) + 0.4 * rng.standard_normal(n))
    rates = own[kind]
    is_doublet = rng.random(n) < doublets
    rates = np.where(is_doublet[:, None], (rates + own[rng.choice(3, n, p=[0.6, 0.2, 0.2])]), rates)
    rates = (1 - share) * rates + share * rates.mean(axis=0)
    counts = rng.poisson(rates * depth[:, None] / 1e4 * rng.gamma(4, 1 / 4, (n, len(genes))))
    return {gene: counts[:, i].astype(float) for i, gene in enumerate(genes)}, depth


@pytest.mark.parametrize("share", [0.01, 0.03, 0.1, 0.25])
def test_the_share_that_was_drawn_comes_back(share: float) -> None:
    found = [estimate_ambient(*droplets(share, seed=seed)) for seed in range(6)]
    assert np.mean(found) == pytest.approx(share, rel=0.3)


def test_too_few_other_cells_say_nothing_and_limits_hold() -> None:
    molecules, depth = droplets(0.03, n=60)
    assert estimate_ambient(molecules, depth) is None
    assert estimate_ambient({}, depth) is None
    clean = estimate_ambient(*droplets(0.0, doublets=0.0))
    assert clean is not None
    assert SMALLEST <= clean < 0.01
    soup = estimate_ambient(*droplets(0.9))
    assert soup is not None
    assert 0.3 < soup <= LARGEST
