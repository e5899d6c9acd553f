"""What the whole workflow finds in simulated studies: `./run validate`.

Simulates small studies of the scenarios effect, null, confounded and abundance_only (several seeds
each), runs the workflow on each from the FCS files on, and prints per study what the primary family
found and whether its intervals hold the truth; and how often receptors, activation, scores and
levels of brightness, of which none differs in these scenarios but the first, were claimed to
differ. Takes about a minute per study on two idle cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from itc_analysis.simulate.study import simulate_study

ROOT = Path(__file__).resolve().parent.parent
LARGE_EFFECTS = ("mait", "inkt")
SIGNIFICANT = 0.05
#: What cells look like; only their number differs in every scenario but "effect".
LOOKS = ("share_positive", "score", "median_intensity")
HEALTHY = 1.0  # effects.tsv holds ratios to healthy people; they have no row of their own


def holds_truth(rows: pd.DataFrame) -> pd.Series:
    """Return whether the interval holds the true ratio; a limit that is not given is open."""
    return rows["truth"].between(rows["lower"].fillna(0), rows["upper"].fillna(np.inf))


def run_study(
    folder: Path, *, scenario: str, seed: int, per_group: int, events: int
) -> pd.DataFrame:
    """Simulate, run the workflow, and return its comparisons."""
    simulate_study(
        folder, scenario=scenario, seed=seed, per_group=per_group, events=events, cells=0, batches=2
    )
    subprocess.run(
        [
            sys.executable, "-m", "snakemake", "-s", str(ROOT / "workflow" / "Snakefile"),
            "--workflow-profile", str(ROOT / "workflow" / "profiles" / "default"),
            "--configfile", str(folder / "config" / "config.yaml"), "--directory", str(folder),
            "--quiet", "all", "--until", "compare",
        ],
        check=True,
    )  # fmt: skip
    comparisons = pd.read_parquet(folder / "results" / "comparisons.parquet")
    return comparisons.assign(scenario=scenario, seed=seed)


def with_truth(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Add the true ratio of SSc to the comparison's reference (several groups: geometric mean)."""
    effects = pd.read_csv(folder / "truth" / "effects.tsv", sep="\t", comment="#")
    effects = effects[effects["feature"] == "-"]
    ratio = effects.set_index(["population", "measure", "group"])["true_value"]

    def true_ratio(row: pd.Series) -> float:
        key = (row["population"], row["measure"])
        groups = str(row["reference_group"]).split("+")
        reference = np.mean([np.log(ratio.get((*key, group), HEALTHY)) for group in groups])
        return float(np.exp(np.log(ratio[(*key, row["index_group"])]) - reference))

    return rows.assign(truth=rows.apply(true_ratio, axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=101)
    parser.add_argument("--per-group", type=int, default=6)
    parser.add_argument("--events", type=int, default=25_000)
    parser.add_argument(
        "--scenarios", nargs="+", default=["effect", "null", "confounded", "abundance_only"]
    )
    options = parser.parse_args()
    found, looks = [], []
    for scenario in options.scenarios:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary) / "study"
                rows = run_study(
                    folder,
                    scenario=scenario,
                    seed=seed,
                    per_group=options.per_group,
                    events=options.events,
                )
                found.append(with_truth(rows[rows["family"] == "primary"], folder))
                looks.append(rows[rows["measure"].isin(LOOKS)])
                print_study(found[-1])
    print_summary(pd.concat(found))
    print_looks(pd.concat(looks))


def print_study(rows: pd.DataFrame) -> None:
    """One line per study."""
    estimable = rows[rows["upper"].notna() | rows["lower"].notna()]
    significant = rows[rows["p_adjusted"] < SIGNIFICANT]
    covered = holds_truth(estimable)
    names = ", ".join(
        f"{r.population} {r.measure} {r.comparison}" for r in significant.itertuples()
    )
    print(
        f"{rows['scenario'].iloc[0]:>14} seed {rows['seed'].iloc[0]}: {len(significant)} of "
        f"{len(rows)} found, {int(covered.sum())} of {len(estimable)} intervals hold the truth. "
        f"{names}",
        flush=True,
    )


def print_summary(table: pd.DataFrame) -> None:
    """Coverage per population, and in how many studies anything was found."""
    ok = table[table["upper"].notna() | table["lower"].notna()].copy()
    ok["covered"] = holds_truth(ok)
    ok["log_bias"] = np.log(ok["estimate"] / ok["truth"])
    print("\nCoverage and mean log bias of the primary ratios")
    columns = ["scenario", "population", "measure", "comparison"]
    print(ok.groupby(columns)[["covered", "log_bias"]].mean().round(2).to_string())
    large = ok[(ok["scenario"] == "effect") & ok["population"].isin(LARGE_EFFECTS)]
    if len(large):
        print(
            f"\nLarge effects (MAIT, iNKT): {large['covered'].mean():.0%} of {len(large)} "
            "intervals hold the truth"
        )
    table["found"] = table["p_adjusted"] < SIGNIFICANT
    studies = table.groupby(["scenario", "seed"])["found"].any().groupby("scenario")
    for scenario, any_found in studies:
        print(f"{scenario}: anything found in {int(any_found.sum())} of {len(any_found)} studies")


def print_looks(table: pd.DataFrame) -> None:
    """Print how often the looks of cells were claimed to differ, before and after adjustment."""
    print("\nWhat cells look like, with p < 0.05 (different in the scenario effect alone)")
    for (scenario, measure), rows in table.groupby(["scenario", "measure"]):
        tested = rows[rows["p_value"].notna()]
        raw, adjusted = (tested[name] < SIGNIFICANT for name in ("p_value", "p_adjusted"))
        print(
            f"{scenario:>14} {measure}: {int(raw.sum())} of {len(tested)} tests, "
            f"{int(adjusted.sum())} after adjustment; {len(rows) - len(tested)} not estimable"
        )


if __name__ == "__main__":
    main()
