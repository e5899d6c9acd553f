"""Is a cell positive, with and without a control tube? `./run validate positivity`.

Simulates a study with FMO tubes (`itc simulate`: five to seven markers in two panels, spreading of
bright dyes), gates it as the workflow does, once with its FMO tubes and once with those of the
phenotype's markers hidden, and compares: the threshold with the FMO's, the share positive with that
by FMO, and both with the shares that the participants were drawn with.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from itc_analysis.cli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy is imported

import pandas as pd

from itc_analysis.api.shipped import read_panel, read_template
from itc_analysis.config.sections import Flow
from itc_analysis.flow.batches.scales import learn_scales
from itc_analysis.flow.counting.apply import apply_batch
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.scale.scales import with_scales
from itc_analysis.flow.tube.quality_mask import Judged
from itc_analysis.measurements.phenotype import positive_shares
from itc_analysis.simulate.study import simulate_study
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import KeptEvents

PANELS = ("panel_a", "panel_b")
GROUPS = ("SSc", "healthy")
#: Shares of fewer positive cells scatter too much to be compared one by one.
MIN_POSITIVE = 30
DEFAULT_SEED, PER_GROUP, EVENTS = 20_260, 6, 60_000


def tubes_of(study: Path, panel: str) -> list[dict[str, Any]]:
    """Return the panel's rows of the sheet of tubes, with paths that open."""
    sheet = pd.read_csv(study / "config" / "fcs_files.tsv", sep="\t", dtype="string")
    sheet = sheet[sheet["panel"] == panel].assign(path=str(study / "data") + "/" + sheet["path"])
    plain = sheet.astype(object)
    return list(plain.where(plain.notna(), None).to_dict("records"))


def gate(rows: list[dict[str, Any]], panel: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `Intensity` and `Counts` of all tubes."""
    sheet, template, settings = read_panel(panel), read_template(panel), Flow()
    scales, _ = learn_scales(rows, sheet, template.transform, settings)
    transform = with_scales(template.transform, scales)
    template = template.model_copy(update={"transform": transform})
    batches = [
        [row for row in rows if row["batch"] == name] for name in sorted({r["batch"] for r in rows})
    ]
    fits, kept, qualities = [], [], []
    for own in batches:
        fit, quality, _ = fit_batch(own, sheet, template, settings, kept=kept)
        fits.append(fit)
        qualities.append(quality)
    gates = pool_gates(pd.concat(fits, ignore_index=True), template, settings)
    judged = Judged(pd.concat(qualities, ignore_index=True), contract.make(kept, KeptEvents))
    made = [apply_batch(own, sheet, template, gates, judged, settings) for own in batches]
    batch_of = {row["file_id"]: row["batch"] for row in rows}
    intensity = pd.concat([one.intensity for one in made], ignore_index=True)
    intensity["batch"] = intensity["source_id"].map(batch_of)
    return intensity, pd.concat([one.counts for one in made], ignore_index=True)


def compare(study: Path) -> pd.DataFrame:
    """Return a row per tube, population and marker: with control, without, and the truth."""
    people = pd.read_csv(study / "config" / "samples.tsv", sep="\t", dtype=str)
    person = dict(zip(people["sample_id"], people["participant_id"], strict=True))
    truth = pd.read_csv(study / "truth" / "markers.tsv", sep="\t", comment="#", dtype=str)
    truth["share_positive"] = truth["share_positive"].astype(float)
    parts = []
    for panel in PANELS:
        rows = tubes_of(study, panel)
        functional = {p.marker for p in read_template(panel).positivity}
        hidden = [r for r in rows if r["tube"] != "fmo" or r["fmo_markers"] not in functional]
        sides = []
        for tubes in (rows, hidden):
            table, _ = gate(tubes, panel)
            shares = positive_shares(table)
            raw = table["n_positive"].astype(float) / table["n_events"].astype(float)
            sides.append(
                table.assign(
                    above=raw, share=shares.value, lower=shares.lower, upper=shares.upper
                ).set_index(["source_id", "population", "marker"])
            )
        both = sides[0].join(sides[1], lsuffix="_fmo", rsuffix="_hidden").reset_index()
        both["participant_id"] = both["sample_id_fmo"].map(person)
        parts.append(both.assign(panel=panel))
    keys = ["participant_id", "population", "marker"]
    return pd.concat(parts, ignore_index=True).merge(truth, on=keys, how="left")


def lines(table: pd.DataFrame, by: str) -> list[str]:
    """Return the rows of a Markdown table, one per group."""
    found = []
    for name, part in table.groupby(by, sort=True):
        off = (part["threshold_hidden"] - part["threshold_fmo"]).median()
        many = part[part["n_positive_fmo"] >= MIN_POSITIVE]
        cells = [str(name), str(len(part)), f"{off:+.3f}"]
        for measure in ("above", "share"):
            ratio = many[f"{measure}_hidden"] / many[f"{measure}_fmo"]
            cells.append(f"{ratio.median():.2f} ({100 * (ratio - 1).abs().median():.0f} %)")
        drawn = part[part["share_positive"].notna()]
        for side in ("fmo", "hidden"):
            own = drawn[drawn[f"share_{side}"].notna()]
            if own.empty:
                cells.append("(no truth drawn)")
                continue
            raw = (own[f"above_{side}"] / own["share_positive"]).median()
            net = (own[f"share_{side}"] / own["share_positive"]).median()
            low, high = own[f"lower_{side}"], own[f"upper_{side}"]
            holds = ((low <= own["share_positive"]) & (own["share_positive"] <= high)).mean()
            cells.append(f"{raw:.2f} → {net:.2f}, {100 * holds:.0f} %")
        found.append("| " + " | ".join(cells) + " |")
    return found


def report(table: pd.DataFrame, seed: int) -> str:
    """Return the tables as Markdown."""
    header = (
        "| {} | n | threshold, hidden - FMO | above it, hidden/FMO (median; off by) "
        "| share, hidden/FMO | FMO: above/truth → share/truth, interval holds "
        "| hidden: the same |"
    )
    off = (table["threshold_hidden"] - table["threshold_fmo"]).abs().median()
    text = [
        f"{table['source_id'].nunique()} tubes, seed {seed}; threshold off by {off:.3f} (median)"
    ]
    for by in ("panel", "population", "marker"):
        text += ["", header.format(by), "|" + "---|" * 7, *lines(table, by)]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--per-group", type=int, default=PER_GROUP, help="people in either group")
    parser.add_argument("--events", type=int, default=EVENTS, help="per tube")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        study = Path(temporary) / "study"
        simulate_study(
            study, scenario="null", seed=options.seed, per_group=options.per_group,
            events=options.events, cells=0, batches=2, groups=GROUPS,
        )  # fmt: skip
        table = compare(study)
    print(report(table, options.seed))


if __name__ == "__main__":
    main()
