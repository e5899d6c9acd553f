"""What a lock holds: the plan and what it depends on, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itc_analysis.stats.plan.lock import BY_HAND
from itc_analysis.version import __version__

if TYPE_CHECKING:
    from itc_analysis.config.sections import Study
    from itc_analysis.config.steps import PlanChangesSettings
    from itc_analysis.stats.plan.standing import Standing


def locked_content(
    settings: PlanChangesSettings,
    *,
    plan: str | Path,
    templates: Iterable[str | Path],
    signatures: str | Path,
    by_hand: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return plan, gating templates, signatures and settings, with every default filled in, and
    what was decided by hand.

    Raises
    ------
    ItcErrors
        every fault of the plan, of each template and of the signatures.
    """
    from itc_analysis.errors import ItcError, ItcErrors, collecting
    from itc_analysis.flow.gating.template import load_template
    from itc_analysis.scores.cards.signatures import read_signatures
    from itc_analysis.stats.plan.plan import parse_plan

    errors: list[ItcError] = []
    content: dict[str, Any] = {"plan": {}, "gating": {}, "signatures": {}, "settings": {}}
    with collecting(errors):
        content["plan"] = parse_plan(plan).model_dump(mode="json")
    for path in templates:
        try:
            template = load_template(path).model_dump(mode="json")
        except ItcError as error:
            errors.append(error)
            continue
        for population in template["populations"]:
            del population["view"]  # of the plots alone
        content["gating"][Path(path).stem] = template
    with collecting(errors):
        for card in read_signatures(signatures):
            weights = dict(zip(card.features, card.weights, strict=True))
            content["signatures"][f"{card.assay} {card.name}"] = weights
    if errors:
        raise errors[0] if len(errors) == 1 else ItcErrors(errors)
    for name in type(settings).model_fields:
        part = getattr(settings, name)
        values = {setting: getattr(part, setting) for setting in type(part).model_fields}
        content["settings"][name] = type(part).model_validate(values).model_dump(mode="json")
    return content if by_hand is None else content | {BY_HAND: by_hand}


def content_of_study(config: str | Path) -> tuple[Study, dict[str, Any]]:
    """Return the study of a config.yaml, and what its lock would hold."""
    from itc_analysis.cohort.listing import list_tubes
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.loading import load_settings
    from itc_analysis.config.steps import PlanChangesSettings
    from itc_analysis.tracing.inputs import decided_by_hand

    study = load_settings(config).study
    panels = sorted({str(row["panel"]) for row in list_tubes(study)})
    content = locked_content(
        read_settings(config, PlanChangesSettings),
        plan=study.analysis_plan,
        templates=[Path(study.gating_folder) / f"{panel}.yaml" for panel in panels],
        signatures=study.signatures,
        by_hand=decided_by_hand(study),
    )
    return study, content


def describe_state(standing: Standing) -> list[str]:
    """Return what a person should know of the plan's lock, a line per changed field."""
    from itc_analysis.stats.plan.standing import describe_by_hand

    lock = standing.lock
    if lock is None:
        return ["the plan was not locked: itc lock-plan, before groups are looked at"]
    since = f"the plan was locked on {lock['date']} ({lock['digest'][:12]})"
    if lock["software"] != __version__:
        since += f" with itc_analysis {lock['software']}, this is {__version__}"
    is_by_hand = standing.changes["part"] == BY_HAND
    fields, decided = standing.changes[~is_by_hand], standing.changes[is_by_hand]
    by_hand = describe_by_hand(standing)
    since += "; nothing was changed since" if fields.empty else "; changed since, and post hoc:"
    return [
        since,
        *(
            f"  {row.part}.{row.where}: {row.locked} is now {row.now}; affects {row.affects}"
            for row in fields.itertuples()
        ),
        *([by_hand] if by_hand else []),
        *(f"  {row.where}: {row.locked} is now {row.now}" for row in decided.itertuples()),
    ]
