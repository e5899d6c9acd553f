"""What the single-cell arm costs next to plain scanpy, in pairs measured one after the other.

    python benchmarks/singlecell.py --libraries 10 --cells 20000 --pairs 2
    python benchmarks/singlecell.py --libraries 2 --cells 25000 --times 20 --only itc
    python benchmarks/singlecell.py --libraries 40 --cells 25000 --jobs 2 --most-mb 4096
    python benchmarks/singlecell.py --sizes 5000 10000 20000
    python benchmarks/singlecell.py --libraries 1 --cells 4000 --ucell

With `--times 20` every library is annotated twenty times under other names: a study of that size
without the time to draw it. `--ucell` sets rank scores beside pyucell, where that is installed.

With `--jobs 2` our arm alone annotates a million cells as two batches side by side, each in a
process of one thread, as the workflow's jobs are, and fails when one takes more than `--most-mb`.
`--sizes` annotates a library of each size and says by which power of the cells CPU time grows: 1 is
linear.

Each arm runs in a process of its own on the same simulated libraries (Cell Ranger h5, gzip as Cell
Ranger writes it): ours reads, judges quality, calls, scores, sums and writes all tables and the T
cells; scanpy reads, computes QC metrics, normalises, takes logs, scores five gene sets and
aggregates, and writes nothing. CPU seconds are counted after the imports; memory is the peak of the
process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

#: Gene sets that plain scanpy scores, from study to study about so many and so long.
N_SETS, SET_SIZE = 5, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--libraries", type=int, default=2)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--genes", type=int, default=18_000)
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--times", type=int, default=1, help="use each library so many times")
    parser.add_argument("--only", choices=["itc", "scanpy"], help="one arm alone")
    parser.add_argument("--ucell", action="store_true", help="rank scores beside pyucell")
    parser.add_argument("--jobs", type=int, help="our arm, as so many batches side by side")
    parser.add_argument("--most-mb", type=float, default=4096, help="of one job, with --jobs")
    parser.add_argument("--sizes", type=int, nargs="+", help="our arm, a library of each size")
    parser.add_argument("--folder", type=Path, help="keep the libraries here, and use them again")
    parser.add_argument("--arm", choices=["itc", "scanpy"], help=argparse.SUPPRESS)
    parser.add_argument("--part", default="1/1", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        run_arm(options.arm, options.folder, options.libraries, options.times, options.part)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        sizes = options.sizes or [options.cells] * options.libraries
        for number, n_cells in enumerate(sizes):
            path = folder / f"L{number}.h5"
            if not path.exists():
                draw_library(path, n_cells=n_cells, n_genes=options.genes, seed=number)
        if options.sizes:
            measure_growth(folder, options.sizes, options.pairs)
            return
        if options.jobs:
            run_side_by_side(folder, options)
            return
        if options.ucell:
            compare_with_pyucell(folder / "L0.h5")
            return
        arms = [options.only] if options.only else ["itc", "scanpy"]
        found: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
        for arm in found:  # compiles what is compiled once per installation
            measure(arm, folder, 1, 1)
        for _ in range(options.pairs):
            for arm in found:
                found[arm].append(measure(arm, folder, options.libraries, options.times))
                print(arm, json.dumps(found[arm][-1]), flush=True)
    if options.only:
        return
    for name in ("cpu", "peak_mb"):
        pairs = zip(found["itc"], found["scanpy"], strict=True)
        ratios = [ours[name] / theirs[name] for ours, theirs in pairs]
        print(f"{name}: itc / scanpy = {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


def measure(
    arm: str, folder: Path, libraries: int, times: int, part: str = "1/1"
) -> dict[str, float]:
    """Run one arm in a fresh process of one thread."""
    command = [sys.executable, __file__, "--arm", arm, "--folder", str(folder), "--part", part]
    command += ["--libraries", str(libraries), "--times", str(times)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    found = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | threads
    )
    return dict(json.loads(found.stdout.splitlines()[-1]))


def measure_growth(folder: Path, sizes: list[int], repeats: int) -> None:
    """Annotate one library of each size in turn, and say how CPU time grows with the cells."""
    measure("itc", folder, 1, 1)  # compiles what is compiled once per installation
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(repeats):
        for number, size in enumerate(sizes, start=1):
            used = measure("itc", folder, len(sizes), 1, f"{number}/{len(sizes)}")
            seconds[size].append(used["cpu"])
            print(f"{size} cells: {json.dumps(used)}", flush=True)
    best = [min(seconds[size]) for size in sizes]
    for size, own in zip(sizes, best, strict=True):
        print(f"{size} cells: {own:.2f} CPU s, {1e6 * own / size:.0f} CPU s per million")
    if len(set(sizes)) > 1:
        power = statistics.linear_regression(
            [math.log(size) for size in sizes], [math.log(own) for own in best]
        ).slope
        print(f"CPU time grows with cells to the power of {power:.2f}")


def run_side_by_side(folder: Path, options: argparse.Namespace) -> None:
    """Annotate all libraries as batches at the same time; exit with 1 when one takes too much."""
    measure("itc", folder, 1, 1)
    parts = [f"{number}/{options.jobs}" for number in range(1, options.jobs + 1)]
    began = time.perf_counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(
            pool.map(
                lambda part: measure("itc", folder, options.libraries, options.times, part), parts
            )
        )
    wall = time.perf_counter() - began
    for part, used in zip(parts, found, strict=True):
        print(f"job {part}: {json.dumps(used)}")
    n_cells = options.libraries * options.cells * options.times
    most = max(used["peak_mb"] for used in found)
    print(
        f"{n_cells:,} cells in {options.libraries * options.times} libraries, {options.jobs} jobs: "
        f"{wall:.0f} s, {sum(used['cpu'] for used in found):.0f} CPU s, at most {most:.0f} MB a job"
    )
    if most > options.most_mb:
        sys.exit(f"a job took more than {options.most_mb:.0f} MB")


def run_arm(arm: str, folder: Path, libraries: int, times: int, part: str) -> None:
    number, of = map(int, part.split("/"))
    paths = [folder / f"L{number}.h5" for number in range(libraries)] * times
    paths = paths[number - 1 :: of]
    work = {"itc": prepare_itc, "scanpy": prepare_scanpy}[arm](paths)
    began, wall = time.process_time(), time.perf_counter()
    work()
    used = {
        "cpu": round(time.process_time() - began, 2),
        "wall": round(time.perf_counter() - wall, 2),
        "imports_cpu": round(began, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(used))


def prepare_itc(paths: list[Path]):
    import pandas as pd

    from itc_analysis.cohort.sheets.read import read_sheet
    from itc_analysis.config.sections import SingleCell
    from itc_analysis.singlecell.annotate import annotate_libraries
    from itc_analysis.singlecell.calls.weights import read_evidence
    from itc_analysis.tables.cohort.sheets import SignatureSheet

    root = Path(__file__).resolve().parent.parent
    signatures = read_sheet(str(root / "config" / "signatures.tsv"), SignatureSheet)
    rows = [
        {
            "library_id": f"{path.stem}-{number}",
            "sample_id": f"{path.stem}-{number}",
            "path": str(path),
            "format": "10x_h5",
            "contigs_path": None,
            "has_gamma_delta_receptors": None,
            "batch": "b1",
        }
        for number, path in enumerate(paths)
    ]

    def work() -> None:
        with tempfile.TemporaryDirectory() as out:
            tables = annotate_libraries(
                rows,
                settings=SingleCell(),
                evidence=read_evidence(),
                signatures=signatures,
                folder=Path(out),
            )
            for name in (
                *("quality", "cells", "receptors", "counts", "soft_counts", "pseudobulk"),
                "pseudobulk_depth",
            ):
                table: pd.DataFrame = getattr(tables, name)
                table.to_parquet(Path(out) / f"{name}.parquet")

    return work


def prepare_scanpy(paths: list[Path]):
    import warnings

    import numpy as np
    import scanpy as sc

    def work() -> None:
        for path in paths:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = sc.read_10x_h5(path)
            data.var_names_make_unique()
            data.var["mt"] = data.var_names.str.startswith("MT-")
            sc.pp.calculate_qc_metrics(data, qc_vars=["mt"], inplace=True, percent_top=None)
            data.layers["counts"] = data.X.copy()
            sc.pp.normalize_total(data, target_sum=1e4)
            sc.pp.log1p(data)
            rng = np.random.default_rng(1)
            for number in range(N_SETS):
                genes = rng.choice(data.var_names, SET_SIZE, replace=False)
                sc.tl.score_genes(data, genes, score_name=f"score{number}", random_state=0)
            data.obs["group"] = rng.choice(list("abcdef"), data.n_obs)
            data.obs["group"] = data.obs["group"].astype("category")
            sc.get.aggregate(data, by="group", func="sum", layer="counts")
            del data

    return work


def compare_with_pyucell(path: Path) -> None:
    """Time the rank scores of one library by both, three times in turn, and compare the values."""
    import warnings

    import numpy as np
    import pyucell
    import scanpy as sc

    from itc_analysis.cohort.sheets.read import read_sheet
    from itc_analysis.singlecell.scores.ranks import score_signatures
    from itc_analysis.tables.cohort.sheets import SignatureSheet

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = sc.read_10x_h5(path)
        data.var_names_make_unique()
    root = Path(__file__).resolve().parent.parent
    sheet = read_sheet(str(root / "config" / "signatures.tsv"), SignatureSheet)
    sheet = sheet[(sheet["assay"] == "singlecell") & sheet["feature"].isin(data.var_names)]
    sets = {
        name: [
            f"{gene}{'+' if weight > 0 else '-'}"
            for gene, weight in zip(rows["feature"], rows["weight"], strict=True)
        ]
        for name, rows in sheet.groupby("signature")
    }
    score_signatures(data.X[:50], data.var_names, sheet, barcodes=data.obs_names[:50])
    pyucell.compute_ucell_scores(data[:50].copy(), sets, n_jobs=1)
    ratios = []
    for _ in range(3):
        began = time.process_time()
        ours = score_signatures(data.X, data.var_names, sheet, barcodes=data.obs_names).values
        between = time.process_time()
        pyucell.compute_ucell_scores(data, sets, n_jobs=1)
        ended = time.process_time()
        ratios.append((ended - between) / (between - began))
        print(f"itc {between - began:.3f} s, pyucell {ended - between:.3f} s, {ratios[-1]:.0f} x")
    for name in ours:
        theirs = data.obs[f"{name}_UCell"].to_numpy()
        # UCell cuts a score with negative genes off at 0
        apart = np.abs(np.maximum(ours[name].to_numpy(), 0) - theirs)
        print(f"{name}: largest difference {np.nanmax(apart):.1e}")


def draw_library(path: Path, *, n_cells: int, n_genes: int, seed: int) -> None:
    """Draw blood cells with about 1,900 genes each, from the rates of the simulated studies."""
    import h5py
    import numpy as np
    import scipy.sparse as sp

    from itc_analysis.simulate.cells.receptors import ALPHA_V
    from itc_analysis.simulate.cells.transcriptome import MITOCHONDRIAL, load_transcriptome

    rng = np.random.default_rng(seed)
    base = load_transcriptome()
    real = [i for i, gene in enumerate(base.genes) if not gene.startswith("GENE")]
    n_more = n_genes - len(real)
    abundance = np.exp(2.0 * np.random.default_rng(7).standard_normal(n_more))
    shares = dict(zip(base.leaves, np.full(len(base.leaves), 0.02), strict=True))
    shares |= {"cd4_t_cells": 0.35, "eomes_neg_cd8": 0.2, "monocytes": 0.12, "nk_cells": 0.08}
    weights = np.array([shares[leaf] for leaf in base.leaves])
    leaf = rng.choice(len(weights), n_cells, p=weights / weights.sum())
    rates = np.zeros((len(base.leaves), n_genes))
    rates[:, : len(real)] = base.rates[:, real]
    names = [base.genes[i] for i in real]
    rates[:, [names.index(gene) for gene in MITOCHONDRIAL]] = 400 / len(MITOCHONDRIAL)
    rates[:, names.index(ALPHA_V[1])] = 3
    rates[:, len(real) :] = (
        abundance / abundance.sum() * (1e4 - rates[:, : len(real)].sum(1))[:, None]
    )
    depth = np.exp(np.log(5000) + 0.4 * rng.standard_normal(n_cells))
    rows = []
    for start in range(0, n_cells, 500):
        part = slice(start, start + 500)
        expected = rates[leaf[part]] * depth[part, None] / 1e4
        rows.append(sp.csr_matrix(rng.poisson(expected).astype(np.int32)))
    counts = sp.vstack(rows, format="csr")
    barcodes = [
        "".join("ACGT"[i] for i in bases) + "-1" for bases in rng.integers(0, 4, (n_cells, 16))
    ]
    names += [f"FILLER{i}" for i in range(n_more)]
    with h5py.File(path, "w") as file:
        matrix = file.create_group("matrix")
        arrays = {
            "barcodes": np.array(barcodes, dtype="S"),
            "data": counts.data.astype(np.int32),
            "indices": counts.indices.astype(np.int64),
            "indptr": counts.indptr.astype(np.int64),
            "shape": np.array(counts.shape[::-1], dtype=np.int32),
            "features/feature_type": np.array(["Gene Expression"] * n_genes, dtype="S"),
            "features/genome": np.array(["GRCh38"] * n_genes, dtype="S"),
            "features/id": np.array([f"ID{i}" for i in range(n_genes)], dtype="S"),
            "features/name": np.array(names, dtype="S"),
        }
        for name, values in arrays.items():
            # as Cell Ranger does
            how = {
                "compression": "gzip",
                "compression_opts": 4,
                "shuffle": True,
                "chunks": (80_000,),
            }
            matrix.create_dataset(name, data=values, **(how if values.size > 80_000 else {}))


if __name__ == "__main__":
    main()
