"""A page per population with its gate in every tube, worst first: seven hundred tubes in minutes.

Each tube is a small drawing made without matplotlib (an image of the bins, lines over it), beside
text that a browser can search. All tubes of a page share their axes, so that one that differs
stands out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.pictures.gate_drawing import (
    Drawing,
    Gate,
    draw_gate,
    gates_of_tubes,
    in_tree_order,
    parts_of,
    view_name,
)
from itc_analysis.flow.pictures.gate_svg import SIDE, Axis, common_axes, to_svg
from itc_analysis.flow.pictures.plots import (
    STATE_COLOURS,
    STATE_ORDER,
    background_text,
    worst_first,
)
from itc_analysis.plural import plural
from itc_analysis.tables.quantities import POSITIVE_OF
from itc_analysis.whole_files import write_text

#: States whose reasons are told elsewhere and would only fill the page.
_UNREMARKABLE = ("ok", "pooled")
_DETECTIONS = {"quantified": "quantified", "detected": "detected", "below_lod": "below LoD"}

_SOURCE = "overview"

HOW_TO_READ = (
    "Each drawing shows the parent's events, darker where they are denser (logarithmic); axes are "
    "in instrument units and the same in all drawings of a page. Events inside the gate are "
    "coloured, the others grey. The line is the gate, in the colour of its state; the band around "
    "it is two standard errors of the cut (a gate that is drawn in two dimensions has none), the "
    "dotted line the cut that the tube alone gave. A line through a peak is wrong whatever the "
    "numbers say. To correct a gate, draw it in FlowJo or edit the tube's Gating-ML, and put that "
    "into the folder of manual gates."
)


@dataclass(frozen=True)
class Tables:
    """What the pages are made from.

    Parameters
    ----------
    gates, histograms, counts, quality : pandas.DataFrame
        `Gates`, `Histograms`, `Counts` and `TubeQuality` of one panel.
    """

    gates: pd.DataFrame
    histograms: pd.DataFrame
    counts: pd.DataFrame
    quality: pd.DataFrame


class Overview:
    """The pages of a panel.

    Parameters
    ----------
    tables : Tables
        of all its batches; stained tubes are shown.
    note : str, optional
        a sentence that stands on every page, such as that the data are simulated; None for none.

    Raises
    ------
    ItcError
        no stained tube is in the tables of gates and of quality.
    """

    def __init__(self, tables: Tables, *, note: str | None = None) -> None:
        quality = tables.quality[tables.quality["tube"] == "stained"]
        self._quality = quality.set_index("file_id")
        is_gate = ~tables.gates["population"].str.startswith(POSITIVE_OF)
        self._table = tables.gates[is_gate & tables.gates["file_id"].isin(quality["file_id"])]
        if self._table.empty:
            what = (
                "no stained tube is in the tables of gates and of quality, so there is nothing to "
                "draw"
            )
            remedy = "give both tables of the same panel, and stain a tube with all of it"
            raise ItcError(_SOURCE, [Fault("", what, remedy)])
        self._gates = gates_of_tubes(self._table)
        self._histograms: dict[str, dict[str, dict[str, Any]]] = {}
        for row in tables.histograms.to_dict("records"):
            own = self._histograms.setdefault(str(row["source_id"]), {})
            own[str(row["population"])] = {str(name): value for name, value in row.items()}
        self._counts = {
            (str(row["source_id"]), str(row["population"])): row
            for row in tables.counts.to_dict("records")
        }
        self._note = note
        self.panel = str(tables.gates["panel"].iloc[0])

    @property
    def populations(self) -> list[str]:
        """Every population, each after its parent."""
        return in_tree_order(self._table)

    def population_page(self, population: str) -> str:
        """Return the page of a population: every stained tube, the worst judged first."""
        tubes = self.order(population)
        drawings = {file_id: self._drawing(file_id, population) for file_id in tubes}
        axes = common_axes(d.density for d in drawings.values() if d is not None)
        tiles = [self._tile(file_id, population, drawings[file_id], axes) for file_id in tubes]
        places = self.populations
        here = places.index(population)
        links = ['<a href="index.html">all populations</a>']
        if here > 0:
            links.append(f'<a href="{escape(places[here - 1])}.html">← {places[here - 1]}</a>')
        if here + 1 < len(places):
            links.append(f'<a href="{escape(places[here + 1])}.html">{places[here + 1]} →</a>')
        parent = escape(str(self._gate(tubes[0], population).parent)) if tubes else ""
        return self._page(
            f"{population} ({self.panel})",
            f"<nav>{' · '.join(links)}</nav>\n"
            f"<p>{plural(len(tubes), 'stained tube')}, worst judged first; parent: {parent}. "
            f"{self._told_states(population, tubes)}</p>\n"
            f"<details><summary>How to look at a drawing</summary><p>{HOW_TO_READ}</p></details>\n"
            f'<div class="tiles">\n{chr(10).join(tiles)}\n</div>',
        )

    def write(self, folder: str | Path, populations: Iterable[str] | None = None) -> None:
        """Write index.html and the pages of some populations, or of all."""
        place = Path(folder)
        for population in self.populations if populations is None else populations:
            write_text(place / f"{population}.html", self.population_page(population))
        write_text(place / "index.html", self.index_page())

    def index_page(self) -> str:
        """Return the page that lists the populations, and the tubes that could not be used."""
        states = [s for s in STATE_ORDER if (self._table["state"] == s).any()]
        head = "".join(f"<th>{s.replace('_', ' ')}</th>" for s in states)
        rows = []
        for population in self.populations:
            own = self._worst_states(population, self.order(population))
            cells = "".join(f"<td>{own.count(state) or ''}</td>" for state in states)
            rows.append(
                f'<tr><th style="padding-left:{self._depth(population)}em">'
                f'<a href="{escape(population)}.html">{escape(population)}</a></th>'
                f"{cells}</tr>"
            )
        unusable = self._quality[self._quality["status"] != "ok"]
        listed = "".join(
            f"<li>{escape(str(file_id))}: {escape(row['status'].replace('_', ' '))}"
            f" ({escape(str(row['reason']))})</li>"
            for file_id, row in unusable.iterrows()
        )
        lacking = f"<h2>Tubes that could not be used</h2>\n<ul>{listed}</ul>" if listed else ""
        return self._page(
            f"Gates of all tubes ({self.panel})",
            f"<p>{plural(len(self._quality), 'stained tube')}. One page per population, its "
            "tubes side by side, the worst judged first; the table counts tubes by the state of "
            "their gate (of a population that combines others: by the worst of those).</p>\n"
            f"<table><thead><tr><th>population</th>{head}</tr></thead>\n"
            f"<tbody>{chr(10).join(rows)}</tbody></table>\n{lacking}",
        )

    def order(self, population: str) -> list[str]:
        """Return the tubes of a population, the worst judged first; of a combination, by its worst
        part.
        """
        some = next(iter(self._gates.values()))
        deciding = parts_of(population, some)
        for own in self._gates.values():
            if own[population].shape is not None:
                deciding = parts_of(population, own)
                break
        rows = self._table[self._table["population"].isin({population, *deciding})]
        return worst_first(rows)

    def _depth(self, population: str) -> int:
        own = next(iter(self._gates.values()))
        depth = 0
        while own[population].parent in own:
            population = own[population].parent
            depth += 1
        return depth

    def _worst_states(self, population: str, tubes: Iterable[str]) -> list[str]:
        return [
            min(
                (self._gates[file_id][name].state for name in self._deciding(file_id, population)),
                key=STATE_ORDER.index,
            )
            for file_id in tubes
        ]

    def _deciding(self, file_id: str, population: str) -> list[str]:
        return [population, *parts_of(population, self._gates[file_id])]

    def _gate(self, file_id: str, population: str) -> Gate:
        return self._gates[file_id][population]

    def _drawing(self, file_id: str, population: str) -> Drawing | None:
        histograms = self._histograms.get(file_id, {})
        name = view_name(population, self._gates[file_id], set(histograms))
        return (
            None if name is None else draw_gate(population, self._gates[file_id], histograms[name])
        )

    def _told_states(self, population: str, tubes: Sequence[str]) -> str:
        states = self._worst_states(population, tubes)
        return ", ".join(
            f"{states.count(state)} {_badge(state)}" for state in STATE_ORDER if state in states
        )

    def _tile(
        self,
        file_id: str,
        population: str,
        drawing: Drawing | None,
        axes: Mapping[str, Axis],
    ) -> str:
        gate = self._gate(file_id, population)
        state = self._worst_states(population, [file_id])[0]
        lines = [f"<b>{escape(file_id)}</b>", _badge(state) + " " + self._told(file_id, population)]
        told = self._told_reasons(file_id, population)
        if told:
            lines.append(f'<span class="reason">{escape(told)}</span>')
        picture = (
            f'<p class="none">no picture: {escape(gate.reason or "no view of its parent")}</p>'
            if drawing is None
            else to_svg(drawing, axes, title=f"{population} in {file_id}")
        )
        name = escape(file_id, quote=True)
        return (
            f'<figure id="{name}">{picture}<figcaption>{"<br>".join(lines)}</figcaption></figure>'
        )

    def _told_reasons(self, file_id: str, population: str) -> str:
        """Return why a tube did not decide by itself, of a combination for each of its parts."""
        deciding = dict.fromkeys(self._deciding(file_id, population))
        gates = [self._gates[file_id][name] for name in deciding]
        return "; ".join(
            gate.reason if gate.population == population else f"{gate.population}: {gate.reason}"
            for gate in gates
            if gate.reason and gate.state not in _UNREMARKABLE
        )

    def _told(self, file_id: str, population: str) -> str:
        count = self._counts.get((file_id, population))
        if count is None or pd.isna(count["n_events"]):
            return "not counted"
        n, n_parent = int(count["n_events"]), int(count["n_parent"])
        text = f"{n:,} of {n_parent:,}"
        if n_parent:
            text += f" ({100 * n / n_parent:.3g} %)"
        if not pd.isna(count["n_background"]):
            text += f"; background {escape(background_text(float(count['n_background'])))}"
        if not pd.isna(count["detection"]) and count["is_measured"]:
            text += f"; {_DETECTIONS[str(count['detection'])]}"
        return text

    def _page(self, title: str, body: str) -> str:
        note = f'<p class="note">{escape(self._note)}</p>\n' if self._note else ""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<link rel="icon" href="data:,"><title>{escape(title)}</title>'
            f"<style>{_STYLE}</style></head>\n<body>{note}<h1>{escape(title)}</h1>\n{body}\n"
            "</body></html>\n"
        )


def _badge(state: str) -> str:
    return f'<i style="background:{STATE_COLOURS[state]}">{state.replace("_", " ")}</i>'


_STYLE = f"""
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1em 1.5em; color: #222; }}
h1 {{ font-size: 1.4em; margin: .3em 0; }}
.note {{ background: #fff3cd; border: 2px solid #b8860b; padding: .4em .8em; font-weight: bold; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 14px 10px; margin-top: 12px; }}
figure {{ margin: 0; break-inside: avoid; }}
figcaption {{ font-size: 12px; line-height: 1.3; padding-left: 4px; overflow-wrap: anywhere; }}
figure svg {{ width: 100%; max-width: 260px; display: block; }}
figure svg svg {{ width: {SIDE}px; max-width: none; overflow: hidden; }}
svg image {{ image-rendering: pixelated; }}
svg text {{ font-size: 8px; fill: #333; }}
svg .name {{ font-size: 9px; }}
svg line, svg polyline {{ stroke-width: 1.4; fill: none; }}
svg .own {{ stroke: #333; stroke-width: 1; stroke-dasharray: 2 2; }}
svg .band {{ opacity: .22; }}
svg .frame {{ fill: none; stroke: #888; stroke-width: .7; }}
i {{ color: #fff; font-style: normal; border-radius: 3px; padding: 0 4px; white-space: nowrap; }}
.reason {{ color: #555; }}
.none {{ border: 1px dashed #999; padding: 1em; min-height: 120px; color: #555; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ddd; padding: 2px 10px; text-align: right; }}
th:first-child {{ text-align: left; font-weight: normal; }}
"""  # noqa: E501
