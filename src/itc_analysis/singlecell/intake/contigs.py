"""Read T cell receptor contigs: Cell Ranger's tables of all versions, AIRR rearrangements, and what
scirpy and dandelion keep.

All end in the same table of productive, confident chains of cells.
"""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake import contigs_hdf5

#: Locus to the name of its chain.
CHAINS = {"TRA": "alpha", "TRB": "beta", "TRG": "gamma", "TRD": "delta"}
#: Columns of what is returned.
COLUMNS = ("barcode", "chain", "v_gene", "j_gene", "cdr3", "n_umis")
NEEDED = ("barcode", "chain", "v_gene", "j_gene", "productive", "cdr3")
#: AIRR Rearrangement Schema; `cell_id` is what makes it single-cell.
NEEDED_AIRR = ("cell_id", "v_call", "j_call", "productive")
#: Molecules of a chain: Cell Ranger, AIRR since 1.4, AIRR before.
UMIS = ("umis", "umi_count", "duplicate_count")
_B_CHAINS = ("IGH", "IGK", "IGL")
_NOTHING = ("", "none", "na", "nan", "null", "unassigned")
_YES = ("true", "t", "yes", "1")
#: Columns of other formats by which they are recognised.
_RHAPSODY = "Cell_Index"
#: Conserved residues at both ends of a junction, which `cdr3_aa` of AIRR leaves out.
_FIRST_RESIDUE, _LAST_RESIDUE = "C", "F"
#: What parts columns; semicolons are what Excel writes where the comma is decimal.
_DELIMITERS = (",", "\t", ";")
#: Names that IMGT gives neither a V nor a J gene: TRAV1S2 (Arden 1995), TRAV01-2 and TCRAV01-02
#: (Adaptive), and those whose hyphen became another sign (TRAV1.2, TRAV1_2). MAIT and iNKT cells
#: are known by the names of their genes, so that none of them would be found.
_OTHER_NAME = re.compile(r"^(?!TR[ABGD][VJ])|^TR[ABGD][VJ]0|^TR[ABGD]V\d+S\d|[^\w/()*-]|_")
#: Share of other names in a file above which it is refused.
_FEW_OTHERS = 0.05
#: Fewer contigs may all be of no use by chance.
_ENOUGH = 10
#: Loci of contigs that mix several or show none.
_NO_LOCUS = ("MULTI", "NONE", "", "NA", "NAN")
#: A J gene belongs to one locus; V genes are shared between alpha and delta.
_LOCUS_OF_J = re.compile(r"^(TR[ABGD])J")


def read_contigs(path: str | Path) -> pd.DataFrame:
    """Read a contig table.

    Parameters
    ----------
    path : str or Path
        `filtered_contig_annotations.csv` or `all_contig_annotations.csv` of Cell Ranger (any
        version, csv or csv.gz), or an AIRR rearrangement table with `cell_id` (tsv or csv, also
        gz), as Cell Ranger, scirpy, dandelion and others write it; or a file of scirpy (h5ad or
        h5mu of any version) or of dandelion (h5ddl).

    Returns
    -------
    pandas.DataFrame
        One row per productive, confident contig of a cell: barcode (as in the file), chain (alpha,
        beta, gamma, delta), v_gene, j_gene, cdr3 (the junction, from C to F or W); strings, null
        where the file has nothing, "None", or several genes that differ; n_umis (molecules of the
        chain; null where the file does not say). Contigs that mix loci ("Multi"), unproductive ones
        and those that dandelion marked as ambiguous are left out. A V gene of alpha joined to a J
        gene of delta is a delta chain, whatever the file calls its locus. Rows are sorted.

    Raises
    ------
    UnreadableFile
        another kind of file, B cell receptors, no contig at all, or loci or genes that are not
        named as IMGT names them.
    """
    path = Path(path)
    try:
        table = _read_table(path)
    except FileNotFoundError:
        raise UnreadableFile(
            path.name, "the contig file is not there; check `contigs_path`"
        ) from None
    except (OSError, EOFError, ValueError, KeyError, csv.Error) as error:
        raise UnreadableFile(path.name, _what_instead(path, f"{error}")) from None
    if table.empty:
        raise UnreadableFile(path.name, "the contig file has no rows; leave `contigs_path` empty")
    # a table that was joined with itself: a contig has one id
    table = table.drop_duplicates().reset_index(drop=True)
    table = _from_airr(table) if "v_call" in table else table
    keep = table["productive"].str.strip().str.lower().isin(_YES)
    for flag in ("is_cell", "high_confidence"):
        if flag in table.columns:
            keep &= table[flag].str.strip().str.lower().isin((*_YES, ""))
    if "ambiguous" in table.columns:
        keep &= ~table["ambiguous"].str.strip().str.lower().isin(_YES)
    table["chain"] = table["chain"].str.strip().str.upper()
    chains = set(table["chain"])
    if not chains & set(CHAINS) and any(name.startswith(_B_CHAINS) for name in chains):
        what = "these are B cell receptors (IGH, IGK, IGL); give the contigs of the T cell library"
        raise UnreadableFile(path.name, what)
    _refuse_unknown_loci(path, table.loc[keep, "chain"])
    keep &= table["chain"].isin(list(CHAINS))
    counted = next((column for column in UMIS if column in table.columns), None)
    umis = table[counted] if counted else pd.Series(pd.NA, index=table.index, dtype="string")
    table["n_umis"] = pd.to_numeric(umis, errors="coerce").round().astype("Int64")
    if not keep.any() and len(table) >= _ENOUGH:
        what = (
            f"none of its {len(table):,} contigs is of one T cell locus, productive and confident "
            f"(productive says '{table['productive'].iloc[0]}', chain '{table['chain'].iloc[0]}')"
        )
        raise UnreadableFile(path.name, f"{what}; give the contigs as Cell Ranger wrote them")
    if counted and table["n_umis"].isna().all():
        what = f"column {counted} holds no numbers ('{umis.iloc[0]}')"
        raise UnreadableFile(path.name, f"{what}; write numbers, or take the column out")
    contigs = table.loc[keep, list(COLUMNS)].copy()
    for column in ("v_gene", "j_gene"):
        # TRAV29/DV5 is one gene that both loci use: the J gene says which
        contigs[column] = _one_gene(contigs[column])
    # some programs file immunoglobulin genes under a T cell locus
    is_t = ~(contigs["v_gene"].fillna("") + contigs["j_gene"].fillna("")).str.contains("IG[HKL]")
    contigs = contigs[is_t.to_numpy(dtype=bool)].copy()
    _refuse_other_names(path, contigs)
    cdr3 = contigs["cdr3"].str.strip()
    contigs["cdr3"] = cdr3.mask(cdr3.str.lower().isin(_NOTHING))
    locus = contigs["j_gene"].str.extract(_LOCUS_OF_J, expand=False)
    contigs["chain"] = locus.fillna(contigs["chain"]).map(CHAINS).astype("string")
    return contigs.sort_values(list(COLUMNS), kind="stable").reset_index(drop=True)


def _read_table(path: Path) -> pd.DataFrame:
    """Return all columns of a contig file as text."""
    if path.suffix in contigs_hdf5.SUFFIXES:
        return contigs_hdf5.read_chains(path)
    header, delimiter = _header(path)
    needed = NEEDED_AIRR if "v_call" in header and "cell_id" in header else NEEDED
    missing = [column for column in needed if column not in header]
    if missing:
        raise UnreadableFile(path.name, _what_instead(path, f"no column {', '.join(missing)}"))
    # as text: "True", "true", "T" and "TRUE" are all in use, and "None" is not a gene
    return pd.read_csv(path, sep=delimiter, dtype="string", keep_default_na=False)


def _from_airr(table: pd.DataFrame) -> pd.DataFrame:
    """Rename the columns of an AIRR table to those of Cell Ranger."""
    v_call = table["v_call"]
    locus = table["locus"] if "locus" in table else v_call.str.extract(r"(TR[ABGD]|IG[HKL])")[0]
    if "junction_aa" in table:
        junction = table["junction_aa"]
    elif "cdr3_aa" in table:
        filled = table["cdr3_aa"].str.strip()
        junction = (_FIRST_RESIDUE + filled + _LAST_RESIDUE).where(filled != "", "")
    else:
        junction = pd.Series("", index=table.index, dtype="string")
    renamed = pd.DataFrame(
        {
            "barcode": table["cell_id"],
            "chain": locus.fillna("").astype("string"),
            "v_gene": v_call,
            "j_gene": table["j_call"],
            "productive": table["productive"],
            "cdr3": junction,
        }
    )
    flags = ("is_cell", "high_confidence", "ambiguous", *UMIS)
    return renamed.assign(**{name: table[name] for name in flags if name in table})


def _refuse_unknown_loci(path: Path, chains: pd.Series) -> None:
    """Refuse a file whose productive contigs are all of loci that nobody knows."""
    named = chains[~chains.isin(list(_NO_LOCUS)).to_numpy(dtype=bool)].dropna()
    is_known = named.isin(list(CHAINS)) | named.str.startswith(_B_CHAINS)
    if len(named) and not is_known.any():
        what = (
            f"none of its {len(named):,} productive contigs is of TRA, TRB, TRG or TRD; the first "
            f"says '{named.iloc[0]}': name the loci as IMGT does"
        )
        raise UnreadableFile(path.name, what)


def _refuse_other_names(path: Path, contigs: pd.DataFrame) -> None:
    """Refuse a file whose genes are not named as IMGT names them."""
    for column in ("v_gene", "j_gene"):
        named = contigs[column].dropna()
        if len(contigs) >= _ENOUGH and named.empty:
            what = (
                f"{column} of none of its {len(contigs):,} productive contigs names one gene, so "
                "that MAIT and iNKT cells could not be found: give a table that does"
            )
            raise UnreadableFile(path.name, what)
        is_other = named.str.contains(_OTHER_NAME).to_numpy(dtype=bool)
        if len(named) and is_other.mean() > _FEW_OTHERS:
            what = (
                f"{column} of {int(is_other.sum()):,} of its {len(named):,} productive contigs is "
                f"not named as IMGT names it, such as '{named[is_other].iloc[0]}', so that MAIT "
                "and iNKT cells could not be found: write TRAV1-2, TRAJ33"
            )
            raise UnreadableFile(path.name, what)


def _one_gene(calls: pd.Series) -> pd.Series:
    """Return the gene without its allele; null for none, and where several genes are named."""
    plain = calls.str.strip()
    plain = plain.mask(plain.str.lower().isin(_NOTHING))
    is_several = plain.str.contains(",", regex=False).fillna(value=False).to_numpy(dtype=bool)
    genes = plain.str.replace(r"[*].*$", "", regex=True)
    for row in np.flatnonzero(is_several).tolist():
        named = {re.sub(r"[*].*$", "", call.strip()) for call in str(plain.iloc[row]).split(",")}
        genes.iloc[row] = named.pop() if len(named) == 1 else None
    return genes


def _header(path: Path) -> tuple[list[str], str]:
    """Return the names in the first line and what parts them.

    Read apart from the table: pandas needs 10 s for the 33,000 names of an expression table.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        line = stream.readline()
    delimiter = max(_DELIMITERS, key=line.count)
    return next(csv.reader([line], delimiter=delimiter), []), delimiter


def _what_instead(path: Path, found: str) -> str:
    """Say what a file is that is no contig table."""
    wanted = "give filtered_contig_annotations.csv of Cell Ranger, or an AIRR table with cell_id"
    try:
        with path.open("rb") as stream:
            start = stream.read(4096).decode("utf-8", errors="replace")
    except OSError:
        start = ""
    if re.search(r"(^|[\t,])v_call([\t,]|$)", start, re.MULTILINE):
        return f"an AIRR table without single cells ({found}); {wanted}"
    if start.lstrip().startswith(("[", "{")):
        return f"a JSON file; {wanted}, which stands next to it"
    if _RHAPSODY in start or "BD Rhapsody" in start:
        return f"a BD Rhapsody table; {wanted}: Rhapsody receptors cannot be read"
    return f"not a contig table ({found}); {wanted}"
