"""Where each file lies in the results folder, and the tables of a finished run.

`Layout` is used by the Snakefile, the report and the notebooks alike, so nothing else builds a
path. `open_results` opens a finished run.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itc_analysis.tables.registry import BY_NAME, FILES, TABLES, File, contract_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd


@dataclass(frozen=True)
class Layout:
    """Paths below a results folder, by the names of the registry.

    A file that there is one of is an attribute; one per panel or batch takes them as arguments,
    which may be Snakemake wildcards.

    Examples
    --------
    >>> at = Layout("results")
    >>> at.measurements
    'results/measurements.parquet'
    >>> at.counts("panel_a", "b1")
    'results/flow/panel_a/b1/counts.parquet'
    """

    folder: str

    def at(self, name: str, *where: str) -> str:
        """Return the path of a file; `where` gives its panel and batch, in this order."""
        file = BY_NAME[name]
        return self._below(file.path.format(**dict(zip(file.wildcards, where, strict=True))))

    def __getattr__(self, name: str) -> Any:
        """Return the path, or a function of panel and batch where there are several."""
        if name not in BY_NAME:
            msg = f"a results folder has no file named {name!r}"
            raise AttributeError(msg)
        if not BY_NAME[name].wildcards:
            return self.at(name)
        return lambda *where: self.at(name, *where)

    def made_by(self, rule: str) -> dict[str, str]:
        """Return the files of a rule by name, with `{panel}` and `{batch}` left open."""
        return {f.name: self._below(f.path) for f in FILES if f.made_by == rule}

    def log(self, *parts: str) -> str:
        """Return the log of a job."""
        return self._below("logs", *parts) + ".log"

    def _below(self, *parts: str) -> str:
        return "/".join((self.folder.rstrip("/"), *parts))


class Results:
    """The tables of a finished run, read when asked for: each is an attribute.

    `dir(study)` and tab completion list them; what each holds and whether it is there is shown by
    printing the object. Every table keeps what made it in `table.attrs["provenance"]`.

    Parameters
    ----------
    folder : str or Path
        The results folder.

    Raises
    ------
    ItcError
        There are no measurements in the folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.layout = Layout(str(folder))
        if not Path(self.layout.measurements).exists():
            from itc_analysis.errors import ItcError

            raise ItcError(
                str(folder),
                "no measurements.parquet here; run the workflow, or name its results folder",
            )

    def __getattr__(self, name: str) -> pd.DataFrame:
        """Read a table by its name."""
        file = BY_NAME.get(name)
        if file is None or not file.contract:
            from itc_analysis.errors import did_you_mean

            hint = did_you_mean(name, [table.name for table in TABLES])
            msg = f"a results folder has no table {name!r}" + (f"; {hint}" if hint else "")
            raise AttributeError(msg)
        return self._read(file)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(table.name for table in TABLES)]

    def __repr__(self) -> str:
        there = [file.name for file in TABLES if self._paths(file)]
        return f"Results({self.layout.folder!r}): {len(there)} tables: {', '.join(there)}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{file.name}</code></td><td>{escape(file.sentence)}</td>"
            f"<td>{len(self._paths(file)) or 'not there'}</td></tr>"
            for file in TABLES
        )
        return (
            f"<p>Results in <code>{escape(self.layout.folder)}</code></p>"
            f"<table><tr><th>table</th><th>holds</th><th>files</th></tr>{rows}</table>"
        )

    def cells(self, call: str | None = None) -> pd.DataFrame:
        """Return single cells, all or those with one call.

        Parameters
        ----------
        call : str or None
            A population such as ``"mait"``; case, spaces and hyphens do not matter. None: all.

        Raises
        ------
        ItcError
            No cell has this call, with the nearest one that some cell has.
        """
        table = self._read(BY_NAME["cells"])
        if call is None:
            return table
        calls = sorted(table["call"].dropna().unique())
        by_plain = {_plain(name): name for name in calls}
        found = by_plain.get(_plain(call))
        if found is None:
            from itc_analysis.errors import Fault, ItcError, did_you_mean

            hint = did_you_mean(_plain(call), list(by_plain)) or f"calls: {', '.join(calls)}"
            raise ItcError(self.layout.folder, [Fault("", f"no cell has the call '{call}'", hint)])
        chosen: pd.DataFrame = table[table["call"] == found].reset_index(drop=True)
        return chosen

    @property
    def adata(self) -> Any:
        """T cells of all libraries as one AnnData, backed by `singlecell/t_cells.h5ad`.

        Molecules in `X`; calls, probabilities, rank scores and the columns of the person in `obs`.
        The file is put together when first asked for, and again when libraries or participants
        changed: who is not in the sheets any more is not in it. `study.adata.to_memory()` loads it
        for scanpy.
        """
        from itc_analysis.singlecell import pooling

        samples = self.samples[["sample_id", "participant_id"]]
        people = samples.merge(
            self.participants, on="participant_id", how="left", validate="many_to_one"
        )
        known = ["sample_id", *(name for name in pooling.PERSON if name in people)]
        folder = Path(self.layout.folder) / "singlecell"
        libraries = list(self._files_of_libraries())
        return pooling.open_cells(libraries, people[known], folder / "t_cells.h5ad")

    def _files_of_libraries(self) -> Iterator[Path]:
        """Name the files of T cells of the libraries in the sheet that had cells in the last run;
        files of former ones may lie next to them.
        """
        from pyarrow import parquet

        for path in self._paths(BY_NAME["cells"]):
            libraries = self.libraries[self.libraries["batch"] == path.parent.name]
            annotated = parquet.read_table(path, columns=["library_id"])["library_id"]
            for library_id in set(annotated.unique().to_pylist()) & set(libraries["library_id"]):
                yield path.parent / f"{library_id}.h5ad"

    @property
    def airr(self) -> pd.DataFrame:
        """Receptor chains of all cells as an AIRR table; `cell_id` is the cell's name in `adata`.

        scirpy takes it as it is: `scirpy.io.read_airr(study.airr)`. Written as a tab-separated
        file it opens in dandelion and Immcantation too.
        """
        from itc_analysis.singlecell.airr import to_airr

        return to_airr(self._read(BY_NAME["receptors"]))

    def _paths(self, file: File) -> list[Path]:
        pattern = file.path.format(**dict.fromkeys(file.wildcards, "*"))
        paths = sorted(Path(self.layout.folder).glob(pattern))
        if file.made_by != "annotate" or not Path(self.layout.libraries).exists():
            return paths
        # the folder of a batch that is no longer in the sheet may still be there
        batches = set(self.libraries["batch"])
        return [path for path in paths if path.parent.name in batches]

    def _read(self, file: File) -> pd.DataFrame:
        from itc_analysis.tables import contract

        paths = self._paths(file)
        table = contract.read_all(paths, contract_of(file))
        table.attrs["provenance"] = [contract.read_provenance(path) for path in paths]
        return table


def open_results(folder: str | Path = "results") -> Results:
    """Open the results folder of a finished run.

    Parameters
    ----------
    folder : str or Path
        The results folder of a study.

    Returns
    -------
    Results
        Each table of the run is an attribute.

    Raises
    ------
    ItcError
        There are no measurements in the folder.

    Examples
    --------
    >>> study = open_results("demo/results")  # doctest: +SKIP
    >>> study.comparisons.query("family == 'primary'")  # doctest: +SKIP
    """
    return Results(folder)


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
