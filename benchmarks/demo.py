"""What the finished demo shows of what its plan asks for: `./run validate demo`.

Says how many planned comparisons are estimable and names the others with their reason, how many
intervals of the primary family hold the simulated truth, and how the counts of rare populations
stand to the cells that were drawn, all tubes together: a bias that no interval of one tube would
show. Exits with 1 when a comparison is not estimable.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from scenarios import holds_truth, with_truth

from itc_analysis.config.sections import Cohort
from itc_analysis.stats.plan.plan import expand, read_plan

#: Populations of panel_a that are one leaf of the simulated blood.
RARE = ("inkt", "mait", "vd2_gd")
DEMO = Path(__file__).resolve().parent.parent / "demo"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=DEMO, help="a finished simulated study")
    folder = parser.parse_args().folder
    comparisons = pd.read_parquet(folder / "results" / "comparisons.parquet")
    planned = expand(read_plan(folder / "config" / "analysis_plan.yaml"), Cohort())
    by_key = comparisons.set_index(["comparison", "assay", "population", "measure", "feature"])
    rows = [by_key.loc[(item.comparison, *item.endpoint)] for item in planned]
    lacking = [row for row in rows if row["status"] != "ok"]
    print(f"{len(planned) - len(lacking)} of {len(planned)} planned comparisons are estimable")
    for row in lacking:
        print(f"  {', '.join(map(str, row.name))}: {row['reason']}")
    primary = with_truth(comparisons[comparisons["family"] == "primary"], folder)
    held = holds_truth(primary)
    print(f"{int(held.sum())} of {len(primary)} primary intervals hold the truth")
    for row in primary[~held].itertuples():
        print(
            f"  {row.comparison}, {row.population}, {row.measure}: "
            f"{row.estimate:.2f} ({row.lower:.2f} to {row.upper:.2f}), true {row.truth:.2f}"
        )
    print(counts_beside_truth(folder).to_string(index=False))
    sys.exit(bool(lacking))


def counts_beside_truth(folder: Path) -> pd.DataFrame:
    """Return counted and drawn cells of all stained tubes, by population and drawn number."""
    files = sorted((folder / "results" / "flow" / "panel_a").glob("*/counts.parquet"))
    counts = pd.concat([pd.read_parquet(file) for file in files])
    counts = counts[counts["population"].isin(RARE) & counts["n_events"].notna()]
    counts = counts[~counts["source_id"].str.contains("fmo")]
    drawn = {
        file_id: pd.read_parquet(folder / "truth" / "events" / f"{file_id}.parquet")["population"]
        for file_id in counts["source_id"].unique()
    }
    counts["drawn"] = [
        int((drawn[file_id] == population).sum())
        for file_id, population in zip(counts["source_id"], counts["population"], strict=True)
    ]
    counts["held"] = counts["drawn"].between(counts["n_lower"], counts["n_upper"])
    counts["drawn in a tube"] = pd.cut(counts["drawn"], [-1, 14, 49, 199, 10**9]).astype(str)
    table = counts.groupby(["population", "drawn in a tube"], as_index=False).agg(
        tubes=("drawn", "size"), drawn=("drawn", "sum"), counted=("n_events", "sum"),
        background=("n_background", "sum"), held=("held", "mean"),
    )  # fmt: skip
    net = table["counted"] - table["background"]
    return table.assign(ratio=net / table["drawn"]).round(3)


if __name__ == "__main__":
    main()
