"""Draws the tables of docs/calibration.md: `python benchmarks/calibration_picture.py`.

Every row of a table with a column "coverage" is a point with its Monte-Carlo interval; the band is
what was wanted. Without a difference, coverage is what remains of 100 % after the false claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

WANTED = (93.0, 97.0)
INTERVAL = re.compile(r"([\d.]+) % \(([\d.]+)-([\d.]+)\)")


def read_coverage(text: str) -> dict[str, list[tuple[float, float, float]]]:
    """Return percentage, lower and upper limit of each row, by the heading it stands under."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for heading, cell in _cells(text):
        match = INTERVAL.match(cell)
        if match:
            share, lower, upper = (float(number) for number in match.groups())
            found.setdefault(heading, []).append((share, lower, upper))
    return found


def _cells(text: str) -> Iterator[tuple[str, str]]:
    heading, column = "", None
    for line in text.splitlines():
        if line.startswith("#"):
            heading, column = line.lstrip("# "), None
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if "coverage" in cells:
                column = cells.index("coverage")
            elif column is not None and column < len(cells):
                yield heading, cells[column]
        else:
            column = None


def draw(coverage: dict[str, list[tuple[float, float, float]]], path: Path) -> None:
    """Draw one strip per heading, its rows in order."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "itc_analysis", "svg.fonttype": "none"})
    names = list(coverage)
    figure = Figure(figsize=(8, 0.6 + 0.42 * len(names)), layout="constrained")
    ax = figure.subplots()
    ax.axvspan(*WANTED, color="#0072B2", alpha=0.12, lw=0)
    ax.axvline(95, color="0.5", lw=0.8)
    for place, name in enumerate(names):
        rows = sorted(coverage[name])
        for number, (share, lower, upper) in enumerate(rows):
            y = place + (number + 0.5) / len(rows) * 0.8 - 0.4
            ax.plot([lower, upper], [y, y], color="#0072B2", lw=0.6)
            ax.plot(share, y, "o", ms=2.5, color="#0072B2")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(min(82.0, *(row[1] for rows in coverage.values() for row in rows)), 100)
    ax.set_xlabel("95 % intervals that hold the truth (%)")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Read docs/calibration.md, write docs/images/calibration.svg."""
    docs = Path(__file__).parents[1] / "docs"
    coverage = read_coverage((docs / "calibration.md").read_text())
    draw(coverage, docs / "images" / "calibration.svg")


if __name__ == "__main__":
    main()
