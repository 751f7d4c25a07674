"""Merges a configuration from its layers (defaults, preset, file, `--set`), and explains what is wrong with it."""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, to_jsonable_python

from . import catalogue
from .config import Config, DataSection
from .errors import UsageError, did_you_mean


@dataclass
class Layer:
    """Values from one place, and for each dotted key where it was written."""

    values: dict[str, Any]
    origin: dict[str, str] = field(default_factory=dict)
    typed: bool = True
    """Written by the user, not brought by a preset."""


def from_file(path: Path, typed: bool = True) -> Layer:
    """Reads a YAML file.

    Raises:
        UsageError: If it is missing, is no YAML, or holds no mapping; with the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except FileNotFoundError:
        raise UsageError(f"--config {path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: can't be read as text: {error}.") from None
    except yaml.YAMLError as error:
        raise UsageError(f"--config {path}: is no valid YAML: {' '.join(str(error).split())}") from None
    if node is None:
        return Layer({}, typed=typed)
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{path}:1: expected sections such as 'training:' with keys below them.")
    return Layer(values, dict(_lines(node, path)), typed)


def _lines(node: yaml.MappingNode, path: Path, prefix: str = "") -> typing.Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for key, value in node.value:
        dotted = f"{prefix}{key.value}"
        if dotted in seen:
            raise UsageError(f"{path}:{key.start_mark.line + 1}: {dotted} stands twice; the first would be lost.")
        seen.add(dotted)
        yield dotted, f"{path}:{key.start_mark.line + 1}"
        if isinstance(value, yaml.MappingNode):
            yield from _lines(value, path, f"{dotted}.")


def from_assignment(assignment: str) -> Layer:
    """Reads one `section.key=value`, the value being YAML.

    Raises:
        UsageError: If it has another form.
    """
    dotted, equals, text = assignment.partition("=")
    parts = dotted.strip().split(".")
    if not equals or len(parts) != 2 or not all(parts):
        raise UsageError(f"--set {assignment}: expected section.key=value, such as --set training.epochs=5.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {assignment}: {text!r} is no valid YAML value.") from None
    return Layer({parts[0]: {parts[1]: value}}, {".".join(parts): f"--set {assignment}"})


def resolve(
    schema: type[Config],
    pipeline: str,
    preset: str | None = None,
    file: Path | None = None,
    assignments: typing.Sequence[str] = (),
) -> Config:
    """Merges defaults, preset, file and assignments, the later the stronger, and validates the whole.

    Raises:
        UsageError: With one line for each wrong key or value: the dotted key, where it was written, what was got,
            what is allowed, and the nearest right name.
    """
    typed = typed_layers(pipeline, file, assignments)
    preset = preset or typed.preset or catalogue.DEFAULT_PRESET
    catalogue.check(pipeline, preset)
    base = from_file(catalogue.presets(pipeline)[preset], typed=False)
    return merge(schema, {"pipeline": pipeline, "preset": preset}, [base, *typed.layers])


@dataclass
class Typed:
    """What a user wrote: the layers, and the preset that the file names, if any."""

    layers: list[Layer]
    preset: str | None = None

    def keys(self) -> set[tuple[str, str]]:
        """Every section and key written."""
        return {
            (section, key)
            for layer in self.layers
            for section, keys in layer.values.items()
            if isinstance(keys, dict)
            for key in keys
        }


def typed_layers(pipeline: str, file: Path | None, assignments: typing.Sequence[str]) -> Typed:
    """Reads the user's file and assignments.

    A file may carry the two header keys `pipeline` and `preset`, so that a run's own config.yaml can be given again.
    """
    typed = Typed([from_file(file)] if file else [])
    for layer in typed.layers:
        written_for = catalogue.canonical(layer.values.pop("pipeline", pipeline))
        if written_for != pipeline:
            where = layer.origin["pipeline"]
            raise UsageError(f"{where}: this configuration is for the pipeline {written_for!r}, not for {pipeline!r}.")
        typed.preset = layer.values.pop("preset", None)
        known = catalogue.presets(pipeline)
        if typed.preset is not None and typed.preset not in map(str, known):
            where = layer.origin["preset"]
            raise UsageError(f"{where}: there is no preset {typed.preset!r}. {did_you_mean(str(typed.preset), known)}")
    typed.layers += [from_assignment(assignment) for assignment in assignments]
    return typed


def merge(schema: type[Config], header: dict[str, str], layers: typing.Sequence[Layer]) -> Config:
    """Validates the merged layers; keys that the chosen source does not use are dropped or, if typed, refused."""
    values: dict[str, Any] = dict(header)
    for layer in layers:
        for section, keys in layer.values.items():
            if isinstance(keys, dict) and isinstance(values.get(section), dict):
                values[section] = values[section] | keys
            else:
                values[section] = dict(keys) if isinstance(keys, dict) else keys
    origin: dict[str, str] = {}
    for key, where in (item for layer in layers for item in layer.origin.items()):
        origin.pop(key, None)  # so that the last one written stands last
        origin[key] = where
    _drop_unused(schema, values, layers)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        lines = [_explain(schema, details, origin) for details in error.errors(include_url=False)]
        raise UsageError("\n".join(lines)) from None


def _drop_unused(schema: type[Config], values: dict[str, Any], layers: typing.Sequence[Layer]) -> None:
    section = schema.model_fields["data"].annotation
    data = values.get("data", {})
    if not (isinstance(section, type) and issubclass(section, DataSection) and isinstance(data, dict)):
        return
    source = data.get("source", section.model_fields["source"].default)
    if source not in list(typing.get_args(section.model_fields["source"].annotation)):
        return  # the schema says what is wrong with it
    for key in [key for key in data if source not in section.only_for.get(key, {source})]:
        for layer in layers:
            mine = layer.values.get("data")
            if not (layer.typed and isinstance(mine, dict) and key in mine):
                continue
            default = section.model_fields[key].default
            if to_jsonable_python(mine[key]) != to_jsonable_python(default):  # as a run's config.yaml has it
                users = " or ".join(sorted(section.only_for[key]))
                raise UsageError(
                    f"data.{key} ({layer.origin[f'data.{key}']}): the source {source!r} does not use it; "
                    f"it belongs to data.source={users}."
                )
        del data[key]


def _explain(schema: type[BaseModel], details: ErrorDetails, origin: dict[str, str]) -> str:
    keys = [str(part) for part in details["loc"]]
    dotted = ".".join(keys)
    below = [origin[key] for key in origin if not keys or f"{key}.".startswith(f"{'.'.join(keys[:2])}.")]
    where = below[-1] if below else None
    place = f"{dotted} ({where})" if where else dotted
    match details["type"]:
        case "extra_forbidden":
            return f"{place}: there is no such key. {did_you_mean(keys[-1], _keys_beside(schema, keys))}"
        case "literal_error":
            hint = did_you_mean(str(details["input"]), _literals(details["ctx"]["expected"]))
            return f"{place}: {details['input']!r} is not allowed. {hint}"
        case "together" if not keys:
            return f"{details['msg']} ({where})." if where else f"{details['msg']}."
        case "together":
            return f"{place}: {details['msg']}."
        case "missing":
            return f"{place}: is needed and was not given."
        case "model_type":
            return f"{place}: expected keys and values below it, got {details['input']!r}."
        case _:
            return f"{place}: {details['input']!r} is not allowed: {details['msg'].rstrip('.')}."


def _keys_beside(schema: type[BaseModel], keys: list[str]) -> list[str]:
    for key in keys[:-1]:
        schema = typing.cast(type[BaseModel], schema.model_fields[key].annotation)
    return [name for name in schema.model_fields if name not in ("pipeline", "preset")]


def _literals(expected: str) -> list[str]:
    """Pydantic's "'a', 'b' or 'c'" as a list."""
    return [part.strip().strip("'") for part in expected.replace(" or ", ",").split(",") if part.strip()]
