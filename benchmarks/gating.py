"""Are the counts of rare populations right, and do they say how sure they are? `./run validate
gating`.

Draws tubes (benchmarks/gating_tubes.py) in batches, half of the batches with a control tube without
the rare markers' antibodies, gates them as the workflow does (fit, pool, apply; default settings,
one template for all), and prints by frequency: the median error of the count, how often the 95 %
interval of the background-subtracted share holds the truth, and how often a population is called
below its limit of detection or quantified. Then MAIT cells among three levels of CD161
(benchmarks/gating_levels.py), and three populations on one marker without levels
(benchmarks/gating_ties.py). The published run (no options) writes its tables into
docs/gating-validation.md.
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
from gating_levels import DEFAULT_TUBES, level_report, validate_levels
from gating_rivals import rival_counts, rival_report
from gating_ties import DEFAULT_TUBES as DEFAULT_TIES
from gating_ties import tie_report, validate_ties
from gating_tubes import COLOURS, LEVELS, MARKERS, SCATTER, draw_staining, write_tube

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
ROOT = Path(__file__).resolve().parent.parent
PUBLISHED_SEED, PUBLISHED_TUBES = 20_260, 208
PAGE = ROOT / "docs" / "gating-validation.md"
#: The tables stand between these lines of the page; the prose around them is written by people.
BEGIN, END = "<!-- begin: written by ./run validate gating -->", "<!-- end -->"


def template() -> Template:
    """Return lymphocytes, single cells, T cells and the rare populations, as the shipped ones have
    them.
    """
    steps: list[dict[str, Any]] = [
        {"name": "lymphocytes", "parent": "all", "markers": ["FSC-A", "SSC-A"],
         "method": "scatter_ellipse"},
        {"name": "singlets", "parent": "lymphocytes", "markers": ["FSC-A", "FSC-H"],
         "method": "singlets"},
        {"name": "t_cells", "parent": "singlets", "markers": ["CD3"], "side": "above",
         "method": "density_minimum", "measured": True},
    ]  # fmt: skip
    steps += [
        {"name": marker.lower(), "parent": "t_cells", "markers": [marker],
         "method": "rare_positive", "control": marker, "measured": True}
        for marker in MARKERS
    ]  # fmt: skip
    return check_template(
        {"panel": "rare", "denominator": "t_cells", "populations": steps}, "rare.yaml"
    )


def panel() -> pd.DataFrame:
    """Return the panel sheet."""
    roles = ["scatter", "scatter", "scatter", "time", *("lineage" for _ in COLOURS)]
    channels = [*SCATTER, *(f"{marker}-A" for marker in COLOURS)]
    return pd.DataFrame(
        {"channel": channels, "marker": [*SCATTER, *COLOURS], "role": roles}, dtype="string"
    )


def gate_batch(
    folder: Path, number: int, seed: int, rivals: list[pd.DataFrame] | None = None
) -> pd.DataFrame:
    """Draw, gate and count one batch; one row per tube and rare population."""
    rng = np.random.default_rng([seed, number])
    staining = draw_staining(rng)
    has_control = number % 2 == 0
    rows, truths = [], {}
    for tube in range(TUBES_PER_BATCH + has_control):
        file_id = f"b{number}_t{tube}"
        is_control = tube == TUBES_PER_BATCH
        levels = rng.permutation(LEVELS)
        path = folder / f"{file_id}.fcs"
        truths[file_id] = (levels, write_tube(path, staining, levels, rng, is_control=is_control))
        rows.append(
            {"file_id": file_id, "sample_id": file_id, "path": str(path), "panel": "rare",
             "batch": f"b{number}", "tube": "fmo" if is_control else "stained",
             "fmo_markers": ",".join(MARKERS) if is_control else None}
        )  # fmt: skip
    sheet, plan, settings = panel(), template(), Flow()
    kept: list[dict[str, Any]] = []
    fits, quality, _ = fit_batch(rows, sheet, plan, settings, kept=kept)
    judged = Judged(quality, contract.make(kept, KeptEvents))
    if rivals is not None:
        rivals.append(rival_counts(fits, [marker.lower() for marker in MARKERS]))
    gates = pool_gates(fits, plan, settings)
    counts = apply_batch(rows, sheet, plan, gates, judged, settings).counts
    for row in rows:
        Path(row["path"]).unlink()
    found = []
    for file_id, (levels, truth) in truths.items():
        if file_id == f"b{number}_t{TUBES_PER_BATCH}":
            continue
        own = counts[counts["source_id"] == file_id].set_index("population")
        for place, marker in enumerate(MARKERS):
            count = own.loc[marker.lower()].to_dict()
            found.append(
                {
                    "file_id": file_id,
                    "population": marker,
                    "level": float(levels[place]),
                    "decades": float(staining.decades[1 + place]),
                    "negative_sd": float(staining.negative_sd[1 + place]),
                    "has_control": has_control,
                    "true": truth[marker],
                    "true_t": truth["t_cells"],
                    **count,
                    "state": count["gate_state"],
                    "cut": gates.set_index(["file_id", "population"]).loc[
                        (file_id, marker.lower()), "cut"
                    ],
                }
            )
    return pd.DataFrame(found)


def with_intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the share of T cells with its limits, as measurements.parquet holds it."""
    columns = ["n_events", "n_parent", "n_background", "background_se", "n_lower", "n_upper",
               "gate_se_log", "n_missed", "missed_se"]  # fmt: skip
    n, total, background, error, lower, upper, gate, missed, missed_error = (
        rows[name].astype(float).to_numpy() for name in columns
    )
    shares = share_interval(
        n, total, background=background, background_se=error, n_lower=lower, n_upper=upper,
        gate_se_log=gate, missed=missed, missed_se=missed_error,
    )  # fmt: skip
    level = rows["level"].to_numpy()
    # the cells that were drawn, counted without a mistake: how far chance alone leads
    drawn = share_interval(rows["true"].astype(float), rows["true_t"].astype(float))
    return rows.assign(
        share=shares.value,
        net=shares.value * total,
        is_covered=(shares.lower <= level) & (level <= shares.upper),
        is_drawn_covered=(drawn.lower <= level) & (level <= drawn.upper),
        is_counted=rows["status"] == "ok",
        is_below=(rows["detection"] == "below_lod").fillna(value=False).astype(bool),
        is_quantified=(rows["detection"] == "quantified").fillna(value=False).astype(bool),
    )


def summary(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return one line per group."""
    lines = []
    for key, part in rows.groupby(by, sort=False):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = part["net"] / part["true"]
        lines.append(
            {
                **dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True)),
                "tubes": len(part),
                "not counted": int((~part["is_counted"]).sum()),
                "true cells (median)": float(part["true"].median()),
                "median |count/true-1|": float(np.median(np.abs(ratio - 1)))
                if (part["true"] > 0).all()
                else np.nan,
                "interval holds the truth": part["is_covered"].mean(),
                "perfect gates": part["is_drawn_covered"].mean(),
                "below LoD": part["is_below"].mean(),
                "below LoD or holds": (part["is_below"] | part["is_covered"]).mean(),
                "quantified": part["is_quantified"].mean(),
            }
        )
    return pd.DataFrame(lines)


def table(lines: pd.DataFrame) -> str:
    """Return a summary as a Markdown table."""
    shown = lines.copy()
    for name in lines.columns:
        if name == "level":
            shown[name] = [f"{100 * v:g} %" if v else "none" for v in lines[name]]
        elif name in ("tubes", "not counted", "true cells (median)"):
            shown[name] = [f"{v:.0f}" for v in lines[name]]
        elif lines[name].dtype == float and name != "decades":
            shown[name] = ["" if np.isnan(v) else f"{100 * v:.1f} %" for v in lines[name]]
    header = "| " + " | ".join(shown.columns) + " |"
    rule = "|" + "---|" * len(shown.columns)
    return "\n".join([header, rule, *("| " + " | ".join(map(str, r)) + " |" for r in shown.to_numpy())])  # fmt: skip  # noqa: E501


def report(rows: pd.DataFrame, seed: int) -> str:
    """Return the tables as Markdown."""
    order = ["level", "decades", "has_control", "state"]
    rows = rows.sort_values(order, ascending=[False, False, False, True], kind="stable")
    sections = [f"{rows['file_id'].nunique()} tubes in batches of {TUBES_PER_BATCH}, seed {seed}"]
    for title, by in (
        ("", []),
        ("By distance of the positives, in decades:", ["decades"]),
        ("Batches with and without a control tube:", ["has_control"]),
        ("By the state of the gate:", ["state"]),
    ):
        sections += [title] * bool(title)
        sections.append(table(summary(rows, ["level", *by])))
    return "\n\n".join(sections) + "\n"


def write_page(page: Path, text: str) -> None:
    """Replace what stands between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        msg = f"{page.name} lacks the lines '{BEGIN}' and '{END}'"
        raise ValueError(msg)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=PUBLISHED_SEED)
    parser.add_argument(
        "--tubes", type=int, default=PUBLISHED_TUBES, help=f"in batches of {TUBES_PER_BATCH}"
    )
    parser.add_argument(
        "--level-tubes",
        type=int,
        default=DEFAULT_TUBES,
        help="with three levels of CD161; 0 for none",
    )
    parser.add_argument(
        "--tie-tubes",
        type=int,
        default=DEFAULT_TIES,
        help="with three populations on one marker; 0 for none",
    )
    parser.add_argument("--details", help="write one row per tube and population here (Parquet)")
    parser.add_argument(
        "--rivals", action="store_true", help="what other programs' methods count in these tubes"
    )
    parser.add_argument("--page", help="a page to write the tables into, between its marks")
    options = parser.parse_args()
    if options.page and not Path(options.page).is_file():
        parser.error(
            f"--page {options.page}: no such page; it must hold the lines {BEGIN} and {END}"
        )
    n_batches = -(-options.tubes // TUBES_PER_BATCH)
    is_published = (options.seed, options.tubes) == (PUBLISHED_SEED, PUBLISHED_TUBES)
    page = Path(options.page) if options.page else (PAGE if is_published else None)
    with tempfile.TemporaryDirectory() as temporary:
        rivals: list[pd.DataFrame] | None = [] if options.rivals else None
        parts = [gate_batch(Path(temporary), i, options.seed, rivals) for i in range(n_batches)]
    rows = with_intervals(pd.concat(parts, ignore_index=True))
    if options.details:
        rows.to_parquet(options.details)
    text = report(rows, options.seed)
    if rivals:
        text += "\n### Other programs' methods on the same tubes\n\n"
        text += rival_report(pd.concat(rivals), rows)
    if options.level_tubes:
        for title, depleted_batches in (
            ("MAIT cells among three levels of CD161", 0.0),
            ("The same, everybody depleted in a third of the batches", 1 / 3),
        ):
            levels = validate_levels(options.level_tubes, options.seed, depleted_batches)
            text += f"\n### {title}\n\n{level_report(levels, options.seed)}"
    if options.tie_tubes:
        ties = validate_ties(options.tie_tubes, options.seed)
        text += f"\n### Two valleys, and no level to choose by\n\n{tie_report(ties, options.seed)}"
    print(text)
    if page is not None:
        write_page(page, text)


if __name__ == "__main__":
    main()
