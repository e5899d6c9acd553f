"""Other programs' cuts on the same histograms: `./run validate gating --rivals`, and
`python benchmarks/gating_rivals.py FOLDER` for Coereba's human counts.

Re-implemented from what the programs' manuals and papers say of their default methods, since
Debian has none of the R packages; the originals may differ in detail. All are given the T cells
that our gates found, on the same logicle scale, so that only the cut of the rare marker differs.

- mindensity (openCyto): Gaussian kernel density (bandwidth nrd0 times 2), the lowest place between
  the two highest peaks; none without a second peak.
- tail (openCyto): the same density; right of the highest peak, the first place behind its steepest
  one where the slope is 1 % of that.
- deGate (flowDensity): density (nrd0), peaks lower than 1/25 of the highest removed; the lowest
  place between the two highest, or, with one peak, where the slope right of it is 10 % of the
  steepest.
- flowClust (openCyto): two components (normal here, t there) by maximum likelihood; the 99 %
  quantile of the lower one.
- fixed: a person's habit: one cut per batch, in the valley of all its tubes together.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.loading import load_settings
from itc_analysis.flow.batches.scales import learn_scales
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gates.histogram import BIN_WIDTH, read_histograms
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import load_template
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.scale.scales import with_scales
from itc_analysis.statistics.binomial import clopper_pearson

FloatArray = npt.NDArray[np.float64]
#: A percentage from so many events or more is read as a number by most people.
READ_AS_A_NUMBER = 20


def smoothed(counts: FloatArray, x: FloatArray, adjust: float) -> FloatArray:
    """Return the Gaussian kernel density of a histogram, bandwidth R's nrd0 times `adjust`."""
    n = counts.sum()
    centre = float(counts @ x / n)
    sd = float(np.sqrt(counts @ (x - centre) ** 2 / n))
    below = np.cumsum(counts) / n
    low, high = (float(x[np.searchsorted(below, q)]) for q in (0.25, 0.75))
    spread = min(sd, (high - low) / 1.34) or sd or BIN_WIDTH
    width = max(adjust * 0.9 * spread * n**-0.2, BIN_WIDTH / 2) / BIN_WIDTH
    reach = int(4 * width) + 1
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    padded = np.pad(counts, reach)
    return np.convolve(padded, bell / bell.sum(), mode="valid")


def peaks_of(density: FloatArray, *, least: float = 0.0) -> list[int]:
    """Return the bins of local maxima at least `least` times the highest, the highest first."""
    edged = np.pad(density, 1)
    tops = np.flatnonzero((edged[1:-1] > edged[:-2]) & (edged[1:-1] >= edged[2:]))
    tops = tops[density[tops] >= least * density.max()]
    return sorted(map(int, tops), key=lambda top: -density[top])


def between(density: FloatArray, peaks: list[int], x: FloatArray) -> float | None:
    """Return the lowest place between the two highest peaks; None without a second one."""
    if len(peaks) < 2:
        return None
    left, right = sorted(peaks[:2])
    return float(x[left + int(np.argmin(density[left : right + 1]))])


def where_flat(density: FloatArray, peak: int, x: FloatArray, tolerance: float) -> float | None:
    """Return the first place right of a peak where the slope is a small part of the steepest."""
    slope = np.abs(np.diff(density[peak:]))
    if slope.size == 0:
        return None
    steepest = int(np.argmax(slope))
    flat = np.flatnonzero(slope[steepest:] <= tolerance * slope[steepest])
    return float(x[peak + steepest + int(flat[0])]) if flat.size else None


def mindensity(counts: FloatArray, x: FloatArray) -> float | None:
    density = smoothed(counts, x, adjust=2)
    return between(density, peaks_of(density), x)


def tail(counts: FloatArray, x: FloatArray) -> float | None:
    density = smoothed(counts, x, adjust=2)
    return where_flat(density, peaks_of(density)[0], x, 0.01)


def de_gate(counts: FloatArray, x: FloatArray) -> float | None:
    density = smoothed(counts, x, adjust=1)
    peaks = peaks_of(density, least=1 / 25)
    found = between(density, peaks, x)
    return where_flat(density, peaks[0], x, 0.1) if found is None else found


def flow_clust(counts: FloatArray, x: FloatArray) -> float | None:
    n = counts.sum()
    below = np.cumsum(counts) / n
    middle = np.array([x[np.searchsorted(below, q)] for q in (0.5, 0.999)])
    spread, part = np.full(2, 0.05), np.array([0.99, 0.01])
    for _ in range(200):
        z = (x[:, None] - middle) / spread
        each = part * np.exp(-0.5 * z**2) / spread + 1e-300
        share = each / each.sum(axis=1, keepdims=True) * counts[:, None]
        total = share.sum(axis=0) + 1e-9
        new = (share * x[:, None]).sum(axis=0) / total
        spread = np.sqrt((share * (x[:, None] - new) ** 2).sum(axis=0) / total) + BIN_WIDTH / 4
        if np.abs(new - middle).max() < 1e-6:
            break
        middle, part = new, total / total.sum()
    low = int(np.argmin(middle))
    return float(middle[low] + 2.326 * spread[low])


METHODS: Mapping[str, Callable[[FloatArray, FloatArray], float | None]] = {
    "mindensity (openCyto)": mindensity,
    "tail (openCyto)": tail,
    "flowClust (openCyto)": flow_clust,
    "deGate (flowDensity)": de_gate,
}
FIXED = "one cut per batch (a person)"


def rival_counts(fits: pd.DataFrame, populations: list[str]) -> pd.DataFrame:
    """Count what each method cuts off.

    Parameters
    ----------
    fits : pandas.DataFrame
        `GateFits` of one batch, whose histograms are those of each gate's parent.
    populations : list of str
        gates in one marker, their population above the cut.

    Returns
    -------
    pandas.DataFrame
        file_id, population, method, n_events (missing where the method finds no cut), n_parent.
    """
    rows = []
    for name in populations:
        own = fits[(fits["population"] == name) & fits["histogram"].notna()]
        own = own[own["tube"] == "stained"]
        table, x = read_histograms(own["histogram"].tolist())
        shared = mindensity(table.sum(axis=0), x)
        for file_id, counts in zip(own["file_id"], table, strict=True):
            cuts = {method: find(counts, x) for method, find in METHODS.items()} | {FIXED: shared}
            for method, cut in cuts.items():
                n = np.nan if cut is None else float(counts[x >= cut].sum())
                rows.append((file_id, name, method, n, float(counts.sum())))
    return pd.DataFrame(rows, columns=["file_id", "population", "method", "n_events", "n_parent"])


def rival_lines(rivals: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """Return one line per level and method: count over truth, interval, false numbers.

    Parameters
    ----------
    rivals : pandas.DataFrame
        of `rival_counts`, all batches.
    ours : pandas.DataFrame
        rows of `gating.with_intervals`.
    """
    key = ["file_id", "population"]
    truth = ours.assign(population=ours["population"].str.lower())
    truth = truth[[*key, "level", "true", "net", "is_covered", "is_quantified"]]
    table = rivals.merge(truth, on=key)
    lower, upper = clopper_pearson(table["n_events"], table["n_parent"])
    table["is_covered"] = (lower <= table["level"]) & (table["level"] <= upper)
    table["is_number"] = table["n_events"] >= READ_AS_A_NUMBER
    own = truth.assign(method="itc_analysis", n_events=truth["net"])
    own["is_number"] = own["is_quantified"]
    lines = []
    everything = pd.concat([own, table])
    for (level, method), part in everything.groupby(["level", "method"], sort=False):
        ratio = (part["n_events"] / part["true"])[part["true"] > 0].dropna()
        lines.append(
            {
                "level": level,
                "method": method,
                "tubes": len(part),
                "no cut": int(part["n_events"].isna().sum()),
                "count/true (median)": float(ratio.median()) if len(ratio) else np.nan,
                "within 20 %": float((np.abs(ratio - 1) <= 0.2).sum() / len(part))
                if level
                else np.nan,
                "interval holds the truth": float(part["is_covered"].mean()),
                "given as a number": float(part["is_number"].mean()),
            }
        )
    table = pd.DataFrame(lines)
    order = {"itc_analysis": 0, FIXED: 1} | {name: 2 + i for i, name in enumerate(METHODS)}
    return table.sort_values(
        ["level", "method"], key=lambda c: c.map(order) if c.name == "method" else -c
    )


def rival_report(rivals: pd.DataFrame, ours: pd.DataFrame) -> str:
    """Return the comparison as Markdown."""
    shown = rival_lines(rivals, ours)
    lines = ["| " + " | ".join(shown.columns) + " |", "|" + "---|" * len(shown.columns)]
    for row in shown.to_dict("records"):
        ratio = row["count/true (median)"]
        cells = [
            f"{100 * row['level']:g} %" if row["level"] else "none",
            row["method"],
            str(row["tubes"]),
            str(row["no cut"]),
            "" if np.isnan(ratio) else f"{ratio:.2f}",
            "" if np.isnan(row["within 20 %"]) else f"{100 * row['within 20 %']:.0f} %",
            f"{100 * row['interval holds the truth']:.0f} %",
            f"{100 * row['given as a number']:.0f} %",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def against_a_person(data: Path) -> pd.DataFrame:
    """Compare every method with the human counts of Coereba's 16 tubes (Vδ2, FlowJo).

    Parameters
    ----------
    data : Path
        folder of the public flow data, which holds the folder coereba.

    Returns
    -------
    pandas.DataFrame
        one row per method: mean and range of count over human count, Lin's concordance.
    """
    folder = Path(__file__).parents[1] / "config" / "examples" / "coereba"
    settings = load_settings(folder / "config.yaml").flow
    panel = read_panel(folder / "panels" / "coereba.tsv")
    template = load_template(folder / "gating" / "coereba.yaml")
    sheet = pd.read_csv(folder / "fcs_files.tsv", sep="\t", dtype=str)
    sheet = sheet.assign(path=[str(data / "coereba" / path) for path in sheet["path"]])
    scales, _ = learn_scales(sheet.to_dict("records"), panel, template.transform, settings)
    frozen = with_scales(template.transform, scales)
    template = template.model_copy(update={"transform": frozen})
    fits = [
        fit_batch(rows.to_dict("records"), panel, template, settings)[0]
        for _, rows in sheet.groupby("batch")
    ]
    gates = pool_gates(pd.concat(fits), template, settings)
    gates = gates[gates["population"] == "vd2_gd"].set_index("file_id")["cut"]
    rivals = pd.concat([rival_counts(one, ["vd2_gd"]) for one in fits])
    for one in fits:
        own = one[one["population"] == "vd2_gd"]
        table, x = read_histograms(own["histogram"].tolist())
        counted = [
            float(counts[x >= gates[name]].sum())
            for name, counts in zip(own["file_id"], table, strict=True)
        ]
        rivals = pd.concat(
            [rivals, pd.DataFrame({"file_id": own["file_id"], "method": "itc_analysis",
                                   "n_events": counted})]
        )  # fmt: skip
    human = pd.read_csv(data / "coereba" / "samples.csv").set_index("file")["flowjo_vd2_count"]
    file_of = sheet.set_index("file_id")["path"].map(lambda path: Path(path).name)
    rivals["human"] = rivals["file_id"].map(file_of).map(human).astype(float)
    lines = []
    for method, part in rivals.groupby("method", sort=False):
        ratio = part["n_events"].fillna(0) / part["human"]
        agreement = lin_concordance(part["n_events"].fillna(0).to_numpy(), part["human"].to_numpy())
        lines.append((method, ratio.mean(), ratio.min(), ratio.max(), agreement))
    return pd.DataFrame(lines, columns=["method", "mean", "lowest", "highest", "concordance"])


def lin_concordance(x: FloatArray, y: FloatArray) -> float:
    """Return Lin's concordance correlation (1989, doi:10.2307/2532051)."""
    covariance = float(np.cov(x, y, ddof=0)[0, 1])
    return 2 * covariance / float(np.var(x) + np.var(y) + (x.mean() - y.mean()) ** 2)


if __name__ == "__main__":
    print(against_a_person(Path(sys.argv[1])).round(4).to_string(index=False))
