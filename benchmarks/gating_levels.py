"""MAIT cells among three levels of CD161: tables for `./run validate gating`.

Draws a study of batches (benchmarks/gating_level_tubes.py), gates it as the workflow does (fit each
batch, pool over the study, apply) with `level: bright`, and compares each tube's MAIT count with
its truth: by how many there are, by distance of the levels, by the state of the gate. Run alone
with --seed and --tubes; with --depleted-batches in some of the batches everybody is depleted, so
that these show no bright cells of their own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from itc_analysis.cli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy is imported

import numpy as np
import pandas as pd
from gating_level_tubes import (
    COLOURS,
    DEPLETED_SHARE,
    SCATTER,
    draw_level_staining,
    write_level_tube,
)

from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import apply_batch
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.tube.quality_mask import Judged
from itc_analysis.measurements.shares import share_interval
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import KeptEvents

TUBES_PER_BATCH = 8
DEFAULT_SEED, DEFAULT_TUBES = 20_260, 80
#: Edges of the true number of MAIT cells in the tables.
SIZES = ((3, 20), (20, 100), (100, 1_000), (1_000, 30_000))


def level_template() -> Template:
    """Return T cells, V-alpha-7.2+ and MAIT cells as the shipped template has them."""
    steps: list[dict[str, Any]] = [
        {"name": "lymphocytes", "parent": "all", "markers": ["FSC-A", "SSC-A"],
         "method": "scatter_ellipse"},
        {"name": "singlets", "parent": "lymphocytes", "markers": ["FSC-A", "FSC-H"],
         "method": "singlets"},
        {"name": "t_cells", "parent": "singlets", "markers": ["CD3"], "side": "above",
         "method": "density_minimum", "measured": True},
        {"name": "va72_pos", "parent": "t_cells", "markers": ["Va7.2"], "side": "above",
         "method": "density_minimum", "arguments": {"only_peak": "negative"}},
        {"name": "mait", "parent": "va72_pos", "markers": ["CD161"], "side": "above",
         "method": "density_minimum", "level": "bright", "min_parent": 50, "measured": True},
    ]  # fmt: skip
    return check_template(
        {"panel": "levels", "denominator": "t_cells", "populations": steps}, "levels.yaml"
    )


def level_panel() -> pd.DataFrame:
    """Return the panel sheet."""
    roles = ["scatter", "scatter", "scatter", "time", *("lineage" for _ in COLOURS)]
    channels = [*SCATTER, *(f"{marker}-A" for marker in COLOURS)]
    return pd.DataFrame(
        {"channel": channels, "marker": [*SCATTER, *COLOURS], "role": roles}, dtype="string"
    )


def draw_study(
    folder: Path, n_batches: int, seed: int, depleted_batches: float = 0.0
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Write the tubes of a study; returns its tube sheet and the truth of every tube.

    Parameters
    ----------
    depleted_batches : float
        part of the batches in which everybody is depleted.
    """
    rows, truths = [], []
    for number in range(n_batches):
        rng = np.random.default_rng([seed, number, 161])
        staining = draw_level_staining(rng)
        everybody = np.random.default_rng([seed, number, 7]).random() < depleted_batches
        for tube in range(TUBES_PER_BATCH):
            file_id = f"l{number}_t{tube}"
            path = folder / f"{file_id}.fcs"
            depleted = 1.0 if everybody else DEPLETED_SHARE
            true = write_level_tube(path, staining, rng, depleted=depleted)
            truths.append(
                {"file_id": file_id, "batch": number, "decades": staining.decades,
                 "share": staining.share, "bright": staining.bright, **true}
            )  # fmt: skip
            rows.append(
                {"file_id": file_id, "sample_id": file_id, "path": str(path), "panel": "levels",
                 "batch": f"l{number}", "tube": "stained", "fmo_markers": None}
            )  # fmt: skip
    return rows, pd.DataFrame(truths)


def fit_study(rows: list[dict[str, Any]]) -> tuple[pd.DataFrame, Judged]:
    """Learn the gates of every batch; returns the fits and what was judged."""
    sheet, plan, settings = level_panel(), level_template(), Flow()
    fits, qualities, kept = [], [], []
    for batch in dict.fromkeys(row["batch"] for row in rows):
        own = [row for row in rows if row["batch"] == batch]
        fit, quality, _ = fit_batch(own, sheet, plan, settings, kept=kept)
        fits.append(fit)
        qualities.append(quality)
    judged = Judged(pd.concat(qualities, ignore_index=True), contract.make(kept, KeptEvents))
    return pd.concat(fits, ignore_index=True), judged


def count_study(
    rows: list[dict[str, Any]], fits: pd.DataFrame, judged: Judged, truths: pd.DataFrame
) -> pd.DataFrame:
    """Pool and apply; one row per tube with the MAIT count, its interval and its truth."""
    plan, settings = level_template(), Flow()
    gates = pool_gates(fits, plan, settings)
    parts = []
    for batch in dict.fromkeys(row["batch"] for row in rows):
        own = [row for row in rows if row["batch"] == batch]
        parts.append(apply_batch(own, level_panel(), plan, gates, judged, settings).counts)
    counts = pd.concat(parts)
    mait = counts[counts["population"] == "mait"].drop(columns=["sample_id", "reason"])
    t_cells = counts[counts["population"] == "t_cells"].set_index("source_id")["n_events"]
    own_gates = gates[gates["population"] == "mait"][["file_id", "cut", "reason"]]
    table = truths.merge(mait, left_on="file_id", right_on="source_id").merge(
        own_gates, on="file_id"
    )
    table["n_t"] = table["file_id"].map(t_cells).astype(float)
    n, total, background, error, lower, upper, parent, gate, missed, missed_error = (
        table[name].astype(float).to_numpy()
        for name in ("n_events", "n_t", "n_background", "background_se", "n_lower", "n_upper",
                     "n_parent", "gate_se_log", "n_missed", "missed_se")
    )  # fmt: skip
    shares = share_interval(
        n, total, background=background, background_se=error, n_lower=lower, n_upper=upper,
        n_parent=parent, gate_se_log=gate, missed=missed, missed_se=missed_error,
    )  # fmt: skip
    true = table["mait"].to_numpy() / table["t_cells"].to_numpy()
    # intervals are those of the share in the blood, so that share decides whether they hold
    share = table["mait_share"].to_numpy()
    # the cells that were drawn, counted without a mistake
    drawn = share_interval(
        table["mait"].to_numpy(dtype=float), table["t_cells"].to_numpy(dtype=float)
    )
    limit = np.fmax(settings.lod_events, table["n_lod"].astype(float).fillna(0)) / total
    is_below = (table["detection"] == "below_lod").fillna(value=False).to_numpy(dtype=bool)
    # what measurements.parquet reports: below the limit an interval from 0 to at least the limit
    low = np.where(is_below, 0.0, shares.lower)
    high = np.where(is_below, np.fmax(limit, shares.upper), shares.upper)
    return table.assign(
        # of none, no ratio
        ratio=shares.value / np.where(true > 0, true, np.nan),
        low=low * total,
        high=high * total,
        net=shares.value * total,
        is_covered=(low <= share) & (share <= high),
        is_drawn_covered=(drawn.lower <= share) & (share <= drawn.upper),
        is_counted=table["status"] == "ok",
        is_below=is_below,
        is_quantified=(table["detection"] == "quantified").fillna(value=False),
    )


def level_report(table: pd.DataFrame, seed: int) -> str:
    """Return the tables as Markdown."""
    size = np.select(
        [(low <= table["mait"]) & (table["mait"] < high) for low, high in SIZES],
        [f"{low:,} to {high:,}" for low, high in SIZES],
        "none",
    )
    order = {f"{low:,} to {high:,}": i for i, (low, high) in enumerate(SIZES)}
    table = table.assign(**{"true MAIT": size}).sort_values(
        "true MAIT", key=lambda names: names.map(order), kind="stable"
    )
    table["intermediate"] = [f"{100 * v:g} %" for v in table["share"]]
    table["state"] = table["gate_state"].fillna("not counted")
    enough = table[table["mait"] >= 100]
    sections = [f"{len(table)} tubes in batches of {TUBES_PER_BATCH}, seed {seed}"]
    for title, rows, by in (
        ("By the true number of MAIT cells:", table, ["true MAIT"]),
        (
            "By decades between intermediate and bright (100 MAIT cells and more):",
            enough,
            ["decades"],
        ),
        ("By share of intermediate cells (100 and more):", enough, ["intermediate"]),
        ("By the state of the gate:", table, ["state"]),
    ):
        sections += [title, _markdown(_lines(rows, by))]
    return "\n\n".join(sections) + "\n"


def _lines(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    lines = []
    for key, part in table.groupby(by, sort=by != ["true MAIT"]):
        lines.append(
            {
                **dict(zip(by, key, strict=True)),
                "tubes": len(part),
                "not counted": int((~part["is_counted"]).sum()),
                "count/truth (median)": f"{part['ratio'].median():.3f}",
                "worst": f"{part['ratio'].min():.2f} to {part['ratio'].max():.2f}",
                "interval holds the truth": f"{100 * part['is_covered'].mean():.1f} %",
                "perfect gates": f"{100 * part['is_drawn_covered'].mean():.1f} %",
                "below LoD": f"{100 * part['is_below'].mean():.1f} %",
                "quantified": f"{100 * part['is_quantified'].mean():.1f} %",
            }
        )
    return pd.DataFrame(lines)


def _markdown(lines: pd.DataFrame) -> str:
    header = "| " + " | ".join(lines.columns) + " |"
    rule = "|" + "---|" * len(lines.columns)
    body = ["| " + " | ".join(map(str, row)) + " |" for row in lines.to_numpy()]
    return "\n".join([header, rule, *body])


def validate_levels(n_tubes: int, seed: int, depleted_batches: float = 0.0) -> pd.DataFrame:
    """Draw, gate and count a study, see `draw_study`."""
    with tempfile.TemporaryDirectory() as temporary:
        rows, truths = draw_study(
            Path(temporary), -(-n_tubes // TUBES_PER_BATCH), seed, depleted_batches
        )
        fits, judged = fit_study(rows)
        return count_study(rows, fits, judged, truths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--tubes", type=int, default=DEFAULT_TUBES)
    parser.add_argument(
        "--depleted-batches",
        type=float,
        default=0.0,
        help="part of the batches in which everybody is depleted",
    )
    parser.add_argument("--details", help="write one row per tube here (Parquet)")
    options = parser.parse_args()
    table = validate_levels(options.tubes, options.seed, options.depleted_batches)
    if options.details:
        table.to_parquet(options.details)
    print(level_report(table, options.seed))


if __name__ == "__main__":
    main()
