"""What the finished demo shows of what its plan asks for: `./run validate demo`.

Says how many planned comparisons are estimable and names the others with their reason, and how many
intervals of the primary family hold the simulated truth. Exits with 1 when one is not estimable.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from scenarios import holds_truth, with_truth

from itc_analysis.config.sections import Cohort
from itc_analysis.stats.plan.plan import expand, read_plan

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
    sys.exit(bool(lacking))


if __name__ == "__main__":
    main()
