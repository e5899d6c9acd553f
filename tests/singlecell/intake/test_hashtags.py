"""Pooled libraries are split by the hashtags of their samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.hashtags import split_by_hashtags
from itc_analysis.singlecell.intake.pooled import is_of_sample

TAGS = {f"S{number}": f"hashtag_{number}" for number in range(1, 5)}


def stained(n_tags: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Draw molecules of hashtags: own ones, some of others, 5 % doublets, 2 % unstained."""
    rng = np.random.default_rng(seed)
    n = 600
    own = rng.integers(0, n_tags, n)
    other = (own + rng.integers(1, n_tags, n)) % n_tags
    kind = rng.choice(["one", "two", "none"], n, p=[0.93, 0.05, 0.02])
    ambient = rng.lognormal(np.log(8), 0.5, (n, n_tags))
    signal = rng.lognormal(np.log(400), 0.5, (n, n_tags))
    counts = rng.poisson(ambient)
    rows = np.arange(n)
    has_one, has_two = kind != "none", kind == "two"
    counts[rows[has_one], own[has_one]] += rng.poisson(signal)[rows[has_one], own[has_one]]
    counts[rows[has_two], other[has_two]] += rng.poisson(signal)[rows[has_two], other[has_two]]
    names = [f"cell{number}" for number in rows]
    columns = [f"hashtag_{number + 1}" for number in range(n_tags)]
    truth = pd.Series([f"S{o + 1}" if k == "one" else None for o, k in zip(own, kind, strict=True)])
    counted = pd.DataFrame(counts, index=names, columns=columns).assign(CD3=5)
    return counted, pd.Series(truth.to_numpy(), index=names)


@pytest.mark.parametrize("n_tags", [2, 3, 4])
def test_cells_go_to_their_sample_and_doublets_to_nobody(
    n_tags: int, capsys: pytest.CaptureFixture[str]
) -> None:
    counted, truth = stained(n_tags, seed=n_tags)
    tags = dict(list(TAGS.items())[:n_tags])
    found = split_by_hashtags(counted, tags, "pool.h5")
    assert capsys.readouterr().out == ""  # HashSolo prints what to cite, once a library
    is_one = truth.notna()
    assert (found[is_one] == truth[is_one]).mean() > 0.97
    assert (found[is_one & found.notna()] == truth[is_one & found.notna()]).all()
    assert found[~is_one].isna().mean() > 0.8


def test_the_rows_of_a_pool_share_its_cells_without_overlap() -> None:
    counted, _ = stained(4, seed=9)
    row = {"path": "data/pool.h5", "hashtags": TAGS}
    taken = [is_of_sample(row | {"sample_id": s}, counted.index, counted) for s in TAGS]
    total = np.sum(taken, axis=0)
    assert total.max() == 1
    assert total.mean() > 0.9


def test_hashtags_that_do_not_fit_give_a_sentence() -> None:
    counted, _ = stained(2, seed=1)
    two = {"S1": "hashtag_1", "S2": "hashtag_2"}
    with pytest.raises(UnreadableFile, match="no antibody features"):
        split_by_hashtags(None, two, "pool.h5")
    with pytest.raises(
        UnreadableFile, match=r"'hashtag_3' of sample 'S2'.*known: hashtag_1, hashtag_2"
    ):
        split_by_hashtags(counted, two | {"S2": "hashtag_3"}, "pool.h5")
    with pytest.raises(UnreadableFile, match="the other samples of the pool need a row"):
        split_by_hashtags(counted, {"S1": "hashtag_1"}, "pool.h5")
    with pytest.raises(UnreadableFile, match="no barcode shows hashtag hashtag_2"):
        split_by_hashtags(counted.assign(hashtag_2=0), two, "pool.h5")
    lonely = {"path": "pool.h5", "hashtags": two, "sample_id": "S9"}
    with pytest.raises(UnreadableFile, match="no cell shows the hashtag of sample 'S9' alone"):
        is_of_sample(lonely, counted.index, counted)
