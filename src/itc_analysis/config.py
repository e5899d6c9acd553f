"""The settings: one class per section; load, freeze, read_section.

`config/config.yaml`, its JSON schema and docs/settings.md are generated from the classes here
(``itc init --settings``); a test fails when they differ. How a run is executed (cores, cluster,
log level) is the profile's business and never a setting.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from itc_analysis.errors import Fault, SettingsError, did_you_mean


class Section(BaseModel):
    """A part of the settings that one room reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Study(Section):
    """What is analysed and where it lies. Paths are relative to the folder you run in."""

    name: str = Field("Sclero-LTI", description="Name of the study, shown in the report.")
    simulated: str | None = Field(
        None, description="Scenario of a simulated study; every output says so. Null for real data."
    )
    results_folder: str = Field("results", description="Where results are written.")
    data_folder: str = Field(
        ".", description="Folder that the `path` columns of the sheets start from."
    )
    participants: str = Field("config/participants.tsv", description="One row per person.")
    samples: str = Field("config/samples.tsv", description="One row per biological sample.")
    fcs_files: str | None = Field(
        "config/fcs_files.tsv",
        description="One row per tube; null for a study without flow cytometry.",
    )
    libraries: str | None = Field(
        None,
        description="One row per single-cell library; null for a study without single-cell data.",
    )
    decisions: str | None = Field(
        None,
        description="Manual decisions on eligibility, one row per person decided on; null for none.",
    )
    classification: str | None = Field(
        None,
        description="Items of the classification criteria, one row per person; null when the "
        "criteria are only declared (classification_met).",
    )
    column_mapping: str | None = Field(
        None,
        description="Column names and codes of an export (REDCap, CSV) in terms of ours; null when "
        "the sheets have our names.",
    )
    signatures: str = Field(
        "config/signatures.tsv", description="Signatures: markers or genes with weights."
    )
    analysis_plan: str = Field(
        "config/analysis_plan.yaml", description="Comparisons, written before looking."
    )
    post_hoc_plan: str | None = Field(
        None,
        description="Comparisons that the plan does not hold (families of role post_hoc), marked as such wherever they "
        "are shown; null for none.",
    )
    panels_folder: str = Field("config/panels", description="Folder of <panel>.tsv.")
    gating_folder: str = Field("config/gating", description="Folder of <panel>.yaml.")
    manual_gates: str | None = Field(
        None,
        description="Folder with a folder <panel> of gates drawn by hand (<file_id>.xml, <panel>.xml as "
        "Gating-ML, or FlowJo's .wsp) that take the place of the learned ones; null for none.",
    )


CriteriaName = Literal[
    "ssc_2013", "ssc_early_2001", "sle_2019", "sjogren_2016", "ra_2010", "iim_2017"
]


class Cohort(Section):
    """Who may be compared."""

    index_group: str = Field("SSc", description="The group that is compared with every other.")
    healthy_group: str | None = Field(
        "healthy", description="Reference of the scores; null when the study has no healthy people."
    )
    disease_groups: tuple[str, ...] = Field(
        ("SLE", "pSS", "RA", "IIM"),
        description="Disease control groups; together they are the pooled group.",
    )
    pooled_name: str = Field("CTD", description="Name of the pooled disease controls.")
    protocol_version: Literal["current", "initial", "none"] = Field(
        "current",
        description="Eligibility rules for participants whose sheet row names no version; "
        "'initial' also excluded immunosuppressants and biologics, 'none' applies no rule.",
    )
    analyse_queried: bool = Field(
        default=False,
        description="Compare people whose eligibility still has open queries as well.",
    )
    classification_criteria: dict[str, tuple[CriteriaName, ...]] = Field(
        {
            "SSc": ("ssc_2013", "ssc_early_2001"),
            "SLE": ("sle_2019",),
            "pSS": ("sjogren_2016",),
            "RA": ("ra_2010",),
            "IIM": ("iim_2017",),
        },
        description="Sets of classification criteria of each group, one of which must be fulfilled "
        "(ssc_2013, ssc_early_2001, sle_2019, sjogren_2016, ra_2010, iim_2017); a group without "
        "sets counts as declared by the clinician.",
    )
    objective_raynaud: tuple[Literal["reported", "observed", "measured"], ...] = Field(
        ("observed", "measured"),
        description="Evidence of Raynaud's phenomenon that is objective in the early SSc criteria; "
        "sources differ on 'observed'.",
    )
    planned_sizes: dict[str, int] = Field(
        {}, description="Planned participants of each group; groups left out have no plan."
    )
    min_cell_size: int = Field(
        5,
        ge=2,
        description="Fewer people than this who share group, sex and age band are not told apart in "
        "what leaves the study (k-anonymity).",
    )

    @model_validator(mode="after")
    def _planned_groups_are_groups(self) -> Cohort:
        unknown = sorted(set(self.planned_sizes) - set(self.groups))
        if unknown:
            known = ", ".join(self.groups)
            msg = (
                f"planned_sizes names no group of the study: {', '.join(unknown)}; groups: {known}"
            )
            raise ValueError(msg)
        return self

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups, index first, healthy last."""
        healthy = () if self.healthy_group is None else (self.healthy_group,)
        return (self.index_group, *self.disease_groups, *healthy)


class Flow(Section):
    """Reading, cleaning and gating of tubes."""

    on_bad_tube: Literal["record", "stop"] = Field(
        "record", description="A tube that cannot be read: record it and go on, or stop the run."
    )
    min_events: int = Field(1000, ge=1, description="Tubes with fewer events fail quality control.")
    max_share_removed: float = Field(
        0.3,
        gt=0,
        le=1,
        description="A tube that loses more than this share to margins and time fails.",
    )
    time_outlier_mads: float = Field(
        6.0,
        gt=0,
        description="Stretches of acquisition time whose flow rate or mean signal lies this many "
        "robust SDs from the tube's median are removed (6 as in PeacoQC).",
    )
    matrices_folder: str | None = Field(
        None,
        description="Folder of compensation matrices <panel>-<batch>.csv or <panel>.csv, which replace "
        "the files' own; made by `itc spillover`. Null: $SPILLOVER of each file.",
    )
    align: bool = Field(
        default=False,
        description="Align the events of every batch to one batch by the bridge control's peaks. Refused where "
        "a batch has no bridge control or goes with a group; look at alignment.parquet and the report before "
        "using it.",
    )
    align_reference: str | None = Field(
        None,
        description="The batch that the others are aligned to. Null: the one whose peaks lie nearest to the "
        "middle of all.",
    )
    n_bootstrap: int = Field(
        50, ge=10, description="Bootstrap replicates behind the standard error of a cut."
    )
    outlier_mads: float = Field(
        4.0,
        gt=0,
        description="A cut this many robust SDs from its batch is judged an outlier and borrowed.",
    )
    fmo_quantile: float = Field(
        0.995,
        gt=0.5,
        lt=1,
        description="Quantile of the FMO tube's population above which a cell is positive.",
    )
    lod_events: int = Field(
        20,
        ge=1,
        description="Fewer background-subtracted events than this: below the limit of detection.",
    )
    loq_events: int = Field(
        50, ge=1, description="As many events or more: quantified; between: detected."
    )
    min_phenotype_events: int = Field(
        50, ge=1, description="Populations with fewer events get no marker positivity and no score."
    )


class SingleCell(Section):
    """Reading, quality and innate T calls of single-cell libraries."""

    min_genes: int = Field(
        200, ge=0, description="Barcodes with fewer detected genes are not cells."
    )
    max_share_mito: float = Field(
        0.15, gt=0, le=1, description="Cells above this mitochondrial share are dropped."
    )
    n_mads: float = Field(
        5.0, gt=0, description="Cells this many MADs from the library's median are dropped."
    )
    doublets: Literal["evidence", "scrublet"] = Field(
        "evidence",
        description="How droplets with two cells are found: by impossible pairs of genes and chains, or by "
        "scanpy's Scrublet as well, which drops them and takes longer than all the rest.",
    )
    seed: int = Field(1, ge=0, description="Seed of Scrublet's simulated doublets.")
    call_threshold: float = Field(
        0.8, gt=0.5, lt=1, description="Posterior below which a cell is called indeterminate."
    )
    lod_cells: int = Field(
        5, ge=1, description="Fewer cells than this: below the limit of detection."
    )
    loq_cells: int = Field(
        20,
        ge=1,
        description="As many cells or more: quantified (Poisson CV 22 % at 20); between: detected.",
    )
    min_pseudobulk_cells: int = Field(
        20, ge=1, description="Pseudobulk profiles of fewer cells are not scored."
    )


class Scores(Section):
    """Exhaustion, activation and their reference."""

    min_features_found: float = Field(
        0.6,
        gt=0,
        le=1,
        description="A signature with a smaller share of its features found is not scored.",
    )
    min_reference: int = Field(
        4, ge=2, description="Fewer healthy participants than this with the subset: no z score."
    )


class Measure(Section):
    """What becomes a number in measurements.parquet."""

    max_draw_to_stain_hours: float = Field(
        48.0, gt=0, description="Older samples keep percentages but get no absolute count."
    )
    min_bead_events: int = Field(
        1000, ge=1, description="Fewer bead events: no absolute count from beads."
    )


class Stats(Section):
    """Comparison of groups. What is compared is in the analysis plan, not here."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="Level of every interval.")
    min_per_group: int = Field(
        3, ge=2, description="Groups with fewer participants are not compared."
    )
    n_permutations: int = Field(
        999,
        ge=0,
        description="Freedman-Lane permutations beside each p value of the primary family; 0 for none.",
    )
    seed: int = Field(1, ge=0, description="Seed of the permutations.")


class Report(Section):
    """The HTML page."""

    n_example_tubes: int = Field(
        2, ge=1, description="Tubes per panel whose gates are drawn; the worst judged ones first."
    )


class Settings(Section):
    """All sections."""

    study: Study = Study()
    cohort: Cohort = Cohort()
    flow: Flow = Flow()
    singlecell: SingleCell = SingleCell()
    scores: Scores = Scores()
    measure: Measure = Measure()
    stats: Stats = Stats()
    report: Report = Report()


class CohortSettings(Section):
    """The two sections that the check of the cohort reads."""

    study: Study = Study()
    cohort: Cohort = Cohort()


AnySection = TypeVar("AnySection", bound=Section)


def validate(model: type[AnySection], data: Any, source: str) -> AnySection:
    """Build `model` from plain data, or raise a `SettingsError` that names every fault.

    Works for any pydantic model of the project (settings, plan, gating template).
    """
    try:
        return model.model_validate(data if data is not None else {})
    except ValidationError as error:
        faults = [_explain(model, item) for item in error.errors()]
        raise SettingsError(source, faults) from None


def load_settings(data: dict[str, Any] | str | Path) -> Settings:
    """Read a YAML file, or take Snakemake's already merged `config`, and check it."""
    if isinstance(data, dict):
        return validate(Settings, data, "settings")
    return validate(Settings, read_yaml(data), str(data))


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file; a `SettingsError` says which line cannot be read."""
    import yaml

    # libyaml, where PyYAML was built with it, is six times faster.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), Loader=loader)
    except FileNotFoundError:
        raise SettingsError(str(path), "the file is not there; check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else ""
        what = str(getattr(error, "problem", None) or error)
        fault = Fault(where, f"not valid YAML: {what}", "check indentation, colons and quotes")
        raise SettingsError(str(path), [fault]) from None


def freeze(data: Section | list[dict[str, Any]], folder: str | Path, name: str) -> str:
    """Write `data` to ``folder/name-<hash of its content>.json`` and return that path.

    The path is a Snakemake parameter: an edited setting changes the path and so reruns exactly
    the rules that read it; a comment in config.yaml changes nothing.
    """
    plain = data.model_dump(mode="json") if isinstance(data, BaseModel) else data
    text = json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = Path(folder) / f"{name}-{digest}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    return path.as_posix()


def read_section(path: str | Path, section: type[AnySection]) -> AnySection:
    """Read one section from a frozen file, or from a whole config.yaml when run by hand."""
    source = Path(path)
    if source.suffix == ".json":
        return validate(section, _read_json(source), str(path))
    settings = load_settings(source)
    if set(section.model_fields) <= set(Settings.model_fields):  # made of whole sections
        parts = {name: getattr(settings, name) for name in section.model_fields}
        return section.model_validate(parts)
    for value in dict(settings).values():
        if isinstance(value, section):
            return value
    msg = f"{section.__name__} is not a section of the settings"
    raise TypeError(msg)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(str(path), "the file is not there; check the path") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"not valid JSON: {error}") from None


def _explain(model: type[BaseModel], item: Any) -> Fault:
    """Turn one pydantic error into a sentence, with the nearest known name."""
    parts = [str(part) for part in item["loc"]]
    where = ".".join(parts)
    if item["type"] == "extra_forbidden":
        known = _known_names(model, item["loc"][:-1])
        return Fault(where, f"unknown setting '{parts[-1]}'", did_you_mean(parts[-1], known))
    if item["type"] == "missing":
        return Fault(where, f"'{parts[-1]}' is missing", "add it")
    value = item.get("input")
    shown = f" (found {value!r})" if isinstance(value, (str, int, float, bool)) else ""
    return Fault(where, item["msg"][:1].lower() + item["msg"][1:] + shown)


def _known_names(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    import typing

    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        fields = getattr(current, "model_fields", {})
        if part not in fields:
            continue
        annotation = fields[part].annotation
        candidates = [annotation, *typing.get_args(annotation)]
        candidates += [inner for outer in candidates for inner in typing.get_args(outer)]
        models = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        current = models[0] if models else current
    return list(getattr(current, "model_fields", {}))
