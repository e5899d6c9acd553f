"""Draft a gating template from a panel sheet, for the innate populations that its markers allow.

The draft is a start for a cytometrist: the order of gates, methods and controls are those of the
shipped templates. What the markers do not allow is said, with the marker that is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import yaml

from itc_analysis.errors import PanelError
from itc_analysis.flow.gating.blocks import shipped_blocks
from itc_analysis.flow.gating.template import ROOT, check_template
from itc_analysis.flow.panel.draft import marker_of

#: Blocks offered for conventional and innate alpha-beta populations, where the markers allow.
_AB_BLOCKS = ("naive_memory", "costimulation", "homing", "terminal", "cytotoxic")
_KIR = ("panKIR", "KIR2D", "KIR3DL1")
_FROM_BELOW = {"only_peak": "negative"}


@dataclass
class _Draft:
    """The template as it grows.

    Parameters
    ----------
    named : dict of str to str
        the panel's own name of each marker, by its standard name.
    """

    named: dict[str, str]
    populations: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[dict[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def has(self, *markers: str) -> bool:
        return all(marker in self.named for marker in markers)

    def any_of(self, markers: Sequence[str]) -> str | None:
        return next((marker for marker in markers if marker in self.named), None)

    def lacks(self, what: str, *markers: str) -> None:
        absent = [marker for marker in markers if marker not in self.named]
        self.missing.append(f"{what}: no {' and no '.join(absent)}")

    def cut(self, name: str, parent: str, marker: str, **entries: Any) -> str:
        """Add a one-dimensional gate; returns its name."""
        entry = {"name": name, "parent": parent, "markers": [self.named[marker]]}
        self.populations.append(entry | {"method": "density_minimum", "side": "above"} | entries)
        return name

    def rare(self, name: str, parent: str, marker: str, **entries: Any) -> str:
        """Add a rare population, with the tube without its marker as control."""
        entry = {"name": name, "parent": parent, "markers": [self.named[marker]]}
        entry |= {"method": "rare_positive", "control": self.named[marker]}
        self.populations.append(entry | entries)
        return name

    def made_of(self, name: str, parent: str, method: str, **entries: Any) -> str:
        """Add a complement or a Boolean combination; `measured` and the like are no arguments."""
        wanted = {key: entries.pop(key) for key in ("measured", "phenotype") if key in entries}
        entry = {"name": name, "parent": parent, "method": method, "arguments": entries}
        self.populations.append(entry | wanted)
        return name

    def block(self, block: str, of: str) -> None:
        if self.has(*(marker_of(marker) for marker in shipped_blocks()[block].markers)):
            self.blocks.append({"block": block, "of": of})


def draft_template(panel: pd.DataFrame, name: str) -> tuple[str, list[str]]:
    """Return a template as YAML, and what the panel's markers do not allow.

    Parameters
    ----------
    panel : pandas.DataFrame
        a `PanelSheet`.
    name : str
        of the panel.

    Raises
    ------
    PanelError
        the panel has no CD3, without which T cells cannot be identified.
    """
    named: dict[str, str] = {}
    for marker in panel["marker"]:
        named.setdefault(marker_of(str(marker)), str(marker))
    draft = _Draft(named)
    if not draft.has("CD3"):
        raise PanelError(name, "no marker is CD3, so T cells cannot be identified; check the sheet")
    _to_t_cells(draft, panel)
    rest = _gamma_delta(draft)
    rest = _inkt(draft, rest)
    rest = _mait(draft, rest)
    _conventional(draft, rest)
    _innate_cd8(draft)
    roles = panel.loc[panel["role"].isin(["inhibitory", "activation"]), ["marker", "role"]]
    positivity = [dict(row) for row in roles.to_dict("records")]
    if not positivity:
        draft.missing.append("exhaustion and activation: no marker has the role inhibitory or "
                             "activation")  # fmt: skip
    is_mass = panel["channel"].str.contains(r"\d{2,3}Di").any()
    template: dict[str, Any] = {
        "panel": name,
        "denominator": "t_cells",
        "transform": {
            "fluorescence": {"kind": "asinh", "cofactor": 5} if is_mass else {"kind": "logicle"},
            "scatter": {"kind": "linear"},
        },
        "populations": draft.populations,
    }
    if draft.blocks:
        template["blocks"] = draft.blocks
    if positivity:
        template["positivity"] = positivity
    check_template(template, name, panel_markers=set(panel["marker"]))
    return _as_text(template, name, draft.missing), draft.missing


def _to_t_cells(draft: _Draft, panel: pd.DataFrame) -> None:
    at = ROOT
    scatter = [str(marker) for marker in panel.loc[panel["role"] == "scatter", "marker"]]
    area = _first(scatter, "FSC-A", "FSC")
    side, height = _first(scatter, "SSC-A", "SSC"), _first(scatter, "FSC-H")
    if area and side:
        draft.populations.append(
            {"name": "lymphocytes", "parent": at, "markers": [area, side],
             "method": "scatter_ellipse"}
        )  # fmt: skip
        at = "lymphocytes"
    if area and height:
        draft.populations.append(
            {"name": "singlets", "parent": at, "markers": [area, height], "method": "singlets"}
        )
        at = "singlets"
    else:
        draft.missing.append("doublets are not removed: no FSC-A with FSC-H")
    if draft.has("Viability"):
        at = draft.cut("live", at, "Viability", side="below", arguments=_FROM_BELOW)
    else:
        draft.lacks("dead cells are not removed", "Viability")
    dumped = [marker for marker in ("Dump", "CD19", "CD14") if draft.has(marker)]
    if not dumped:
        draft.lacks("B cells and monocytes are not removed", "Dump", "CD19", "CD14")
        draft.cut("t_cells", at, "CD3", measured=True)
        return
    at = draft.cut("cd3_pos", at, "CD3")
    for marker in dumped[:-1]:
        at = draft.cut(f"{marker.lower()}_neg", at, marker, side="below", arguments=_FROM_BELOW)
    draft.cut("t_cells", at, dumped[-1], side="below", arguments=_FROM_BELOW, measured=True)


def _first(markers: Collection[str], *wanted: str) -> str | None:
    return next((marker for marker in wanted if marker in markers), None)


def _gamma_delta(draft: _Draft) -> str:
    """Add gamma-delta T cells; returns the population without them."""
    if not draft.has("TCRgd"):
        draft.lacks("gamma-delta T cells (gd_t_cells), and what lies outside of them", "TCRgd")
        return "t_cells"
    result = {"measured": True, "phenotype": True}
    draft.cut("gd_t_cells", "t_cells", "TCRgd", arguments=_FROM_BELOW, **result)
    if draft.has("Vd1", "Vd2"):
        draft.block("gd_chains", "gd_t_cells")
    elif draft.has("Vd2"):
        draft.cut("vd2_gd", "gd_t_cells", "Vd2", min_parent=50, **result)
        draft.made_of("vd2neg_gd", "gd_t_cells", "complement", of=["vd2_gd"], **result)
        draft.lacks("Vdelta1 cells", "Vd1")
    else:
        draft.lacks("Vdelta1 and Vdelta2 cells", "Vd1", "Vd2")
    draft.block("gd_differentiation", "gd_t_cells")
    return draft.made_of("not_gd", "t_cells", "complement", of=["gd_t_cells"])


def _inkt(draft: _Draft, parent: str) -> str:
    result = {"measured": True, "phenotype": True}
    marker = draft.any_of(("CD1d-tetramer", "6B11"))
    if marker is not None:
        draft.rare("inkt", parent, marker, **result)
    elif draft.has("Va24", "Vb11"):
        vb11 = draft.named["Vb11"]
        draft.cut("vb11_pos", parent, "Vb11", arguments=_FROM_BELOW, control=vb11)
        draft.rare("inkt", "vb11_pos", "Va24", **result)
    else:
        draft.missing.append(
            "iNKT cells (inkt): no CD1d-tetramer, no 6B11, and not both Va24 and Vb11"
        )
        return parent
    draft.block("coreceptors", "inkt")
    return draft.made_of("not_inkt", parent, "complement", of=["inkt"])


def _mait(draft: _Draft, parent: str) -> str:
    result = {"measured": True, "phenotype": True}
    if draft.has("MR1 tetramer"):
        draft.rare("mait", parent, "MR1 tetramer", **result)
    elif draft.has("Va7.2", "CD161"):
        draft.cut("va72_pos", parent, "Va7.2", arguments=_FROM_BELOW)
        draft.cut("mait", "va72_pos", "CD161", level="bright", min_parent=50, **result)
        draft.made_of("va72_cd161low", "va72_pos", "complement", of=["mait"], measured=True)
    else:
        draft.missing.append("MAIT cells (mait): no MR1 tetramer, and not both Va7.2 and CD161")
        return parent
    draft.block("coreceptors", "mait")
    for block in _AB_BLOCKS:
        draft.block(block, "mait")
    return draft.made_of("conventional_ab", parent, "complement", of=["mait"])


def _conventional(draft: _Draft, parent: str) -> None:
    if not draft.has("CD4", "CD8"):
        draft.lacks("CD4, CD8 and double negative T cells", "CD4", "CD8")
        return
    draft.cut("cd4_pos", parent, "CD4")
    draft.cut("cd8_pos", parent, "CD8")
    result = {"measured": True, "phenotype": True}
    for name, all_of, none_of in (
        ("cd4_t_cells", ["cd4_pos"], ["cd8_pos"]),
        ("cd8_t_cells", ["cd8_pos"], ["cd4_pos"]),
    ):
        draft.made_of(name, parent, "boolean", all_of=all_of, none_of=none_of, **result)
        for block in _AB_BLOCKS:
            draft.block(block, name)
    draft.made_of("dn_t_cells", parent, "boolean", none_of=["cd4_pos", "cd8_pos"], measured=True)


def _innate_cd8(draft: _Draft) -> None:
    """Add innate CD8 T cells: Eomes with KIR or NKG2A."""
    kir = draft.any_of(_KIR)
    receptors = [marker for marker in (kir, "NKG2A") if marker is not None and draft.has(marker)]
    if not draft.has("CD4", "CD8", "Eomes") or not receptors:
        absent = [m for m in ("CD4", "CD8", "Eomes") if not draft.has(m)]
        if not receptors:
            absent.append("panKIR or NKG2A")
        draft.missing.append(f"innate CD8 T cells (innate_cd8): no {' and no '.join(absent)}")
        return
    eomes = draft.named["Eomes"]
    from_control = {"fallback": "control"}
    draft.cut("eomes_cd8", "cd8_t_cells", "Eomes", control=eomes, **from_control)
    sides = [
        draft.cut(
            f"{marker.lower()}_pos", "eomes_cd8", marker, control=draft.named[marker],
            **from_control,
        )
        for marker in receptors
    ]  # fmt: skip
    result = {"measured": True, "phenotype": True}
    if len(sides) == 1:
        draft.populations[-1] |= {"name": "innate_cd8"} | result
    else:
        draft.made_of("innate_cd8", "eomes_cd8", "boolean", any_of=sides, **result)
    draft.made_of("conventional_memory_cd8", "eomes_cd8", "complement", of=["innate_cd8"],
                  measured=True)  # fmt: skip
    for block in _AB_BLOCKS:
        draft.block(block, "innate_cd8")


def _as_text(template: dict[str, Any], name: str, missing: Sequence[str]) -> str:
    lines = [
        f"# Gating template of {name}, drafted from its panel sheet by `itc template`. Look at",
        "# every gate (itc check, then the overview pages) before you use it.",
        *(f"# Not in it: {what}." for what in missing),
    ]
    parts = {key: value for key, value in template.items() if key != "populations"}
    head = {key: parts.pop(key) for key in ("panel", "denominator", "transform")}

    def dump(data: Any) -> str:
        return str(
            yaml.safe_dump(
                data, sort_keys=False, width=100, default_flow_style=None, allow_unicode=True
            )
        )

    blocks = [
        "\n".join("  " + line for line in dump([population]).splitlines())
        for population in template["populations"]
    ]
    text = "\n".join(lines) + "\n" + dump(head) + "\npopulations:\n" + "\n\n".join(blocks) + "\n"
    return text + ("\n" + dump(parts) if parts else "")
