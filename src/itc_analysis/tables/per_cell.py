"""Words for who asks for a test over cells: participants are the unit, and what to compare instead.

Cells of one person are alike. Thousands of them tested as if each were a person make a difference
out of any two people.
"""

from __future__ import annotations

import re

#: Columns that name cells.
NAMES = frozenset(("barcode", "cell_id", "cell_barcode"))
#: Columns that tables of cells have, those of this package and of scanpy.
COLUMNS = frozenset(
    (
        *(*NAMES, "posterior", "posterior_t", "mait_by_rna"),
        *("decided_by", "is_conflict", "has_alpha", "n_genes_by_counts", "pct_counts_mt", "leiden"),
        *(f"posterior_{name}" for name in ("mait", "inkt", "gd_t_cells", "innate_cd8")),
    )
)
#: Names of rank scores of cells, of this package and of pyucell.
_SCORE = re.compile(r"ucell_|.*_UCell$")
#: A droplet's barcode, as it stands in the names of cells.
BARCODE = re.compile(r"[ACGT]{14,}")
#: Contracts with a row per cell, or per chain of one.
CONTRACTS = ("Cells", "Receptors")

WHAT = "a test over cells takes each of them for a person, and participants are the unit here"
REMEDY = (
    "compare measurements.parquet (`open_results(…).measurements`), which has a number per "
    "participant, or a table with one row per participant, named by participant, e.g. "
    "`table.groupby('participant_id').mean()`; genes are compared by `itc compare-genes`"
)


def is_of_cells(column: str) -> bool:
    """Tell whether a column holds something that only single cells have."""
    return column in COLUMNS or bool(_SCORE.match(column))
