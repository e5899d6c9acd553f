"""Frozen settings: a file per step, named by its content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from itc_analysis.config.loading import AnySection, load_settings, validate
from itc_analysis.config.sections import Section, Settings
from itc_analysis.config.steps import STEPS
from itc_analysis.errors import SettingsError
from itc_analysis.whole_files import write_text


def freeze_step(settings: Settings, step: str, folder: str | Path) -> str:
    """Write the settings that a step reads, and no others, and return the path.

    Parameters
    ----------
    settings : Settings
        All settings of the study.
    step : str
        A rule of the workflow, a key of `steps.STEPS`.
    folder : str or Path
        Where the file is written; its name holds a digest of its content.
    """
    return freeze(cut(settings, STEPS[step]), folder, step)


def freeze(
    data: Section | list[dict[str, Any]] | dict[str, Any], folder: str | Path, name: str
) -> str:
    """Write `data` to ``folder/name-<hash of its content>.json`` and return that path.

    The path is a Snakemake parameter: an edited setting changes the path and so reruns exactly
    the rules that read it; a comment in config.yaml changes nothing.
    """
    plain = data.model_dump(mode="json") if isinstance(data, BaseModel) else data
    text = json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = Path(folder) / f"{name}-{digest}.json"
    if not path.exists():
        write_text(path, text)
    return path.as_posix()


def read_settings(path: str | Path, model: type[AnySection]) -> AnySection:
    """Read what a step reads, from a frozen file or from a whole config.yaml when run by hand.

    Raises
    ------
    SettingsError
        The file is not there, cannot be read, or holds an unknown or impossible setting.
    """
    source = Path(path)
    if source.suffix == ".json":
        return validate(model, _read_json(source), str(path))
    return cut(load_settings(source), model)


def cut(settings: Settings, model: type[AnySection]) -> AnySection:
    """Return the part of all settings that `model` holds, section by section."""
    parts = {}
    for name, field in model.model_fields.items():
        wanted = type(field.default).model_fields
        section = getattr(settings, name)
        parts[name] = {setting: getattr(section, setting) for setting in wanted}
    return model.model_validate(parts)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            str(path),
            "the file is not there; check the path, which starts from the folder you are in",
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"not valid JSON: {error}") from None
