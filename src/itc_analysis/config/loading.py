"""Settings from a YAML file, a frozen file or Snakemake, checked: every fault at once, in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from itc_analysis.config.sections import Section, Settings
from itc_analysis.errors import Fault, SettingsError, did_you_mean

#: Any pydantic model of the project: settings, plan, gating template.
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


#: Levels of a YAML file; ours have five.
_DEEPEST = 100


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file; a `SettingsError` says which line cannot be read, or which key is there
    twice.
    """
    import yaml

    # libyaml, where PyYAML was built with it, is six times faster.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = _decoded(path)
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # libyaml would run out of stack and take the process with it
                where = "" if event.start_mark is None else f"line {event.start_mark.line + 1}"
                fault = Fault(where, f"nested more than {_DEEPEST} levels deep", "look at brackets")
                raise SettingsError(str(path), [fault])
        if faults := _deceptive(yaml.compose(text, Loader=loader)):
            raise SettingsError(str(path), faults)
        return yaml.load(text, Loader=loader)
    except FileNotFoundError:
        raise SettingsError(
            str(path),
            "the file is not there; check the path, which starts from the folder you are in",
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else ""
        what = str(getattr(error, "problem", None) or error)
        fault = Fault(where, f"not valid YAML: {what}", "check indentation, colons and quotes")
        raise SettingsError(str(path), [fault]) from None


def _decoded(path: str | Path) -> str:
    """Return the text of a file; Snakemake reads the settings too, and knows UTF-8 only."""
    data = Path(path).read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        where = f"line {line}"
        fault = Fault(where, "not written in UTF-8", "save the file as UTF-8 in the text editor")
        raise SettingsError(str(path), [fault]) from None


#: Whole numbers that YAML 1.1 takes for octal, binary, hexadecimal, or minutes and seconds.
_NOT_AS_WRITTEN = re.compile(r"[-+]?0[0-9bxo_].*|.*:.*")


def _deceptive(root: Any) -> list[Fault]:
    """Return a fault for each key that a mapping has twice, of which YAML would keep the last, and
    for each number that YAML reads as another one.
    """
    import yaml

    found: dict[int, Fault] = {}
    seen: set[int] = set()  # an alias shows the same node in several places
    left = [root]
    while left:
        node = left.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        is_number = node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
        if is_number and _NOT_AS_WRITTEN.fullmatch(node.value) and "." not in node.value[:2]:
            line = node.start_mark.line + 1
            what = f"{node.value} is another number in YAML ({yaml.safe_load(node.value)})"
            remedy = "write a decimal number, or text in quotes"
            found[line] = Fault(f"line {line}", what, remedy)
        if not isinstance(node, yaml.MappingNode):
            continue
        lines: dict[str, list[int]] = {}
        for key, value in node.value:
            left.append(value)
            if isinstance(key, yaml.ScalarNode):
                lines.setdefault(key.value, []).append(key.start_mark.line + 1)
        for name, named in lines.items():
            if len(named) > 1:
                found[named[0]] = Fault(
                    f"lines {' and '.join(map(str, named))}",
                    f"'{name}' stands there {len(named)} times, and only the last would count",
                    "put all of it under one, or remove what is not meant",
                )
    return [found[line] for line in sorted(found)]


def _explain(model: type[BaseModel], item: Any) -> Fault:
    """Turn one pydantic error into a sentence, with the nearest known name."""
    parts = [str(part) for part in item["loc"]]
    where = ".".join(parts)
    if item["type"] == "extra_forbidden":
        known = _known_names(model, item["loc"][:-1])
        return Fault(where, f"unknown setting '{parts[-1]}'", did_you_mean(parts[-1], known))
    if item["type"] == "missing":
        return Fault(where, f"'{parts[-1]}' is missing", "add it")
    said = item["msg"].removeprefix("Value error, ")
    if item["type"] == "model_type":
        return Fault(where, "this is a section, and has settings below it", "indent them below it")
    value = item.get("input")
    shown = f" (found {value!r})" if isinstance(value, (str, int, float, bool)) else ""
    return Fault(where, said[:1].lower() + said[1:] + shown)


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
