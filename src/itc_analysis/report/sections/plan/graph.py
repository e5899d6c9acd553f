"""The order of the tests as a picture: families, their share of alpha, and gates within them."""

from __future__ import annotations

from html import escape
from textwrap import shorten

from markupsafe import Markup

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Bullets, Details, Figure, Paragraph
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.plan.estimands import CLAIMING
from itc_analysis.stats.multiplicity.gatekeeping import gates
from itc_analysis.stats.plan.plan import AnalysisPlan, PlannedComparison, expand

#: What a family does with its p values, in a sentence.
RULES = {
    "holm": "Holm: the smallest p against α/{n}, the next against α/{less}, and so on; the first "
    "that fails ends it.",
    "bh": "Benjamini and Hochberg: false discovery rate over the {n}, no order.",
    "dunnett": "Dunnett within each endpoint, at α each.",
    "bh_dunnett": "Benjamini and Hochberg over the endpoints, then Dunnett within those found.",
    "none": "Not adjusted: each at α.",
}
_WIDTH, _BOX, _HEIGHT, _GAP, _FONT = 860, 290, 34, 14, 13
_LEFT = 10
#: Letters that fit a box.
_LETTERS = 44


def blocks(material: Material, plan: AnalysisPlan) -> list[Block]:
    """Return the graph, and the same in sentences."""
    families = families_of(plan, material)
    if not families:
        return [Paragraph(phrase("The plan declares no primary or secondary comparison to order."))]
    sentences = [sentence(name, items) for name, items in families.items()]
    alpha = f"{material.alpha:g}"
    closing = (
        phrase("Each family is tested at α = {0} by itself: none opens another.", alpha)
        if len(families) > 1
        else phrase("It is tested at α = {0}.", alpha)
    )
    return [
        Figure(
            Markup(draw(families, [*sentences, closing])),
            phrase(
                "Boxes are tests; arrows pass α on when the test before showed a difference. {0}",
                closing,
            ),
            width=_WIDTH,
            is_wide=True,
        ),
        Details(phrase("The same in sentences"), [Bullets([*sentences, closing])]),
    ]


def families_of(plan: AnalysisPlan, material: Material) -> dict[str, list[PlannedComparison]]:
    """Return the comparisons of each primary and secondary family that the groups allow."""
    found: dict[str, list[PlannedComparison]] = {}
    for item in expand(plan, material.settings.cohort):
        if item.role in CLAIMING and not item.problem:
            found.setdefault(item.family, []).append(item)
    return found


def sentence(name: str, items: list[PlannedComparison]) -> str:
    """Return a family's order of tests in words."""
    n = len(items)
    head = f"{phrase(items[0].role)}, {words.plain(name)} ({words.plural(n, 'comparison')})"
    method = items[0].adjustment
    if method != "gatekeeping":
        return phrase("{0}: {1}", head, phrase(RULES[method], n=n, less=max(n - 1, 1)))
    stages = stages_of(items)
    order = phrase(", then ").join(words.listed([item.comparison for item in of]) for of in stages)
    n_endpoints = len({item.endpoint for item in items})
    return phrase(
        "{0}: each of {1} starts with α/{2} on its first comparison; {3}. What an endpoint has "
        "left after its last comparison goes in equal parts to the first comparison of the others.",
        head,
        words.plural(n_endpoints, "endpoint"),
        n_endpoints,
        order,
    )


def stages_of(items: list[PlannedComparison]) -> list[list[PlannedComparison]]:
    """Return one comparison per contrast, by stage."""
    found: dict[int, dict[str, PlannedComparison]] = {}
    for item in items:
        found.setdefault(item.stage, {}).setdefault(item.comparison, item)
    return [list(found[stage].values()) for stage in sorted(found)]


def draw(families: dict[str, list[PlannedComparison]], told: list[str]) -> str:
    """Return the graph as one ``<svg>`` element that a screen reader can read."""
    parts: list[str] = []
    top = 10
    for name, items in families.items():
        parts.append(
            _text(_LEFT, top + 14, f"{phrase(items[0].role)}: {words.plain(name)}", weight="bold")
        )
        top += 24
        if items[0].adjustment == "gatekeeping":
            top = _draw_gates(parts, items, top)
        else:
            n = len(items)
            rule = phrase(RULES[items[0].adjustment], n=n, less=max(n - 1, 1))
            parts += _box(_LEFT, top, words.plural(n, "comparison"), width=150)
            parts.append(_text(_LEFT + 165, top + 21, rule))
            top += _HEIGHT + _GAP
        top += 10
    description = escape(" ".join(told))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" '
        f'role="img" aria-labelledby="plan-graph-title plan-graph-text" '
        f'font-family="sans-serif" font-size="{_FONT}">'
        f'<title id="plan-graph-title">{escape(phrase("Order of the tests of the plan"))}</title>'
        f'<desc id="plan-graph-text">{description}</desc>'
        '<defs><marker id="plan-arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#444"/></marker></defs>'
        + "".join(parts)
        + "</svg>"
    )


def _draw_gates(parts: list[str], items: list[PlannedComparison], top: int) -> int:
    """Draw one row per endpoint, one column per stage, and the arrows of the real graph."""
    endpoints = list(dict.fromkeys(item.endpoint for item in items))
    stages = sorted({item.stage for item in items})
    number = [endpoints.index(item.endpoint) for item in items]
    shares, arrows = gates(number, [item.stage for item in items])
    box = min(_BOX, (_WIDTH - 2 * _LEFT - 200) // len(stages) - 40)
    for endpoint in endpoints:
        mine = [i for i, item in enumerate(items) if item.endpoint == endpoint]
        others = [i for i in range(len(items)) if i not in mine]
        label = f"{words.population(endpoint[1])}, {words.measure(endpoint[2], endpoint[3])}"
        parts.append(_text(_LEFT, top + 12, label))
        middle = top + 20 + _HEIGHT / 2
        for column, stage in enumerate(stages):
            here = [i for i in mine if items[i].stage == stage]
            x = _LEFT + column * (box + 40)
            share = sum(shares[i] for i in here)
            begins = f" (α × {share:.3g})" if share > 0 else ""
            names = "; ".join(items[i].comparison for i in here)
            parts += _box(x, top + 20, f"{names}{begins}", width=box)
            goes_on = any(arrows[i, j] > 0 for i in here for j in mine if items[j].stage > stage)
            if goes_on:
                parts.append(
                    f'<path d="M{x + box} {middle} H{x + box + 39}" stroke="#444" fill="none" '
                    'marker-end="url(#plan-arrow)"/>'
                )
            elif len(others):
                parts.append(_text(x + box + 8, middle + 4, phrase("→ first test of the others")))
        top += 20 + _HEIGHT + _GAP
    return top


def _box(x: float, y: float, label: str, *, width: int) -> list[str]:
    fits = shorten(label, max(int(_LETTERS * width / _BOX), 8), placeholder="…")
    return [
        f'<rect x="{x}" y="{y}" width="{width}" height="{_HEIGHT}" rx="4" fill="#f3f6fa" '
        'stroke="#444"/>',
        _text(x + width / 2, y + 21, fits, anchor="middle"),
    ]


def _text(x: float, y: float, label: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(label)}</text>"
    )
