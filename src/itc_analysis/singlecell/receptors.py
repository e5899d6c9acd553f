"""Read T cell receptor contigs of Cell Ranger and say, per barcode, what they prove.

A MAIT alpha chain is TRAV1-2 joined to TRAJ33, TRAJ12 or TRAJ20, canonically with a CDR3 of 12 amino
acids; an iNKT alpha chain is TRAV10 joined to TRAJ18 with 14 to 16. A chain that is missing is missing.
"""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd

from itc_analysis.errors import UnreadableFile

MAIT_V, MAIT_J, MAIT_CDR3_LENGTH = "TRAV1-2", ("TRAJ33", "TRAJ12", "TRAJ20"), 12
INKT_V, INKT_J, INKT_CDR3_LENGTHS = "TRAV10", "TRAJ18", (14, 15, 16)
#: Beta genes of the families that pair with the MAIT alpha chain, and of iNKT cells.
MAIT_BETA = r"^TRBV(?:6|20)(?:-|$)"
INKT_BETA = "TRBV25-1"
#: A cell has two copies of each locus.
MAX_CHAINS = 2
NEEDED = ("barcode", "chain", "v_gene", "j_gene", "productive", "cdr3")
_T_CHAINS = {"TRA": "alpha", "TRB": "beta", "TRG": "gamma", "TRD": "delta"}
_B_CHAINS = ("IGH", "IGK", "IGL")
_NOTHING = ("", "none", "na", "nan", "null")
#: Columns of other formats by which they are recognised.
_AIRR, _RHAPSODY = "v_call", "Cell_Index"


def read_contigs(path: str | Path) -> pd.DataFrame:
    """Read `filtered_contig_annotations.csv` (or all_contig; csv or csv.gz, 18 or 31 columns).

    Returns
    -------
    One row per productive, confident contig of a cell: barcode (as in the file), chain (alpha, beta,
    gamma, delta), v_gene, j_gene, cdr3; strings, null where Cell Ranger wrote nothing or "None".
    Contigs that mix loci ("Multi") and unproductive ones are left out. Rows are sorted.

    Raises
    ------
    UnreadableFile : not a Cell Ranger contig file, B cell receptors, or no contig at all.
    """
    path = Path(path)
    try:
        header = _header(path)
        missing = [column for column in NEEDED if column not in header]
        if missing:
            raise UnreadableFile(path.name, _what_instead(path, f"no column {', '.join(missing)}"))
        # as text: "True", "true" and "TRUE" are all in use, and "None" is not a gene
        table = pd.read_csv(path, dtype="string", keep_default_na=False)
    except FileNotFoundError:
        raise UnreadableFile(
            path.name, "the contig file is not there; check `contigs_path`"
        ) from None
    except (OSError, EOFError, ValueError) as error:
        raise UnreadableFile(path.name, _what_instead(path, f"{error}")) from None
    if table.empty:
        raise UnreadableFile(path.name, "the contig file has no rows; leave `contigs_path` empty")
    chains = set(table["chain"])
    if not chains & set(_T_CHAINS) and chains & set(_B_CHAINS):
        what = "these are B cell receptors (IGH, IGK, IGL); give the contigs of the T cell library"
        raise UnreadableFile(path.name, what)
    keep = table["productive"].str.lower() == "true"
    for flag in ("is_cell", "high_confidence"):
        if flag in table.columns:
            keep &= table[flag].str.lower() == "true"
    keep &= table["chain"].isin(list(_T_CHAINS))
    contigs = table.loc[keep, ["barcode", "chain", "v_gene", "j_gene", "cdr3"]].copy()
    contigs["chain"] = contigs["chain"].map(_T_CHAINS).astype("string")
    for column in ("v_gene", "j_gene", "cdr3"):
        values = contigs[column].str.strip()
        contigs[column] = values.mask(values.str.lower().isin(_NOTHING))
    # TRAV29/DV5 is one gene that both loci use: the chain says which
    contigs["v_gene"] = contigs["v_gene"].str.replace(r"[*].*$", "", regex=True)
    return contigs.sort_values(list(contigs.columns), kind="stable").reset_index(drop=True)


def summarise_receptors(contigs: pd.DataFrame | None, barcodes: pd.Index) -> pd.DataFrame:
    """Say what the contigs show of each cell.

    Parameters
    ----------
    contigs : from `read_contigs`; None when the library has no receptor file.
    barcodes : cells of the library; matched with and without the suffix "-1".

    Returns
    -------
    One row per barcode, in the order given, indexed by barcode: n_alpha, n_beta, n_gamma, n_delta
    (productive chains with different CDR3), alpha_kind (mait, mait_other_length, inkt, other; null
    without alpha), beta_kind (mait, inkt, other; null without beta), has_ab_pair, has_gd_pair,
    has_three_chains (of one locus: evidence of two cells), and receptor, the summary: mait, inkt, gd,
    ab, doublet, or null when no chain was seen, which proves nothing.
    """
    index = pd.Index(barcodes, name="barcode")
    found = pd.DataFrame(index=index)
    matched = _matched(contigs, index)
    for chain in _T_CHAINS.values():
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
    counts = found[[f"n_{chain}" for chain in _T_CHAINS.values()]]
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


def alpha_kinds(contigs: pd.DataFrame) -> pd.Series:
    """Name the kind of each alpha chain: mait, mait_other_length, inkt or other."""
    v_gene, j_gene = contigs["v_gene"].fillna(""), contigs["j_gene"].fillna("")
    length = contigs["cdr3"].str.len().fillna(0)
    is_mait = (v_gene == MAIT_V) & j_gene.isin(MAIT_J)
    is_inkt = (v_gene == INKT_V) & (j_gene == INKT_J)
    is_canonical = length == MAIT_CDR3_LENGTH
    kinds = np.select(
        [is_mait & is_canonical, is_mait, is_inkt & length.isin(INKT_CDR3_LENGTHS)],
        ["mait", "mait_other_length", "inkt"],
        default="other",
    )
    return pd.Series(kinds, index=contigs.index, dtype="string")


def beta_kinds(contigs: pd.DataFrame) -> pd.Series:
    """Name the kind of each beta chain: mait (TRBV6, TRBV20), inkt (TRBV25-1) or other."""
    v_gene = contigs["v_gene"].fillna("")
    kinds = np.select(
        [v_gene == INKT_BETA, v_gene.str.contains(MAIT_BETA, regex=True)],
        ["inkt", "mait"],
        default="other",
    )
    return pd.Series(kinds, index=contigs.index, dtype="string")


def strip_suffix(barcodes: pd.Index) -> pd.Index:
    """Return barcodes without the GEM-well suffix "-1"."""
    return barcodes.astype(str).str.replace(r"-1$", "", regex=True)


def _header(path: Path) -> list[str]:
    """Return the names in the first line; pandas needs 10 s for the 33,000 of an expression table."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        return next(csv.reader(stream), [])


def _matched(contigs: pd.DataFrame | None, index: pd.Index) -> pd.DataFrame:
    """Return the contigs of the library's cells, with barcodes as the library writes them."""
    if contigs is None:
        return pd.DataFrame(
            columns=["barcode", "chain", "v_gene", "j_gene", "cdr3"], dtype="string"
        )
    if not len(set(contigs["barcode"]) & set(index)):
        names = dict(zip(strip_suffix(index), index, strict=True))
        plain = strip_suffix(pd.Index(contigs["barcode"]))
        renamed = pd.Series(plain, index=contigs.index).map(names)
        contigs = contigs.assign(barcode=renamed.astype("string"))
    return contigs[contigs["barcode"].isin(index)]


def _best(contigs: pd.DataFrame, kinds: pd.Series, index: pd.Index) -> pd.Series:
    """Return one kind per barcode: the most telling of its chains."""
    order = pd.CategoricalDtype(["mait", "inkt", "mait_other_length", "other"], ordered=True)
    best = kinds.astype(order).groupby(contigs["barcode"].to_numpy()).min()
    return best.astype("string").reindex(index)


def _what_instead(path: Path, found: str) -> str:
    """Say what a file is that is not a contig table of Cell Ranger."""
    wanted = "give filtered_contig_annotations.csv of Cell Ranger"
    try:
        with path.open("rb") as stream:
            start = stream.read(4096).decode("utf-8", errors="replace")
    except OSError:
        start = ""
    if re.search(rf"(^|[\t,]){_AIRR}([\t,]|$)", start, re.MULTILINE):
        return f"an AIRR table, not a contig file; {wanted}"
    if start.lstrip().startswith(("[", "{")):
        return f"a JSON file; {wanted}, which stands beside it"
    if _RHAPSODY in start or "BD Rhapsody" in start:
        return f"a BD Rhapsody table; {wanted}: Rhapsody receptors cannot be read"
    return f"not a contig file of Cell Ranger ({found}); {wanted}"
