"""RO-Crate of a results folder, by the profile of workflow runs (Workflow Run RO-Crate 0.5).

Written by hand: a dictionary in JSON-LD. No clock: its one date is given.
doi:10.1371/journal.pone.0309210
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from itc_analysis.tables.registry import FILES

CRATE = "ro-crate-metadata.json"
#: Where the workflow is copied to, below the results folder.
WORKFLOW = "workflow"
_SNAKEFILE = f"{WORKFLOW}/Snakefile"
_CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
]
_PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
_FORMATS = {
    ".parquet": "application/vnd.apache.parquet",
    ".html": "text/html",
    ".json": "application/json",
    ".tsv": "text/tab-separated-values",
    ".xml": "application/xml",
    ".h5ad": "application/x-hdf5",
}


def make_crate(
    inputs: Mapping[str, str],
    results: Mapping[str, tuple[str, int]],
    *,
    name: str,
    simulated: str | None,
    date: str,
    software: str,
) -> str:
    """Return the text of ro-crate-metadata.json.

    Parameters
    ----------
    inputs : mapping
        SHA-256 of each input by name; they lie outside of the crate.
    results : mapping
        SHA-256 and size in bytes of each file of the results folder, the workflow included.
    name : str
        of the study.
    simulated : str or None
        the scenario of a simulated study.
    date : str
        day on which the crate counts as published, ISO 8601; the specification asks for one.
    software : str
        version of itc_analysis.
    """
    outputs = [file for file in results if not file.startswith(f"{WORKFLOW}/")]
    note = f" Simulated data ({simulated}): nothing was measured in people." if simulated else ""
    graph: list[dict[str, Any]] = [
        {
            "@id": CRATE,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [
                {"@id": "https://w3id.org/ro/crate/1.1"},
                {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
            ],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"{name}: results of itc_analysis",
            "description": "Innate T cells of a cohort: tables, gates and report of one run of "
            f"the workflow.{note}",
            "license": "Results belong to the study; ask its investigators.",
            "conformsTo": [{"@id": address} for address, _, _ in _PROFILES],
            "hasPart": _references(results),
            "mainEntity": {"@id": _SNAKEFILE},
            "mentions": {"@id": "#run"},
            "datePublished": date,
        },
        *(
            {"@id": address, "@type": "CreativeWork", "name": title, "version": version}
            for address, title, version in _PROFILES
        ),
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": f"Run of itc_analysis {software}",
            "instrument": {"@id": _SNAKEFILE},
            "object": [{"@id": _input_id(name)} for name in sorted(inputs)],
            "result": _references(outputs),
        },
        {
            "@id": "#snakemake",
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "url": {"@id": "https://snakemake.github.io"},
        },
        {
            "@id": "#itc_analysis",
            "@type": "SoftwareApplication",
            "name": "itc_analysis",
            "softwareVersion": software,
        },
        *(
            {"@id": _input_id(name), "@type": "CreativeWork", "name": name, "sha256": digest}
            for name, digest in sorted(inputs.items())
        ),
        *(_file(file, *results[file], software) for file in sorted(results)),
    ]
    whole = {"@context": _CONTEXT, "@graph": graph}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _file(path: str, digest: str, size: int, software: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "@id": quote(path),
        "@type": "File",
        "name": path,
        "sha256": digest,
        "contentSize": str(size),
    }
    if path == _SNAKEFILE:
        found |= {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "Workflow of itc_analysis",
            "version": software,
            "programmingLanguage": {"@id": "#snakemake"},
            "softwareRequirements": {"@id": "#itc_analysis"},
        }
    ending = PurePosixPath(path).suffix
    if ending in _FORMATS:
        found["encodingFormat"] = _FORMATS[ending]
    sentence = next((f.sentence for f in FILES if _is_of(path, f.path)), "")
    return found | ({"description": sentence} if sentence else {})


def _is_of(path: str, pattern: str) -> bool:
    """Tell whether a path is one of a file of the registry, or lies in a folder of it."""
    parts, own = PurePosixPath(path).parts, PurePosixPath(pattern).parts
    return len(parts) >= len(own) and all(
        part == wanted or wanted.startswith("{") for part, wanted in zip(parts, own, strict=False)
    )


def _references(paths: Sequence[str] | Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"@id": quote(path)} for path in sorted(paths)]


def _input_id(name: str) -> str:
    return f"#input/{quote(name)}"
