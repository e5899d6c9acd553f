"""Every tested gene is in the figure once: in the cloud, or as a mark that names it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from lxml import html

from itc_analysis.report.figures import gene_plot

SIGNATURES = {"exhaustion": ("PDCD1", "TOX"), "interferon": ("ISG15",)}


def table(n: int = 400, **changes: object) -> pd.DataFrame:
    """Return genes of which FOUND is found, and PDCD1 and ISG15 belong to signatures."""
    rng = np.random.default_rng(1)
    genes = pd.DataFrame(
        {
            "gene": [f"GENE{i}" for i in range(n)],
            "mean_count": np.exp(rng.normal(4, 1.5, n)),
            "log2_fold_change": rng.normal(0, 0.3, n),
            "p_value": np.linspace(0.01, 1, n),
            "p_adjusted": np.linspace(0.9, 1, n),
            "status": "ok",
        }
    )
    genes.loc[3, ["gene", "log2_fold_change", "p_value", "p_adjusted"]] = "FOUND", -2.0, 1e-9, 1e-6
    genes.loc[[7, 11], "gene"] = ["PDCD1", "ISG15"]
    genes.loc[20, ["status", "p_value", "p_adjusted"]] = "low_expression", None, None
    return genes.assign(**changes)


def drawn(rows: pd.DataFrame) -> html.HtmlElement:
    picture = gene_plot.draw(rows, alpha=0.05, signatures=SIGNATURES, alt="genes")
    return html.fragment_fromstring(str(picture))


def dots(figure: html.HtmlElement) -> list[tuple[int, int]]:
    """Return where the dots of the cloud stand, by following its steps."""
    (path,) = figure.xpath(".//path[@class='cloud']")
    steps = re.findall(r"m(-?\d+)\s?(-?\d+)h0", path.get("d"))
    assert "".join(f"m{x}{'' if y[0] == '-' else ' '}{y}h0" for x, y in steps) == path.get("d")
    return [tuple(place) for place in np.cumsum(np.array(steps, dtype=int), axis=0)]


def test_found_genes_and_those_of_signatures_are_marks_with_their_number() -> None:
    figure = drawn(table())
    marks = {mark.xpath("string(title)"): mark.get("class") for mark in figure.iter("circle")}
    assert marks["FOUND: ×0.25, adjusted p < 0.001"] == "down"
    assert sorted(marks.values()) == ["asked", "asked", "down"]
    assert any(told.startswith("PDCD1: ") and "(inhibitory receptors)" in told for told in marks)
    names = figure.xpath(".//text[@class='group']/text()")
    assert set(names) == {"FOUND", "PDCD1", "ISG15"}


def test_every_other_tested_gene_has_its_dot_inside_the_figure() -> None:
    rows = table()
    plain = rows[(rows["status"] == "ok") & ~rows["gene"].isin(["FOUND", "PDCD1", "ISG15"])]
    found = dots(drawn(rows))
    assert len(set(found)) == len(found) <= len(plain)
    assert len(found) > 0.5 * len(plain)  # a dot is 2 px wide: few genes share one
    x, y = (gene_plot.GRID * np.array(part) for part in zip(*found, strict=True))
    assert x.min() >= gene_plot.LEFT - 1
    assert x.max() <= gene_plot.WIDTH - gene_plot.RIGHT + 1
    assert y.min() >= gene_plot.TOP - 1
    assert y.max() <= gene_plot.HEIGHT - gene_plot.BOTTOM + 1


def test_more_molecules_are_to_the_right_and_higher_in_the_index_group_is_up() -> None:
    rows = table().set_index("gene")
    rows.loc["PDCD1", ["mean_count", "log2_fold_change"]] = 10.0, -0.5
    rows.loc["ISG15", ["mean_count", "log2_fold_change"]] = 1000.0, 0.5
    rows = rows.reset_index()
    marks = {m.xpath("string(title)").split(":")[0]: m for m in drawn(rows).iter("circle")}
    assert float(marks["PDCD1"].get("cx")) < float(marks["ISG15"].get("cx"))
    assert float(marks["PDCD1"].get("cy")) > float(marks["ISG15"].get("cy"))


def test_a_genome_stays_small_and_names_touch_neither_one_another_nor_a_gene() -> None:
    rows = table(17_000).assign(p_adjusted=np.where(np.arange(17_000) < 40, 0.01, 1.0))
    figure = drawn(rows)
    assert len(html.tostring(figure)) < 25_000
    texts = figure.xpath(".//text[@class='group']")
    assert 3 <= len(texts) <= gene_plot.MOST_NAMED
    boxes = []
    for text in texts:
        width = gene_plot.LETTER * len(text.text)
        x, y = float(text.get("x")), float(text.get("y")) - 3.5
        left = x - width if text.get("text-anchor") == "end" else x
        boxes.append((left, y - 5, left + width, y + 5))
    marks = [(float(m.get("cx")), float(m.get("cy"))) for m in figure.iter("circle")]
    for place, box in enumerate(boxes):
        others = boxes[:place] + [(x, y, x, y) for x, y in marks]
        assert not any(
            box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in others
        )
