"""What the T cell receptor contigs prove of each barcode.

A MAIT alpha chain is TRAV1-2 joined to TRAJ33, TRAJ12 or TRAJ20, canonically with a CDR3 of 12
amino acids; an iNKT alpha chain is TRAV10 joined to TRAJ18 with 14 to 16. A chain that is missing
is missing, and a chain of which the file leaves genes open proves nothing that these would decide.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.singlecell.intake.contigs import CHAINS, COLUMNS
from itc_analysis.singlecell.intake.pairing import match_barcodes

MAIT_V, MAIT_J, MAIT_CDR3_LENGTH = "TRAV1-2", ("TRAJ33", "TRAJ12", "TRAJ20"), 12
INKT_V, INKT_J, INKT_CDR3_LENGTHS = "TRAV10", "TRAJ18", (14, 15, 16)
#: Beta genes of the families that pair with the MAIT alpha chain, and of iNKT cells.
MAIT_BETA = r"^TRBV(?:6|20)(?:-|$)"
INKT_BETA = "TRBV25-1"
#: A cell has two copies of each locus.
MAX_CHAINS = 2


def summarise_receptors(contigs: pd.DataFrame | None, barcodes: pd.Index) -> pd.DataFrame:
    """Say what the contigs show of each cell.

    Parameters
    ----------
    contigs : pandas.DataFrame or None
        from `read_contigs`; None when the library has no receptor file.
    barcodes : pandas.Index
        cells of the library; matched as `pairing.match_barcodes` says.

    Returns
    -------
    pandas.DataFrame
        One row per barcode, in the order given, indexed by barcode: n_alpha, n_beta, n_gamma,
        n_delta (productive chains with different CDR3), alpha_kind (mait, mait_other_length, inkt,
        other; null without alpha), beta_kind (mait, inkt, other; null without beta), has_ab_pair,
        has_gd_pair, has_three_chains (of one locus: evidence of two cells), and receptor, the
        summary: mait, inkt, gd, ab, doublet, or null when no chain was seen, which proves nothing.
    """
    index = pd.Index(barcodes, name="barcode")
    found = pd.DataFrame(index=index)
    matched = _matched(contigs, index)
    for chain in CHAINS.values():
        of_locus = matched[matched["chain"] == chain].drop_duplicates(
            ["barcode", "v_gene", "j_gene", "cdr3"]
        )
        found[f"n_{chain}"] = of_locus.groupby("barcode").size().reindex(index, fill_value=0)
    alpha = matched[matched["chain"] == "alpha"]
    beta = matched[matched["chain"] == "beta"]
    found["alpha_kind"] = _best(alpha, alpha_kinds(alpha), index)
    found["beta_kind"] = _best(beta, beta_kinds(beta), index)
    found["has_ab_pair"] = (found["n_alpha"] > 0) & (found["n_beta"] > 0)
    # gamma alone proves nothing: alpha-beta cells rearrange and transcribe it as well
    found["has_gd_pair"] = (found["n_gamma"] > 0) & (found["n_delta"] > 0)
    counts = found[[f"n_{chain}" for chain in CHAINS.values()]]
    found["has_three_chains"] = (counts > MAX_CHAINS).any(axis=1) | (
        found["has_ab_pair"] & found["has_gd_pair"]
    )
    any_ab = (found["n_alpha"] > 0) | (found["n_beta"] > 0)
    found["receptor"] = pd.Series(
        np.select(
            [
                found["has_three_chains"],
                found["alpha_kind"].isin(["mait", "mait_other_length"]).to_numpy(dtype=bool),
                (found["alpha_kind"] == "inkt").fillna(value=False).to_numpy(dtype=bool),
                any_ab,
                found["n_delta"] > 0,
            ],
            ["doublet", "mait", "inkt", "ab", "gd"],
            default="",
        ),
        index=index,
        dtype="string",
    ).replace("", pd.NA)
    return found


def list_chains(contigs: pd.DataFrame | None, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the productive chains of called cells, those with most molecules first.

    Parameters
    ----------
    contigs : pandas.DataFrame or None
        from `read_contigs`; None when the library has no receptor file.
    cells : pandas.DataFrame
        a `Cells` table of the library.

    Returns
    -------
    pandas.DataFrame
        Rows of the `Receptors` table, cells in the order of their barcodes.
    """
    same = ["barcode", "chain", "v_gene", "j_gene", "cdr3"]
    found = _matched(contigs, pd.Index(cells["barcode"]))
    found = found.sort_values([*same[:2], "n_umis"], ascending=[True, True, False], kind="stable")
    found = found.drop_duplicates(same)
    found["number"] = found.groupby(same[:2]).cumcount() + 1
    return cells[["library_id", "sample_id", "barcode", "call"]].merge(found, on="barcode")


def alpha_kinds(contigs: pd.DataFrame) -> pd.Series:
    """Name the kind of each alpha chain: mait, mait_other_length, inkt, other; null where it is
    open.

    A chain is another one as soon as a gene that the file names says so.
    """
    v_gene, j_gene = contigs["v_gene"].fillna(""), contigs["j_gene"].fillna("")
    length = contigs["cdr3"].str.len().fillna(0)
    is_mait = (v_gene == MAIT_V) & j_gene.isin(MAIT_J)
    is_inkt = (v_gene == INKT_V) & (j_gene == INKT_J)
    is_canonical = length == MAIT_CDR3_LENGTH
    is_open = (v_gene.isin([MAIT_V, INKT_V, ""])) & (j_gene.isin([*MAIT_J, INKT_J, ""]))
    is_open &= (v_gene == "") | (j_gene == "")
    kinds = np.select(
        [is_mait & is_canonical, is_mait, is_inkt & length.isin(INKT_CDR3_LENGTHS), is_open],
        ["mait", "mait_other_length", "inkt", ""],
        default="other",
    )
    return pd.Series(kinds, index=contigs.index, dtype="string").replace("", pd.NA)


def beta_kinds(contigs: pd.DataFrame) -> pd.Series:
    """Name the kind of each beta chain: mait (TRBV6, TRBV20), inkt (TRBV25-1), other; null:
    open.
    """
    v_gene = contigs["v_gene"].fillna("")
    kinds = np.select(
        [(v_gene == INKT_BETA), v_gene.str.contains(MAIT_BETA, regex=True), v_gene == ""],
        ["inkt", "mait", ""],
        default="other",
    )
    return pd.Series(kinds, index=contigs.index, dtype="string").replace("", pd.NA)


def _matched(contigs: pd.DataFrame | None, index: pd.Index) -> pd.DataFrame:
    """Return the contigs of the library's cells, with barcodes as the library writes them.

    Parameters
    ----------
    contigs : pandas.DataFrame or None
        from `read_contigs`; None when the library has no receptor file.
    index : pandas.Index
        cells of the library.
    """
    if contigs is None:
        return pd.DataFrame(columns=list(COLUMNS), dtype="string").astype({"n_umis": "Int64"})
    renamed = match_barcodes(pd.Index(contigs["barcode"]), index)
    found = contigs.assign(barcode=pd.Series(renamed, index=contigs.index, dtype="string"))
    return found[found["barcode"].notna()]


def _best(contigs: pd.DataFrame, kinds: pd.Series, index: pd.Index) -> pd.Series:
    """Return one kind per barcode: the most telling of its chains."""
    order = pd.CategoricalDtype(["mait", "inkt", "mait_other_length", "other"], ordered=True)
    best = kinds.dropna().astype(order).groupby(contigs["barcode"][kinds.notna()].to_numpy()).min()
    return best.astype("string").reindex(index)
