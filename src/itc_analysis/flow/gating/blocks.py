"""Building blocks of gating templates: the same division of a population in every panel.

A template names a block and the population that it divides; the populations are written out before
anything else looks at the template. Cuts are taken over from the template where it has one on the
marker, and learned once where it has none, so that all populations are divided at the same place.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import Field

from itc_analysis.config.sections import Section
from itc_analysis.errors import Fault, SettingsError, did_you_mean


class Block(Section):
    """One building block; see resources/gating_blocks.yaml."""

    reads_as: str = Field(description="What it shows, in words.")
    learned_in: Literal["denominator", "population"] = Field(
        "denominator", description="Where a cut is learned when the template has none."
    )
    cuts: dict[str, str] = Field({}, description="Marker of each cut.")
    levels: dict[str, Literal["bright"]] = Field(
        {}, description="Cuts below the brightest of the marker's levels, and not above negatives."
    )
    parts: dict[str, dict[str, list[str]]] = Field(
        {}, description="Disjoint parts by the cuts that they are above and below."
    )
    positivity: tuple[str, ...] = Field((), description="Markers counted instead.")
    phenotype: bool = Field(default=False, description="Marker positivity within the parts.")

    @property
    def markers(self) -> tuple[str, ...]:
        """Every marker that it needs."""
        return (*self.cuts.values(), *self.positivity)


class UsedBlock(Section):
    """A block in a template."""

    block: str = Field(description="Name of the block.")
    of: str = Field(description="The population that it divides.")


@cache
def shipped_blocks() -> dict[str, Block]:
    """Return the blocks by name."""
    path = resources.files("itc_analysis") / "resources" / "gating_blocks.yaml"
    stored = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: Block.model_validate(block) for name, block in stored.items()}


def parts_of(block: str, of: str) -> tuple[str, ...]:
    """Return the populations that a block makes of a population, disjoint and complete."""
    return tuple(f"{of}_{part}" for part in shipped_blocks()[block].parts)


def expand_blocks(data: Any, source: str) -> Any:
    """Return a template's plain data with its blocks written out as populations.

    Parameters
    ----------
    data : object
        as read from YAML; without `blocks` it is returned as it is.
    source : str
        names the template in faults.

    Raises
    ------
    SettingsError
        an unknown block or entry; a population that a block would divide twice.
    """
    if not isinstance(data, dict) or not data.get("blocks"):
        return {k: v for k, v in data.items() if k != "blocks"} if isinstance(data, dict) else data
    used, faults = _read(data["blocks"])
    if faults:
        raise SettingsError(source, faults)
    rest = {name: value for name, value in data.items() if name != "blocks"}
    if not all(_are_mappings(data.get(name)) for name in ("populations", "positivity")):
        return rest  # said, with its entry, by whoever checks the template
    populations = [dict(entry) for entry in data.get("populations") or []]
    positivity = [dict(entry) for entry in data.get("positivity") or []]
    denominator = str(data.get("denominator", "all"))
    for entry in used:
        block = shipped_blocks()[entry.block]
        populations += _divide(block, entry.of, populations, denominator)
        known = {marker.get("marker") for marker in positivity}
        positivity += [
            {"marker": marker, "role": "other"}
            for marker in block.positivity
            if marker not in known
        ]
        if block.positivity:
            for population in populations:
                if population.get("name") == entry.of:
                    population["phenotype"] = True
    return rest | {"populations": populations, "positivity": positivity}


def _are_mappings(entries: Any) -> bool:
    return entries is None or (
        isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
    )


def _read(entries: Any) -> tuple[list[UsedBlock], list[Fault]]:
    used: list[UsedBlock] = []
    faults: list[Fault] = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries], start=1):
        where = f"blocks, entry {number}"
        is_block = isinstance(entry, dict) and set(entry) == {"block", "of"}
        if not is_block or not isinstance(entry["of"], str):
            what = "a block has the entries 'block' and 'of', one population"
            faults.append(Fault(where, what, "write e.g. {block: naive_memory, of: mait}"))
            continue
        found = UsedBlock(block=str(entry["block"]), of=str(entry["of"]))
        if found.block not in shipped_blocks():
            remedy = did_you_mean(found.block, shipped_blocks())
            faults.append(Fault(where, f"unknown block '{found.block}'", remedy))
        elif found in used:
            faults.append(Fault(where, f"'{found.of}' has '{found.block}' already", "keep one"))
        used.append(found)
    return used, faults


def _divide(
    block: Block, of: str, populations: list[dict[str, Any]], denominator: str
) -> list[dict[str, Any]]:
    """Return the populations of a block: cuts where there are none, followers, and the parts."""
    made: list[dict[str, Any]] = []
    sides: dict[str, str] = {}
    others = list(block.cuts.values())
    for cut, marker in block.cuts.items():
        view = next((other for other in others if other != marker), None)
        name = f"{of}_{cut}_pos"
        level = block.levels.get(cut)
        learned = _cut_on(marker, level, (*populations, *made))
        if learned is None:
            where = of if block.learned_in == "population" else denominator
            learned = f"{where}_{cut}_pos"
            made.append(
                {
                    "name": learned,
                    "parent": where,
                    "markers": [marker],
                    "side": "above",
                    "method": "density_minimum",
                    "arguments": {} if level else {"only_peak": "negative"},
                    "level": level,
                    "view": view,
                }
            )
        if learned != name:
            made.append(
                {
                    "name": name,
                    "parent": of,
                    "markers": [marker],
                    "side": "above",
                    "method": "reference",
                    "arguments": {"of": learned},
                    "view": view,
                }
            )
        sides[cut] = name
    for part, members in block.parts.items():
        of_sides = {side: [sides[cut] for cut in cuts] for side, cuts in members.items()}
        made.append(
            {
                "name": f"{of}_{part}",
                "parent": of,
                **_gate_of_part(of_sides, {entry["name"]: entry for entry in made}),
                "measured": True,
                "phenotype": block.phenotype,
            }
        )
    taken = {population.get("name") for population in populations}
    return [population for population in made if population["name"] not in taken]


def _gate_of_part(members: dict[str, list[str]], cuts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the gate of a part: of one cut alone its population again, or its complement."""
    named = [name for names in members.values() for name in names]
    if len(named) > 1 or named[0] not in cuts:
        return {"method": "boolean", "arguments": members}
    if "none_of" in members:
        return {"method": "complement", "arguments": {"of": named}}
    cut = cuts[named[0]]
    learned = cut["arguments"]["of"] if cut["method"] == "reference" else cut["name"]
    return {name: cut[name] for name in ("markers", "side", "view")} | {
        "method": "reference",
        "arguments": {"of": learned},
    }


def _cut_on(marker: str, level: str | None, populations: Iterable[dict[str, Any]]) -> str | None:
    """Return the first population that cuts this marker alone, above, at this level, by a cut of
    its own.
    """
    for population in populations:
        if (
            population.get("markers") == [marker]
            and population.get("side") == "above"
            and population.get("method") != "reference"
            and population.get("level") == level
        ):
            return str(population["name"])
    return None
