"""The crate obeys what RO-Crate 1.1 and the workflow run profiles say that it MUST.

The rules are those of https://w3id.org/ro/crate/1.1, https://w3id.org/ro/wfrun/process/0.5,
https://w3id.org/ro/wfrun/workflow/0.5 and https://w3id.org/workflowhub/workflow-ro-crate/1.0, as
the SHACL shapes of rocrate-validator 0.13.0 put them (crs4, Apache 2.0; severity "required").
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from itc_analysis.tracing.crate import make_crate

DIGEST = "0" * 64
RESULTS = {
    "workflow/Snakefile": (DIGEST, 10),
    "workflow/rules/flow.smk": (DIGEST, 10),
    "report.html": (DIGEST, 10),
    "flow/panel a/lot é 1/gates.parquet": (DIGEST, 10),
}
INPUTS = {"data/flow/tube 1 é.fcs": DIGEST, "config/participants.tsv": DIGEST}


@pytest.fixture(scope="module")
def graph() -> dict[str, dict[str, Any]]:
    """Return the entities by id."""
    text = make_crate(
        INPUTS, RESULTS, name="Étude", simulated=None, date="2026-11-29", software="0.1.0"
    )
    crate = json.loads(text)
    assert crate["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    ids = [entity["@id"] for entity in crate["@graph"]]
    assert len(set(ids)) == len(ids)
    return {entity["@id"]: entity for entity in crate["@graph"]}


def types(entity: dict[str, Any]) -> set[str]:
    found = entity["@type"]
    return {found} if isinstance(found, str) else set(found)


def references(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [each["@id"] for each in values]


def test_the_descriptor_is_about_the_root_and_names_the_specification(
    graph: dict[str, dict[str, Any]],
) -> None:
    descriptor = graph["ro-crate-metadata.json"]
    assert types(descriptor) == {"CreativeWork"}
    assert references(descriptor["about"]) == ["./"]
    assert "https://w3id.org/ro/crate/1.1" in references(descriptor["conformsTo"])


def test_the_root_has_what_it_must(graph: dict[str, dict[str, Any]]) -> None:
    root = graph["./"]
    assert types(root) == {"Dataset"}
    for name in ("name", "description", "license"):
        assert isinstance(root[name], str)
        assert root[name]
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", root["datePublished"])
    profiles = references(root["conformsTo"])
    for wanted in ("process", "workflow"):
        (profile,) = (one for one in profiles if f"/wfrun/{wanted}/" in one)
        assert "CreativeWork" in types(graph[profile])
    for part in references(root["hasPart"]):
        assert types(graph[part]) & {"File", "Dataset"}


def test_files_are_parts_of_the_root_by_valid_relative_addresses(
    graph: dict[str, dict[str, Any]],
) -> None:
    files = {name for name, entity in graph.items() if "File" in types(entity)}
    assert files == set(references(graph["./"]["hasPart"]))
    assert {unquote(name) for name in files} == set(RESULTS)
    for name in graph:
        assert re.fullmatch(r"[\w.~:/?#\[\]@!$&'()*+,;=%-]+", name, flags=re.ASCII), name
        assert not re.search(r"%(?![0-9A-F]{2})", name)
    assert not any(urlparse(name).scheme or name.startswith("/") for name in files)


def test_the_main_workflow_has_its_types_and_its_language(
    graph: dict[str, dict[str, Any]],
) -> None:
    (name,) = references(graph["./"]["mainEntity"])
    workflow = graph[name]
    assert types(workflow) >= {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    (language,) = references(workflow["programmingLanguage"])
    assert "ComputerLanguage" in types(graph[language])
    # parameters are optional; where there are some they must be FormalParameters
    for side in ("input", "output"):
        for parameter in references(workflow.get(side, [])):
            assert "FormalParameter" in types(graph[parameter])


def test_the_run_is_an_action_of_the_main_workflow(graph: dict[str, dict[str, Any]]) -> None:
    runs = [graph[name] for name in references(graph["./"]["mentions"])]
    assert runs
    for run in runs:
        assert "CreateAction" in types(run)
        assert references(run["instrument"]) == references(graph["./"]["mainEntity"])
        named = [*references(run["object"]), *references(run["result"])]
        assert all(name in graph for name in named)
        assert {graph[name]["name"] for name in references(run["object"])} == set(INPUTS)
