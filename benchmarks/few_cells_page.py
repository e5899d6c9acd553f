"""What `few_cells.py` found, as a section of docs/calibration.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.stats.endpoint.caveats import is_few

#: Bounds of the question: type I error at trial size and at 12 a group, coverage, bias of the log.
TRIAL, SMALL, COVERAGE, BIAS = (3.5, 6.5), 7.0, (93.0, 97.0), 0.05
ALL = "all"
BEGIN, END = "<!-- few cells: begin -->", "<!-- few cells: end -->"


def told(lines: Iterator[str]) -> list[str]:
    """Print the lines as they come."""
    kept = []
    for line in lines:
        print(line, flush=True)
        kept.append(line)
    return kept


def write(page: Path, lines: list[str]) -> None:
    """Put the section into the page, between its marks."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    section = "\n".join([BEGIN, *lines, END])
    if BEGIN in old and END in old:
        before, after = old.split(BEGIN)[0], old.split(END)[1]
        page.write_text(before + section + after, encoding="utf-8")
    else:
        page.write_text(old.rstrip("\n") + "\n\n" + section + "\n", encoding="utf-8")


def head(command: str) -> Iterator[str]:
    """Yield the first lines of the section."""
    yield "## Few cells in one group"
    yield ""
    yield (
        f"Made by `{command}`. Nothing differs between the groups but what a row says; 60 "
        "participants in each of six groups unless said, covariates age (spline), sex and CMV. "
        "Person effects: normal, *heavy* (t with 3 degrees of freedom), *mixture* (three in ten "
        "lie lower by 5.6 SDs of the rest), all centred. *Warned*: the product says that so few "
        "cells do not show how participants differ."
    )


def is_warned(rows: pd.DataFrame) -> pd.Series:
    """Return in which tables the product warns of few cells."""
    sides = [
        [is_few(*pair) for pair in zip(rows[f"cells_{side}"], rows[f"empty_{side}"], strict=True)]
        for side in ("index", "reference")
    ]
    return pd.Series(np.any(sides, axis=0), index=rows.index)


def monte_carlo(n: int, percent: float = 5.0) -> float:
    """Return the Monte-Carlo standard error of a percentage."""
    return float(np.sqrt(percent * (100 - percent) / n))


def table_of(header: str) -> Iterator[str]:
    """Yield the two first lines of a table; columns are separated by commas."""
    names = header.split(", ")
    yield ""
    yield f"| {' | '.join(names)} |"
    yield "|" + "---|" * len(names)


def named_lines(found: Iterator[Any]) -> Iterator[str]:
    """Yield the table of the named rows."""
    first = True
    for setting, rows in found:
        n = rows.groupby("model").size().min() // rows["reference"].nunique()
        if first:
            yield ""
            yield (
                f"About {n} tables per row and model: Monte-Carlo standard error "
                f"{monte_carlo(n):.1f} points at 5 %, {monte_carlo(3 * n):.1f} over the models."
            )
            yield from table_of(
                "setting, model, reference, rejected, coverage, bias of log (error), warned"
            )
            first = False
        together = pd.concat([rows, rows.assign(model=ALL)])
        for (model, reference), mine in together.groupby(["model", "reference"], sort=True):
            mean = mine.mean(numeric_only=True)
            cells = [setting.name, model, reference]
            cells.append(f"{mean['rejected']:.1f} %")
            cells.append(f"{mean['covered']:.1f} %")
            cells.append(f"{mean['bias']:+.3f} ({mine['bias'].sem():.3f})")
            cells.append(f"{is_warned(mine).mean():.0%}")
            yield f"| {' | '.join(cells)} |"


def grid_lines(found: Iterator[Any], n_cells: int) -> Iterator[str]:
    """Yield the grid: over all three models together, and the cells that are out of bounds."""
    table = pd.DataFrame([row for setting, rows in found for row in of_cell(setting, rows)])
    slack = 2 * table["tables"].map(monte_carlo)
    small = (table["n"] == 12).to_numpy()
    low, high = np.where(small, 0.0, TRIAL[0]), np.where(small, SMALL, TRIAL[1])
    rejected = (table["rejected"] > high + slack) | (table["rejected"] < low - slack)
    covered = (table["covered"] < COVERAGE[0] - slack) | (table["covered"] > COVERAGE[1] + slack)
    is_wrong = rejected | covered | (table["bias"] > BIAS + 2 * table["bias_error"])
    is_warned = table["warned"] > 0.5
    few, many = int(table["tables"].min()), int(table["tables"].max())
    yield ""
    yield (
        f"Grid ({table['cell'].nunique()} of {n_cells} settings): SSc, two diseases and healthy, "
        f"{few} to {many} tables a setting over the three models (Monte-Carlo standard error at "
        f"least {monte_carlo(many):.1f} points at 5 %). A setting counts as out of bounds when it "
        "lies out of them by more than two of these errors: rejected in 3.5 to 6.5 % (at most 7 % "
        "at 12 a group), coverage 93 to 97 %, bias of the log of no model above 0.05."
    )
    yield from table_of(
        "settings x references, number, out of bounds, rejected: mean, rejected: largest, bias: "
        "mean of the largest of a model"
    )
    for words, chosen in (("warned", is_warned), ("not warned", ~is_warned)):
        mine = table[chosen]
        if len(mine):
            yield (
                f"| {words} | {len(mine)} | {int(is_wrong[chosen].sum())} | "
                f"{mine['rejected'].mean():.1f} % | {mine['rejected'].max():.1f} % | "
                f"{mine['bias'].mean():.3f} |"
            )
    for column, words in (
        ("n", "participants a group"),
        ("share", "share"),
        ("ssc", "cells in SSc"),
    ):
        yield ""
        yield f"Not warned, by {words}:"
        yield from table_of(
            f"{words}, number, rejected, coverage, bias: mean of the largest of a model"
        )
        for value, mine in table[~is_warned].groupby(column):
            yield (
                f"| {value} | {len(mine)} | {mine['rejected'].mean():.1f} % | "
                f"{mine['covered'].mean():.1f} % | {mine['bias'].mean():.3f} |"
            )
    yield ""
    yield "Settings out of bounds:"
    yield from table_of(
        "cells in SSc, others, share, n, reference, rejected, coverage, largest bias (error), "
        "warned, not estimable"
    )
    for _, row in table[is_wrong].iterrows():
        yield (
            f"| {row['cell']} | {row['reference']} | {row['rejected']:.1f} % | "
            f"{row['covered']:.1f} % | {row['bias']:.2f} ({row['bias_error']:.2f}) | "
            f"{row['warned']:.0%} | {row['lost']:.0%} |"
        )


def of_cell(setting: Any, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield what was found in one setting of the grid, by reference."""
    for reference, mine in rows.groupby("reference"):
        by_model = mine.groupby("model")["bias"].mean()
        yield {
            "cell": setting.name,
            "n": setting.n,
            "share": f"{setting.share:.0%}",
            "ssc": int(setting.name.split(" | ")[0]),
            "reference": reference,
            "tables": len(mine),
            "rejected": mine["rejected"].mean(),
            "covered": mine["covered"].mean(),
            "bias": float(by_model.abs().max()),
            "bias_error": float(mine["bias"].std() / np.sqrt(len(mine) / 3)),
            "warned": is_warned(mine).mean(),
            "lost": mine["rejected"].isna().mean(),
        }
