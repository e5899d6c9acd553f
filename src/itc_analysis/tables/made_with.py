"""Settings that an earlier step worked with, read from the provenance of its tables.

A step sees only its own section of the settings. Where it must agree with an earlier step (how
many events are enough for a phenotype), it asks the tables themselves, so that the two cannot
drift apart.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from itc_analysis.config.sections import Section
from itc_analysis.errors import Fault, ItcError
from itc_analysis.tables.contract import read_provenance

logger = logging.getLogger(__name__)


def setting_of(paths: Iterable[str | Path], name: str, section: type[Section]) -> Any:
    """Return the value of setting `name` that all of `paths` were made with.

    Parameters
    ----------
    paths : iterable of (str or Path)
        Parquet tables written with `contract.write`; none is allowed.
    name : str
        a setting of `section`, e.g. ``"min_phenotype_events"``.
    section : type of Section
        gives the default for tables whose provenance does not hold the setting; the log then says
        so.

    Raises
    ------
    ItcError
        two tables were made with different values; naming both.
    """
    found: dict[Any, str] = {}
    for path in paths:
        value = _look_up(read_provenance(path).get("parameters", {}), name)
        if value is None:
            logger.warning("%s does not say its %s: the default is used", Path(path).name, name)
            value = section.model_fields[name].default
        found.setdefault(value, str(path))
    if len(found) > 1:
        faults = [
            Fault(path, f"made with {name} = {value}", "run the step again for all batches")
            for value, path in found.items()
        ]
        source = "tables made with different settings"
        raise ItcError(source, faults)
    return next(iter(found), section.model_fields[name].default)


def _look_up(parameters: dict[str, Any], name: str) -> Any:
    """Return a setting from the parameters, whether they hold one section or several."""
    if name in parameters:
        return parameters[name]
    inner = [
        value[name] for value in parameters.values() if isinstance(value, dict) and name in value
    ]
    return inner[0] if inner else None
