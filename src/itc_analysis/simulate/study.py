"""A whole simulated study as files: config, data and truth, the same bytes for the same seed."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import starmap
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from itc_analysis.config.loading import read_yaml
from itc_analysis.config.sections import Cohort
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.simulate import truth_files
from itc_analysis.simulate.instrument.cytometer import Drift, draw_drift
from itc_analysis.simulate.instrument.libraries import simulate_library, write_library
from itc_analysis.simulate.instrument.panels import PANELS, load_panel, resource_path
from itc_analysis.simulate.instrument.tubes import TubePlan, simulate_tube, write_tube
from itc_analysis.simulate.parameters import FUNCTION_MARKERS, HEALTHY_RESPONSES, UNSTIMULATED
from itc_analysis.simulate.people import cohort
from itc_analysis.simulate.people.blood import draw_blood
from itc_analysis.simulate.people.classification import draw_classification
from itc_analysis.simulate.people.clinical import draw_participants
from itc_analysis.simulate.people.design import (
    BRIDGE,
    LibraryPlan,
    assign_batches,
    default_batches,
    plan_libraries,
    plan_tubes,
    sample_of,
)
from itc_analysis.simulate.scenarios import SCENARIOS, card_of
from itc_analysis.whole_files import write_bytes, write_text

log = logging.getLogger(__name__)

#: Packaged files that a study starts from.
SHIPPED = {
    "panels/panel_a.tsv": "config/panels/panel_a.tsv",
    "panels/panel_b.tsv": "config/panels/panel_b.tsv",
    "gating/panel_a.yaml": "config/gating/panel_a.yaml",
    "gating/panel_b.yaml": "config/gating/panel_b.yaml",
    "panels/panel_f.tsv": "config/panels/panel_f.tsv",
    "gating/panel_f.yaml": "config/gating/panel_f.yaml",
    "signatures.tsv": "config/signatures.tsv",
    "analysis_plan.yaml": "config/analysis_plan.yaml",
}
#: Below this a tube holds too few T cells to draw any population from.
FEWEST_EVENTS, FEWEST_CELLS = 1000, 50
_PROGRESS_EVERY = 10
#: Events from which several processes are worth their start.
_LARGE = 2_000_000


def simulate_study(
    folder: str | Path,
    *,
    scenario: str,
    seed: int,
    per_group: int = 6,
    index_group_size: int | None = None,
    healthy_group_size: int | None = None,
    events: int = 60_000,
    cells: int = 400,
    libraries_per_group: int | None = None,
    batches: int | None = None,
    stimulations: Sequence[str] = (),
    groups: Sequence[str] = cohort.GROUPS,
    processes: int = 1,
) -> None:
    """Write a study whose truth is known.

    Parameters
    ----------
    folder : str or Path
        where to; created. A folder with a real study in it is refused, a simulated one is written
        anew.
    scenario : str
        what is planted, a name of `scenarios.SCENARIOS`.
    seed : int
        the same seed gives the same bytes.
    per_group : int
        participants in each group
    index_group_size, healthy_group_size : int, optional
        in the index group and of healthy people, when different.
    events : int
        per stained tube.
    cells : int
        per single-cell library; 0 for no single-cell data.
    libraries_per_group : int, optional
        participants of each group who have a library, in the index group more in proportion to its
        size; None for everybody.
    batches : int, optional
        staining batches, each with every group; None for about one per twelve participants.
    stimulations : sequence of str
        stimulations of `parameters.HEALTHY_RESPONSES`, each with its tubes; none for resting cells
        alone.
    groups : sequence of str
        groups that are enrolled, the index group and others.
    processes : int
        that write the files of a large study side by side. More than one starts Python anew, so a
        script that asks for it needs the guard ``if __name__ == "__main__"``.

    Raises
    ------
    ItcError
        an argument that makes no study, or a folder that must not be overwritten.
    """
    _check_groups(groups)
    sizes = dict.fromkeys([name for name in cohort.GROUPS if name in groups], per_group)
    sizes[cohort.INDEX_GROUP] = per_group if index_group_size is None else index_group_size
    healthy = Cohort().healthy_group
    if healthy_group_size is not None and healthy in sizes:
        sizes[healthy] = healthy_group_size
    _check(scenario, seed, sizes, events=events, cells=cells, batches=batches)
    _check_stimulations(stimulations)
    if libraries_per_group is not None and libraries_per_group < 1:
        source = "arguments"
        fault = Fault(
            "--libraries-per-group", f"'{libraries_per_group}' is too few", "take 1 or more"
        )
        raise ItcError(source, [fault])
    shipped = {target: resource_path(name).read_bytes() for name, target in SHIPPED.items()}
    root = _open_folder(Path(folder))

    seeds = dict(
        zip(
            (
                "clinical",
                "blood",
                "bridge",
                "design",
                "drift",
                "tubes",
                "libraries",
                "classification",
            ),
            np.random.SeedSequence([seed, 1]).spawn(8),
            strict=True,
        )
    )
    people = cohort.simulate_measurement_truth(scenario, sizes, seed)
    blood = draw_blood(people, np.random.default_rng(seeds["blood"]))
    truth = people.merge(blood, on="participant_id", validate="one_to_one")
    bridge = _bridge_donor(seeds["bridge"])
    n_batches = batches or default_batches(sizes)
    batch_of = assign_batches(
        truth,
        n_batches,
        np.random.default_rng(seeds["design"]),
        imbalance=card_of(scenario).batch_imbalance,
    )
    tubes = plan_tubes(truth, batch_of, events=events, stimulations=stimulations)
    with_library = None
    if libraries_per_group is not None:
        scale = libraries_per_group / min(sizes.values())
        with_library = {group: min(size, round(scale * size)) for group, size in sizes.items()}
    libraries = plan_libraries(truth, batch_of, sizes=with_library) if cells else []

    note = f"SIMULATED {scenario} seed {seed}"
    _write_config(
        root,
        scenario=scenario,
        seed=seed,
        has_libraries=bool(libraries),
        stimulations=stimulations,
        groups=groups,
    )
    plan = "config/analysis_plan.yaml"
    shipped[plan] = _planned(shipped[plan], stimulations)
    for target, content in shipped.items():
        write_bytes(root / target, content)
    clinical = draw_participants(people, np.random.default_rng(seeds["clinical"]))
    treated = dict(zip(people["participant_id"], people["is_treated"], strict=True))
    is_treated = clinical["participant_id"].map(treated).to_numpy(dtype=bool)
    clinical["immunosuppressant_3_months"] = clinical["immunosuppressant_3_months"].mask(
        is_treated, other=True
    )
    clinical, items = draw_classification(clinical, np.random.default_rng(seeds["classification"]))
    truth_files.write_sheets(root / "config", clinical, items, truth, tubes, libraries)
    truth_files.write_truth(root / "truth", truth, bridge, scenario=scenario, note=note)

    by_sample = {sample_of(row["participant_id"]): row for row in _rows(truth)}
    by_sample[BRIDGE] = bridge
    _write_tubes(
        root, tubes, by_sample, seeds["drift"], seeds["tubes"], note=note, processes=processes
    )
    _write_libraries(
        root,
        libraries,
        by_sample,
        seeds["libraries"],
        scenario,
        cells,
        note=note,
        processes=processes,
    )
    log.info("Simulated study written to %s (%s)", folder, note)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _check(
    scenario: str,
    seed: int,
    sizes: Mapping[str, int],
    *,
    events: int,
    cells: int,
    batches: int | None,
) -> None:
    """Raise an ItcError that names every argument that makes no study."""
    faults = []
    if scenario not in SCENARIOS:
        hint = did_you_mean(scenario, SCENARIOS)
        faults.append(Fault("--scenario", f"unknown scenario '{scenario}'", hint))
    if seed < 0:
        faults.append(Fault("--seed", f"'{seed}' is negative", "take 0 or more"))
    smallest = min(sizes.values())
    if smallest < 1:
        faults.append(
            Fault(
                "--per-group, --index-group-size, --healthy-group-size",
                "a group is empty",
                "take 1 or more",
            )
        )
    if events < FEWEST_EVENTS:
        faults.append(Fault("--events", f"'{events}' is too few", f"take {FEWEST_EVENTS} or more"))
    if cells != 0 and cells < FEWEST_CELLS:
        faults.append(
            Fault("--cells", f"'{cells}' is too few", f"take {FEWEST_CELLS} or more, or 0 for none")
        )
    if batches is not None and not 1 <= batches <= max(smallest, 1):
        faults.append(
            Fault(
                "--batches",
                f"{batches} batches cannot each hold every group",
                f"take 1 to {smallest}, the size of the smallest group",
            )
        )
    if faults:
        source = "arguments"
        raise ItcError(source, faults)


def _check_groups(groups: Sequence[str]) -> None:
    faults = [
        Fault("--groups", f"unknown group '{name}'", did_you_mean(name, cohort.GROUPS))
        for name in groups
        if name not in cohort.GROUPS
    ]
    if cohort.INDEX_GROUP not in groups:
        faults.append(Fault("--groups", f"{cohort.INDEX_GROUP} is not among them", "add it"))
    if faults:
        source = "arguments"
        raise ItcError(source, faults)


def _check_stimulations(stimulations: Sequence[str]) -> None:
    faults = [
        Fault(
            "--stimulations", f"unknown stimulation '{name}'", did_you_mean(name, HEALTHY_RESPONSES)
        )
        for name in stimulations
        if name not in HEALTHY_RESPONSES
    ]
    if faults:
        source = "arguments"
        raise ItcError(source, faults)


def _open_folder(root: Path) -> Path:
    """Make the folder ready; refuse one that holds anything but a simulated study."""
    config = root / "config" / "config.yaml"
    if config.exists():
        written = read_yaml(config)
        study = written.get("study") if isinstance(written, dict) else None
        if not (isinstance(study, dict) and study.get("simulated")):
            raise ItcError(
                str(root), "the folder holds a study that is not simulated; choose another folder"
            )
        for part in ("data/flow", "data/singlecell", "truth"):
            shutil.rmtree(root / part, ignore_errors=True)
    elif root.exists() and any(root.iterdir()):
        raise ItcError(str(root), "the folder is not empty; choose another folder, or empty it")
    for part in ("config", "data/flow", "truth/events"):
        (root / part).mkdir(parents=True, exist_ok=True)
    return root


def _bridge_donor(seed: np.random.SeedSequence) -> dict[str, Any]:
    """Draw the donor of the bridge control: a healthy person, no participant."""
    people_seed, truth_seed, blood_seed = seed.spawn(3)
    people = cohort.draw_people("null", {"healthy": 1}, np.random.default_rng(people_seed))
    truth = cohort.draw_truth(people, "null", np.random.default_rng(truth_seed))
    blood = draw_blood(truth, np.random.default_rng(blood_seed))
    row = _rows(people.merge(truth, on="participant_id").merge(blood, on="participant_id"))[0]
    return row | {"participant_id": BRIDGE, "group": "bridge_control"}


def _planned(plan: bytes, stimulations: Sequence[str]) -> bytes:
    """Return the analysis plan with a family that asks for the responses."""
    if not stimulations:
        return plan
    features = [f"{name}:{marker}" for name in stimulations for marker in FUNCTION_MARKERS]
    family = {
        "name": "responses",
        "role": "secondary",
        "adjustment": "bh",
        "contrasts": ["healthy", "pooled"],
        "endpoints": [
            {
                "assay": "flow",
                "populations": ["mait", "gd_t_cells", "cd8_t_cells"],
                "measures": ["response"],
                "features": features,
            }
        ],
    }
    text = yaml.safe_dump([family], sort_keys=False, width=100)
    block = "".join(f"  {line}\n" for line in text.splitlines())
    head, families, rest = plan.decode("utf-8").partition("\nfamilies:\n")
    said = (
        "  # Response to stimulation: unstimulated cells of the same sample are its background.\n"
    )
    return f"{head}{families}{said}{block}\n{rest}".encode()


def _write_config(
    root: Path,
    *,
    scenario: str,
    seed: int,
    has_libraries: bool,
    stimulations: Sequence[str],
    groups: Sequence[str],
) -> None:
    """Write config.yaml with the settings that differ from the defaults."""
    study: dict[str, Any] = {
        "name": f"Simulated study ({scenario}, seed {seed})",
        "simulated": scenario,
        "data_folder": "data",
        "classification": "config/classification.tsv",
    }
    if has_libraries:
        study["libraries"] = "config/libraries.tsv"
    text = "# A simulated study: no person in it exists. Written by `itc simulate`.\n"
    settings: dict[str, Any] = {"study": study}
    absent = [name for name in cohort.GROUPS if name not in groups]
    if absent:
        diseases = [name for name in Cohort().disease_groups if name in groups]
        healthy = Cohort().healthy_group
        settings["cohort"] = {
            "disease_groups": diseases,
            "healthy_group": healthy if healthy in groups else None,
        }
    if stimulations:
        settings["function"] = {"controls": dict.fromkeys(stimulations, UNSTIMULATED)}
    text += yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    write_text(root / "config" / "config.yaml", text)


def _write_tubes(
    root: Path,
    tubes: list[TubePlan],
    by_sample: Mapping[str, Mapping[str, Any]],
    drift_seed: np.random.SeedSequence,
    tube_seed: np.random.SeedSequence,
    *,
    note: str,
    processes: int,
) -> None:
    batches = sorted({tube.batch for tube in tubes})
    # the panel of cultured tubes last, so that the others' instrument is the same with it
    panels = [*PANELS, *({tube.panel for tube in tubes} - set(PANELS))]
    pairs = [(panel, batch) for panel in panels for batch in batches]
    drifts: dict[tuple[str, str], Drift] = {
        (panel, batch): draw_drift(load_panel(panel), np.random.default_rng(child))
        for (panel, batch), child in zip(pairs, drift_seed.spawn(len(pairs)), strict=True)
    }
    jobs = [
        (plan, by_sample[plan.sample_id], drifts[plan.panel, plan.batch], child)
        for plan, child in zip(tubes, tube_seed.spawn(len(tubes)), strict=True)
    ]
    write = partial(_write_tube, root, note)
    is_large = sum(plan.n_events for plan in tubes) > _LARGE
    _do_each(write, jobs, "tubes", processes if is_large else 1)


def _write_tube(
    root: Path,
    note: str,
    plan: TubePlan,
    truth: Mapping[str, Any],
    drift: Drift,
    seed: np.random.SeedSequence,
) -> None:
    panel = load_panel(plan.panel)
    tube = simulate_tube(plan, truth, panel, drift, np.random.default_rng(seed))
    path = root / "data" / "flow" / f"{plan.file_id}.fcs"
    write_tube(path, tube, panel, plan.sample_id, note=note)
    truth_files.write_events(root / "truth" / "events" / f"{plan.file_id}.parquet", tube, note=note)


def _write_libraries(
    root: Path,
    libraries: list[LibraryPlan],
    by_sample: Mapping[str, Mapping[str, Any]],
    seed: np.random.SeedSequence,
    scenario: str,
    cells: int,
    *,
    note: str,
    processes: int,
) -> None:
    jobs = [
        (plan, by_sample[plan.sample_id], child)
        for plan, child in zip(libraries, seed.spawn(len(libraries)), strict=True)
    ]
    write = partial(_write_library, root, note, scenario, cells)
    # a cell of a library is as much work as a hundred events
    is_large = 100 * cells * len(libraries) > _LARGE
    _do_each(write, jobs, "libraries", processes if is_large else 1)


def _write_library(
    root: Path,
    note: str,
    scenario: str,
    cells: int,
    plan: LibraryPlan,
    truth: Mapping[str, Any],
    seed: np.random.SeedSequence,
) -> None:
    library = simulate_library(truth, scenario, np.random.default_rng(seed), n_barcodes=cells)
    write_library(root / "data" / "singlecell" / plan.library_id, library, note=note)
    path = root / "truth" / "cells" / f"{plan.library_id}.parquet"
    truth_files.write_cells(path, library, note=note)


def _do_each(
    write: Callable[..., None], jobs: Sequence[tuple[Any, ...]], what: str, processes: int
) -> None:
    """Write every file; the bytes are the same in one process or several, because each file has a
    seed of its own.
    """
    # started anew, and not forked: a fork of a process with threads can hang
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) if processes > 1 else nullcontext() as pool:
        done = starmap(write, jobs) if pool is None else _in(pool, write, jobs)
        for i, _ in enumerate(done, start=1):
            if i % _PROGRESS_EVERY == 0 or i == len(jobs):
                log.info("%d of %d %s", i, len(jobs), what)


def _in(pool: Pool, write: Callable[..., None], jobs: Sequence[tuple[Any, ...]]) -> Iterator[None]:
    for waiting in [pool.apply_async(write, job) for job in jobs]:
        yield waiting.get()
