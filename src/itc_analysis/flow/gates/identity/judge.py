"""Which tubes of a panel are not what their row in the sheet says, and what is likely wrong.

A tube with a finding that is proof enough is held: its numbers enter no statistics until a person
has looked and confirms it. What cannot be told is said, and never a reason to hold: neither is
evidence that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from itc_analysis.flow.gates.identity.acquired import find_early_ends, find_odd_acquisitions
from itc_analysis.flow.gates.identity.copies import copies, partial_copies
from itc_analysis.flow.gates.identity.evidence import Evidence, read_evidence
from itc_analysis.flow.gates.identity.features import MIN_OTHERS, compare_tubes
from itc_analysis.flow.gates.identity.like_stains import find_like_swaps
from itc_analysis.flow.gates.identity.stains import find_missing, find_swap
from itc_analysis.flow.gates.identity.voltages import find_other_voltages
from itc_analysis.flow.gates.pooling.agreement import evidence_by_population, odd_in_many
from itc_analysis.flow.gating.template import Template
from itc_analysis.flow.spillover.batch_agreement import (
    find_odd_batches,
    find_odd_states,
    find_odd_tubes,
)
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import TubeIdentity

METHODS_TEXT = (
    "Every stained tube was compared with the others of its staining batch, or of its panel where "
    "these were fewer than four: the spill that its bright cells carry was regressed on the "
    "matrix that was applied, every channel was held against every stain of the batch (places of "
    "negatives and positives, their number, and correlations) to find swapped stains, and stains "
    "whose positives were gone beyond any depletion were called left out. Functional stains were "
    "called swapped where one channel had gained the brightness that the other one had lost. "
    "Numbers of events, the share of granulocytes and a clock that starts again were looked at. "
    "Files that share events were found by the smallest hashes of these. Tubes with such a "
    "finding, and files under two names, are held out of the statistics until a person confirms "
    "them."
)


def identify(evidence: pd.DataFrame, fits: pd.DataFrame, template: Template) -> pd.DataFrame:
    """Return `TubeIdentity`, one row per stained tube.

    Parameters
    ----------
    evidence : pandas.DataFrame
        `TubeEvidence` of one panel, all batches.
    fits : pandas.DataFrame
        `GateFits` of the same tubes.
    template : Template
        the panel's gating template.
    """
    known = evidence[evidence["evidence"].notna()].sort_values("file_id")
    names = list(known["file_id"].astype(str))
    batches = dict(zip(names, known["batch"].astype(str), strict=True))
    states = dict(zip(names, known["compensation"].astype(str), strict=True))
    read = {
        name: read_evidence(str(text)) for name, text in zip(names, known["evidence"], strict=True)
    }
    found = _findings(read, batches, states, fits, template)
    rows: list[dict[str, Any]] = []
    for tube in evidence.sort_values("file_id").itertuples():
        row = {"file_id": tube.file_id, "panel": tube.panel, "batch": tube.batch}
        finding, is_held, reason = found.get(str(tube.file_id), ("ok", False, None))
        if finding == "ok" and str(tube.file_id) not in read:
            finding, reason = "not_judged", "the tube could not be used"
        elif finding == "ok" and len(read) <= MIN_OTHERS:
            finding, reason = "not_judged", f"fewer than {MIN_OTHERS} other tubes to compare with"
        rows.append({**row, "finding": finding, "is_held": is_held, "reason": reason})
    return contract.make(rows, TubeIdentity)


def suspects(identity: pd.DataFrame) -> dict[str, str]:
    """Return why tubes teach the others nothing, by file id: those that are held.

    Parameters
    ----------
    identity : pandas.DataFrame
        `TubeIdentity`.
    """
    held = identity[identity["is_held"]]
    return dict(zip(held["file_id"].astype(str), held["reason"].astype(str), strict=True))


def _findings(
    read: Mapping[str, Evidence],
    batches: Mapping[str, str],
    states: Mapping[str, str],
    fits: pd.DataFrame,
    template: Template,
) -> dict[str, tuple[str, bool, str | None]]:
    """Return finding, whether the tube is held, and why, by tube; the likeliest cause of several.

    Channels that are swapped or wrongly compensated look as if stains were missing, so these are
    asked first.
    """
    by_population = evidence_by_population(fits, template)
    markers = {name: ", ".join(template.by_name[name].markers) for name in by_population}
    elsewhere = odd_in_many(by_population, markers)
    spill = {name: tube.spill for name, tube in read.items() if tube.spill is not None}
    spilt = find_odd_tubes(spill, batches)
    panel = "" if fits.empty else str(fits["panel"].iloc[0])
    unlike = find_odd_states(states, panel=panel)
    both = unlike.pop(f"panel '{panel}'", None)
    found: dict[str, tuple[str, bool, str | None]] = {}
    compared = compare_tubes(read, batches)
    alike = find_like_swaps(compared, [one.marker for one in template.positivity])
    early = find_early_ends(read, batches)
    gated_out = {m for one in template.populations if one.side == "below" for m in one.markers}
    for place, name in enumerate(compared.names):
        # by chance alone the few cells of a tube that ended early lie elsewhere
        swap = None if name in early else find_swap(compared, place)
        missing, untold = find_missing(compared, place, gated_out=gated_out)
        if name in unlike:
            found[name] = ("compensation", True, unlike[name])
        elif swap is not None:
            what = f"stains {swap[0]} and {swap[1]} seem swapped: each looks like the other"
            found[name] = ("swapped", True, what)
        elif name in spilt:
            found[name] = ("compensation", True, spilt[name])
        elif missing:
            found[name] = ("stain_missing", True, f"stain left out? {_listed(missing)}")
        elif name in elsewhere:
            found[name] = ("elsewhere", True, elsewhere[name])
        elif name in alike and name not in early and alike[name].is_proven:
            what = (
                f"stains {' and '.join(alike[name].stains)} seem swapped: each looks like the other"
            )
            found[name] = ("swapped", True, what)
        elif both is not None:
            found[name] = ("cannot_be_told", False, both)
        elif untold:
            what = f"depleted, or stain left out, cannot be told: {_listed(untold)}"
            found[name] = ("cannot_be_told", False, what)
        elif name in alike and name not in early:
            what = (
                f"stains {' and '.join(alike[name].stains)} swapped, or a person unlike the others?"
            )
            found[name] = ("cannot_be_told", False, what)
    held = {name for name, (_, is_held, _) in found.items() if is_held}
    rest = {name: left for name, left in spill.items() if name not in held}
    of_batch = find_odd_batches(rest, batches)
    for name in read:
        if name not in found and batches[name] in of_batch:
            found[name] = ("cannot_be_told", False, of_batch[batches[name]])
    settings = find_other_voltages({name: tube.voltages for name, tube in read.items()}, batches)
    for name, what in settings.items():
        finding, is_held, reason = found.get(name, ("ok", False, None))
        if finding in ("compensation", "elsewhere"):  # the cause, where it is no other
            found[name] = ("elsewhere", is_held, f"{what}; {reason}")
        elif finding == "ok":
            found[name] = ("cannot_be_told", False, f"{what}; nothing else is odd in it")
    for name, what in find_odd_acquisitions(read, batches).items():
        finding, is_held, reason = found.get(name, ("ok", False, None))
        restart = read[name].restart
        if not is_held and restart is not None and restart.is_other:
            finding, is_held = "joined", True
        elif finding == "ok":
            finding = "cannot_be_told"
        found[name] = (finding, is_held, what if reason is None else f"{reason}; {what}")
    parts = partial_copies({name: tube.sketch for name, tube in read.items()})
    return found | {name: ("copy", True, what) for name, what in (parts | copies(fits)).items()}


def _listed(what: Mapping[str, str]) -> str:
    return "; ".join(f"{marker}: {told}" for marker, told in what.items())
