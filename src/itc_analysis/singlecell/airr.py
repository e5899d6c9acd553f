"""Receptor chains of called cells as an AIRR table, for scirpy, dandelion and Immcantation."""

from __future__ import annotations

import pandas as pd

from itc_analysis.singlecell.intake.contigs import CHAINS

#: Fields that AIRR Rearrangement 1.4 requires and that the tables of this package do not keep.
NOT_KEPT = (
    *("sequence", "rev_comp", "d_call", "sequence_alignment", "germline_alignment", "junction"),
    *("v_cigar", "d_cigar", "j_cigar"),
)


def to_airr(receptors: pd.DataFrame) -> pd.DataFrame:
    """Return chains with the names of the AIRR Rearrangement Schema.

    Parameters
    ----------
    receptors : pandas.DataFrame
        a `Receptors` table.

    Returns
    -------
    pandas.DataFrame
        One row per chain: sequence_id, cell_id (`<library_id>:<barcode>`, the cell's name in
        `study.adata`), locus, v_call, j_call, productive (all true), junction_aa, umi_count (null
        where it is not known), the required fields of `NOT_KEPT`, all null (sequences stay in the
        contig files), and of this study library_id, sample_id and call.
    """
    cell = receptors["library_id"] + ":" + receptors["barcode"]
    locus = receptors["chain"].map({chain: name for name, chain in CHAINS.items()})
    table = pd.DataFrame(
        {
            "sequence_id": cell + "_" + locus + "_" + receptors["number"].astype("string"),
            "cell_id": cell,
            "locus": locus,
            "v_call": receptors["v_gene"],
            "j_call": receptors["j_gene"],
            "productive": True,
            "junction_aa": receptors["cdr3"],
            "umi_count": receptors["n_umis"],
        }
    )
    nothing = pd.Series(pd.NA, index=table.index, dtype="string")
    own = receptors[["library_id", "sample_id", "call"]]
    return pd.concat([table.assign(**dict.fromkeys(NOT_KEPT, nothing)), own], axis=1)
