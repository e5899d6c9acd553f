"""Pooled libraries whose samples were stained with hashtag antibodies before they were mixed."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping

import numpy as np
import pandas as pd

from itc_analysis.errors import UnreadableFile, did_you_mean

#: What HashSolo calls a droplet of nobody.
NOBODY = ("Negative", "Doublet")


def split_by_hashtags(
    antibodies: pd.DataFrame | None, hashtags: Mapping[str, str], file: str
) -> pd.Series:
    """Say whose cell each barcode is, by HashSolo.

    Parameters
    ----------
    antibodies : pandas.DataFrame or None
        molecules of each antibody feature, one row per barcode; None for a library without any.
    hashtags : mapping of str to str
        hashtag feature of each sample of the pool.
    file : str
        name of the library's file, for messages.

    Returns
    -------
    pandas.Series
        sample of each barcode, indexed by barcode; missing for droplets without a hashtag and for
        droplets with two.

    Raises
    ------
    UnreadableFile
        no antibody features, a hashtag that is none of them, fewer than two hashtags, or one that
        no barcode shows.

    References
    ----------
    Bernstein 2020, doi:10.1016/j.cels.2020.05.010 (scanpy.external.pp.hashsolo).
    """
    counted = check_hashtags(antibodies, hashtags, file)
    found = _hashsolo(counted)
    sample_of = {tag: sample for sample, tag in hashtags.items()}
    return found.where(~found.isin(NOBODY)).map(sample_of).astype("string")


def check_hashtags(
    antibodies: pd.DataFrame | None, hashtags: Mapping[str, str], file: str
) -> pd.DataFrame:
    """Return the molecules of each hashtag, or refuse as `split_by_hashtags` says."""
    if antibodies is None:
        what = "hashtags are named, and the file has no antibody features"
        raise UnreadableFile(file, what)
    known = [str(name) for name in antibodies.columns]
    for sample, tag in sorted(hashtags.items()):
        if tag not in known:
            hint = did_you_mean(tag, known) or f"antibody features: {', '.join(known[:10])}"
            what = f"hashtag '{tag}' of sample '{sample}' is no antibody feature; {hint}"
            raise UnreadableFile(file, what)
    if len(hashtags) < 2:
        what = "one sample has a hashtag; the other samples of the pool need a row each as well"
        raise UnreadableFile(file, what)
    tags = sorted(hashtags.values())
    counted: pd.DataFrame = antibodies[tags]
    unseen = [tag for tag in tags if not counted[tag].any()]
    if unseen:
        raise UnreadableFile(file, f"no barcode shows hashtag {', '.join(unseen)}")
    return counted


def _hashsolo(counted: pd.DataFrame) -> pd.Series:
    import anndata
    from scanpy.external.pp import hashsolo  # takes seconds to import; most studies have no pools

    numbers = counted.astype(float)
    data = anndata.AnnData(np.zeros((len(counted), 1), np.float32), obs=numbers)
    # noise is what the lowest hashtags show: all but the two highest, one where there are but two
    n_noise = max(counted.shape[1] - 2, 1)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what to cite, once a library
        hashsolo(data, list(counted.columns), number_of_noise_barcodes=n_noise)
    return pd.Series(
        data.obs["Classification"].astype(str).to_numpy(), index=counted.index, dtype="string"
    )
