"""An analysis plan for what a study measures, as a draft for a person to decide on (`itc init
--from-panels`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from itc_analysis.config.sections import Cohort, Settings
from itc_analysis.errors import Fault, ItcError

#: A covariate that fewer people have is not proposed (the plan's own covariate_min_known).
_LEAST_KNOWN = 0.8
_COVARIATES = ("age_years", "sex", "cmv_igg")
_HEAD = """\
# The analysis plan, proposed by `itc init --from-panels` from the templates and sheets of this study.
# Read it, change it, and keep it as it is from the moment you look at results. Every part of a plan
# is explained in the plan that `itc init` writes into an empty folder.
"""  # noqa: E501


def propose_plan(settings: Settings) -> str:
    """Return a plan as YAML: abundance, markers and scores of the populations that templates
    measure.

    Raises
    ------
    ItcError
        the study has no tube, or its sheets or templates have faults; all of them.
    """
    import yaml

    from itc_analysis.checking.shown import measured_by_templates
    from itc_analysis.cohort.join import read_study_sheets
    from itc_analysis.scores.cards.signatures import read_signatures
    from itc_analysis.tables.conditions import is_of

    study = settings.study
    sheets = read_study_sheets(study, settings.cohort, settings.function)
    stained = [row for row in sheets.tubes.rows if row["tube"] == "stained"]
    resting = [row for row in stained if is_of(row, (settings.function.resting,))]
    panels = sorted({str(row["panel"]) for row in resting})
    if not panels:
        what = "the tube sheet names no panel, so nothing is measured by flow cytometry"
        raise ItcError(str(study.fcs_files), [Fault("", what, "fill it first")])
    measured = measured_by_templates(study, panels)
    contrasts = _contrasts(settings.cohort)
    populations = [name for name in measured.ordered if name in measured.populations]
    parts = [name for name in populations if name not in measured.denominators]
    has_counts = any(row["beads_per_tube"] for row in sheets.tubes.rows) or any(
        row["wbc_10e9_per_l"] for row in sheets.samples.rows
    )
    abundance: list[dict[str, Any]] = []
    if parts:
        abundance.append(_block(parts, ["share_of_t"]))
    if has_counts and populations:
        abundance.append(_block(populations, ["cells_per_ul"]))
    families = []
    if abundance:
        families.append(_family("abundance", "primary", "holm", contrasts, abundance))
    phenotyped = [name for name in populations if name in measured.with_phenotype]
    markers = sorted(measured.functional)
    if phenotyped and markers:
        block = _block(phenotyped, ["share_positive"]) | {"features": markers}
        families.append(_family("markers", "exploratory", "bh", contrasts, [block]))
    scored = [
        card.name
        for card in read_signatures(study.signatures)
        if card.assay == "flow"
        and len(set(card.features) & set(markers))
        >= settings.scores.min_features_found * len(card.features)
    ]
    if phenotyped and scored:
        block = _block(phenotyped, ["score"]) | {"features": scored}
        families.append(_family("scores", "secondary", "bh", contrasts, [block]))
    cultured = [row for row in stained if is_of(row, settings.function.controls)]
    responding = measured_by_templates(study, sorted({str(row["panel"]) for row in cultured}))
    features = [
        f"{name}:{marker}"
        for name in sorted({str(row["condition"]) for row in cultured})
        for marker in sorted(responding.responding)
    ]
    cultured_ones = [name for name in responding.ordered if name in responding.with_phenotype]
    if features and cultured_ones:
        block = _block(cultured_ones, ["response"]) | {"features": features}
        families.append(_family("responses", "secondary", "bh", contrasts, [block]))
    if not families:
        what = "no gating template measures a population (measured: true) or its markers"
        raise ItcError(
            study.gating_folder, [Fault("", what, "mark the populations to be compared")]
        )
    formula = _covariates(sheets.participants.rows)
    plan: dict[str, Any] = {
        "covariates": formula,
        "small_sample": {"covariates": formula},
        "core_covariates": formula,
        "families": families,
    }
    compositions = _compositions(populations, contrasts)
    if compositions:
        plan["compositions"] = compositions
    return _HEAD + str(yaml.safe_dump(plan, sort_keys=False, allow_unicode=True, width=100))


def _compositions(populations: list[str], contrasts: list[str]) -> list[dict[str, Any]]:
    """Return each population's phenotype as one block: the parts that a template's blocks made."""
    from itc_analysis.flow.gating.blocks import parts_of, shipped_blocks

    found = []
    for name, block in shipped_blocks().items():
        for population in populations:
            parts = parts_of(name, population)
            if block.parts and set(parts) <= set(populations):
                found.append(
                    {
                        "name": f"{population} by {name.replace('_', ' ')}",
                        "assay": "flow",
                        "parts": list(parts[1:]),
                        "reference": parts[0],
                        "contrasts": contrasts,
                    }
                )
    return found


def write_proposal(folder: Path, *, shipped: str) -> str:
    """Write the proposal into a study's folder; returns its path below it.

    The plan that `itc init` wrote is replaced as long as nobody has changed it; a person's own plan
    stays, and the proposal lies beside it.

    Parameters
    ----------
    shipped : str
        the plan that `itc init` writes.
    """
    import os

    from itc_analysis.config.loading import load_settings
    from itc_analysis.whole_files import write_text

    here = Path.cwd()
    os.chdir(folder)  # paths of the settings are relative to the study
    try:
        settings = load_settings("config/config.yaml")
        text = propose_plan(settings)
        path = Path(settings.study.analysis_plan)
        is_own = path.exists() and path.read_text(encoding="utf-8") != shipped
        if is_own:
            path = path.with_name(f"{path.stem}.proposed.yaml")
        write_text(path, text)
    finally:
        os.chdir(here)
    return path.as_posix()


def _block(populations: list[str], measures: list[str]) -> dict[str, Any]:
    return {"assay": "flow", "populations": populations, "measures": measures}


def _family(
    name: str, role: str, adjustment: str, contrasts: list[str], endpoints: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "adjustment": adjustment,
        "contrasts": contrasts,
        "endpoints": endpoints,
    }


def _contrasts(cohort: Cohort) -> list[str]:
    diseases = [group for group in cohort.disease_groups if group != cohort.index_group]
    found = [] if cohort.healthy_group is None else ["healthy"]
    return [*found, "each_disease"] if diseases else found


def _covariates(people: list[Mapping[str, Any]] | list[dict[str, Any]]) -> str | None:
    """Return the covariates that enough people have, of those that comparisons adjust for."""
    known = {
        name: [row[name] for row in people if row.get(name) is not None] for name in _COVARIATES
    }
    usable = [
        name
        for name, values in known.items()
        if len(values) >= _LEAST_KNOWN * len(people) and len(set(values)) > 1
    ]
    return " + ".join(usable) or None
