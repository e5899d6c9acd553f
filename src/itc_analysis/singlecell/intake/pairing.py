"""Do receptor contigs belong to the library they are given for? Barcodes say so.

Two libraries share barcodes by chance: both draw them from one list of the kit. Contigs of the
right library share most of theirs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

#: Barcodes of the shortest list in use (10x 5' v1 and v2); longer lists share fewer by chance.
N_KIT_BARCODES = 737_280
#: So many standard deviations above what chance gives are no chance.
CHANCE_SDS = 5.0
_SUFFIX = re.compile(r"[-_]\d+$")
_BASES = re.compile(r"[ACGT]{14,}")


def match_barcodes(wanted: pd.Index, names: pd.Index) -> npt.NDArray[np.object_]:
    """Return, for each barcode of a contig file, its name in the library; None where it has none.

    As they are written; else without the GEM-well suffix ("-1"); else by the bases alone
    ("sample1_ACGT...-1"). A way that makes two names of the library equal is not taken.

    Parameters
    ----------
    wanted : pandas.Index
        barcodes as the contig file writes them; may repeat.
    names : pandas.Index
        cells of the library.
    """
    # of a table of several wells only the first is the library's, unless it names the well itself
    wells = {end[0] for name in wanted.unique() if (end := _SUFFIX.search(str(name)))}
    ways = (str, _without_suffix, _bases) if len(wells) <= 1 else (str, _without_first_well)
    for rewrite in ways:
        short = [rewrite(name) for name in names]
        if len(set(short)) < len(short):
            continue
        of_short = dict(zip(short, names, strict=True))
        found = np.array([of_short.get(rewrite(name)) for name in wanted], dtype=object)
        if any(name is not None for name in found):
            return found
    return np.full(len(wanted), None, dtype=object)


def count_shared(contig_barcodes: pd.Index, names: pd.Index) -> int:
    """Return how many of the cells with contigs are barcodes of the library."""
    found = match_barcodes(contig_barcodes.unique(), names)
    return int(sum(name is not None for name in found))


def is_pair(contig_barcodes: pd.Index, names: pd.Index) -> bool:
    """Say whether more barcodes are shared than two libraries of one kit share by chance.

    Chance gives a Poisson number of mean n_contigs n_barcodes / `N_KIT_BARCODES`. An empty
    contig table contradicts nothing.
    """
    n_contigs = contig_barcodes.nunique()
    if n_contigs == 0:
        return True
    by_chance = n_contigs * len(names) / N_KIT_BARCODES
    return count_shared(contig_barcodes, names) > by_chance + CHANCE_SDS * math.sqrt(by_chance)


def explain_mismatch(
    contig_barcodes: pd.Index, names: pd.Index, *, others: Mapping[str, pd.Index]
) -> str:
    """Say that contigs belong to another library, and to which.

    Parameters
    ----------
    contig_barcodes : pandas.Index
        of the contig file.
    names : pandas.Index
        cells of the library it was given for.
    others : mapping of str to pandas.Index
        barcodes of other libraries, by library id.
    """
    n, shared = contig_barcodes.nunique(), count_shared(contig_barcodes, names)
    told = "none" if shared == 0 else f"{shared} (no more than chance gives)"
    text = f"{told} of its {n} barcodes is in the library; it is the contig file of another library"
    fitting = {
        library: count_shared(contig_barcodes, cells)
        for library, cells in others.items()
        if is_pair(contig_barcodes, cells)
    }
    if not fitting:
        return f"{text}, which is none of this batch; check `contigs_path`"
    best = max(sorted(fitting), key=lambda library: fitting[library])
    return (
        f"{text}: library '{best}' has {fitting[best]} of them; check whether the contig files of "
        "both were swapped"
    )


def _without_suffix(name: str) -> str:
    return _SUFFIX.sub("", str(name))


def _without_first_well(name: str) -> str:
    return str(name).removesuffix("-1")


def _bases(name: str) -> str:
    found = _BASES.search(str(name))
    return found[0] if found else str(name)
