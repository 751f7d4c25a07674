"""Merges a configuration from its layers (defaults, preset, file, `--set`) and explains its errors."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, field
from functools import reduce
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
    """Settings from one place: a whole file, or the value of one `--set` at its path."""

    value: Any
    origin: dict[str, str] = field(default_factory=dict)
    """The place where each dotted key was written."""
    typed: bool = True
    """Whether the user wrote the layer; a preset's layer is not typed."""
    path: tuple[str, ...] = ()
    """Path of the value in the configuration; empty, the root, for a file."""

    @property
    def values(self) -> Any:
        """The value, nested from the root."""
        values = self.value
        for key in reversed(self.path):
            values = {key: values}
        return values


def from_file(path: Path, typed: bool = True) -> Layer:
    """Reads a YAML file.

    Raises:
        UsageError: If the file is missing, is not valid YAML, or holds no mapping; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except FileNotFoundError:
        raise UsageError(f"--config {path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: can't be read as text: {error}.") from None
    except (yaml.YAMLError, ValueError) as error:  # a date such as 2020-13-01 raises ValueError
        raise UsageError(f"--config {path}: is not valid YAML: {' '.join(str(error).split())}") from None
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
    """Reads one `section.key=value` at any depth, where the value is YAML; or `section={key: value}`.

    Raises:
        UsageError: If the assignment has another form.
    """
    dotted, equals, text = assignment.partition("=")
    path = tuple(dotted.strip().split("."))
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        raise UsageError(f"--set {assignment}: {text!r} is not a valid YAML value.") from None
    if not equals or not all(path) or (len(path) == 1 and not isinstance(value, dict)):
        raise UsageError(f"--set {assignment}: expected section.key=value, such as --set training.epochs=5.")
    return Layer(value, dict.fromkeys(_dotted(path, value), f"--set {assignment}"), path=path)


def _dotted(path: tuple[str, ...], value: Any) -> typing.Iterator[str]:
    """The dotted keys of a value and of everything in it."""
    yield ".".join(path)
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _dotted((*path, str(key)), below)


def resolve(
    schema: type[Config],
    pipeline: str,
    preset: str | None = None,
    file: Path | None = None,
    assignments: typing.Sequence[str] = (),
) -> Config:
    """Merges defaults, preset, file and assignments, later layers over earlier ones, and validates the result.

    Raises:
        UsageError: If any key or value is wrong; one line for each gives the dotted key, its place, the value found,
            the values allowed, and the nearest right name.
    """
    typed = typed_layers(pipeline, file, assignments)
    preset = preset or typed.preset or catalogue.DEFAULT_PRESET
    catalogue.check(pipeline, preset)
    base = from_file(catalogue.presets(pipeline)[preset], typed=False)
    return merge(schema, {"pipeline": pipeline, "preset": preset}, [base, *typed.layers])


@dataclass
class Typed:
    """The user's settings: the layers, and the preset that the file names, if any."""

    layers: list[Layer]
    preset: str | None = None

    def keys(self, schema: type[Config]) -> set[tuple[str, ...]]:
        """The path of every key that the user wrote, down to the first value that is not a section."""
        root: type[BaseModel] | None = schema
        return {
            (*layer.path, *path)
            for layer in self.layers
            for path in _paths(reduce(_section, layer.path, root), layer.value)
        }


def _paths(section: type[BaseModel] | None, values: Any) -> typing.Iterator[tuple[str, ...]]:
    if section is None or not isinstance(values, dict):
        yield ()
        return
    for key, value in values.items():
        yield from ((key, *path) for path in _paths(_section(section, key), value))


def typed_layers(pipeline: str, file: Path | None, assignments: typing.Sequence[str]) -> Typed:
    """Reads the user's file and assignments.

    A file may contain the two header keys `pipeline` and `preset`, so that a run's own config.yaml can be reused.
    """
    typed = Typed([from_file(file)] if file else [])
    for layer in typed.layers:
        written_for = catalogue.canonical(layer.value.pop("pipeline", pipeline))
        if written_for != pipeline:
            where = layer.origin["pipeline"]
            raise UsageError(f"{where}: this configuration is for the pipeline {written_for!r}, not for {pipeline!r}.")
        typed.preset = layer.value.pop("preset", None)
        known = catalogue.presets(pipeline)
        if typed.preset is not None and typed.preset not in map(str, known):
            where = layer.origin["preset"]
            raise UsageError(f"{where}: there is no preset {typed.preset!r}. {did_you_mean(str(typed.preset), known)}")
    typed.layers += [from_assignment(assignment) for assignment in assignments]
    return typed


def merge(schema: type[Config], header: dict[str, str], layers: typing.Sequence[Layer]) -> Config:
    """Merges and validates the layers; drops keys that the chosen source does not use, or refuses them if typed."""
    values: dict[str, Any] = dict(header)
    for layer in layers:
        values = _written(schema, values, layer.path, layer.value)
    origin: dict[str, str] = {}
    for key, where in (item for layer in layers for item in layer.origin.items()):
        origin.pop(key, None)  # so that the last one written comes last
        origin[key] = where
    _drop_unused(schema, values, layers)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        lines = [_explain(schema, details, origin) for details in error.errors(include_url=False)]
        raise UsageError("\n".join(lines)) from None


def _written(section: type[BaseModel] | None, old: Any, path: tuple[str, ...], value: Any) -> Any:
    """The old value, with a new value at a path below it.

    A mapping merges into a section key by key. Anything else replaces the old value: a mapping that is the value of a
    key as a whole, and keys below a value that had none.
    """
    if path:
        parts = [(path[0], path[1:], value)]
    elif section is not None and isinstance(value, dict):
        parts = [(key, (), each) for key, each in value.items()]
    else:
        return value
    new = dict(old) if isinstance(old, dict) else {}
    for key, rest, each in parts:
        below = new[key] if key in new else _default(section, key)
        new[key] = _written(_section(section, key), below, rest, each)
    return new


def _default(section: type[BaseModel] | None, key: str) -> Any:
    """The default of a key, in a form to which keys below it can be written."""
    if section is None or key not in section.model_fields:
        return None
    default = section.model_fields[key].get_default(call_default_factory=True)
    return default.model_dump(exclude_unset=True) if isinstance(default, BaseModel) else default


def _section(section: type[BaseModel] | None, key: str) -> type[BaseModel] | None:
    """The section at a key of another section, or None."""
    if section is None or key not in section.model_fields:
        return None
    kind = section.model_fields[key].annotation
    kinds = [each for each in (kind, *typing.get_args(kind)) if isinstance(each, type) and issubclass(each, BaseModel)]
    union = typing.get_origin(kind) in (None, typing.Union, types.UnionType)
    return kinds[0] if union and len(kinds) == 1 else None


def _drop_unused(schema: type[Config], values: dict[str, Any], layers: typing.Sequence[Layer]) -> None:
    section = schema.model_fields["data"].annotation
    data = values.get("data", {})
    if not (isinstance(section, type) and issubclass(section, DataSection) and isinstance(data, dict)):
        return
    source = data.get("source", section.model_fields["source"].default)
    if source not in list(typing.get_args(section.model_fields["source"].annotation)):
        return  # the validation of the schema reports it
    for key in [key for key in data if source not in section.only_for.get(key, {source})]:
        for layer in layers:
            mine = layer.values.get("data")
            if not (layer.typed and isinstance(mine, dict) and key in mine):
                continue
            default = section.model_fields[key].default
            if to_jsonable_python(mine[key]) != to_jsonable_python(default):  # a run's config.yaml repeats defaults
                users = " or ".join(sorted(section.only_for[key]))
                raise UsageError(
                    f"data.{key} ({_where(['data', key], layer.origin)}): the source {source!r} does not use it; "
                    f"it belongs to data.source={users}."
                )
        del data[key]


def _explain(schema: type[BaseModel], details: ErrorDetails, origin: dict[str, str]) -> str:
    keys = [str(part) for part in details["loc"]]
    if details["type"] == "option":
        keys.append(details["ctx"]["key"])
    where = _where(keys, origin)
    place = f"{'.'.join(keys)} ({where})" if where else ".".join(keys)
    match details["type"]:
        case "extra_forbidden":
            return f"{place}: there is no such key. {did_you_mean(keys[-1], _keys_beside(schema, keys))}"
        case "literal_error":
            hint = did_you_mean(str(details["input"]), _literals(details["ctx"]["expected"]))
            return f"{place}: {details['input']!r} is not allowed. {hint}"
        case "together" if not keys:
            return f"{details['msg']} ({where})." if where else f"{details['msg']}."
        case "together" | "option" | "plain":
            return f"{place}: {details['msg'].rstrip('.')}."
        case "missing":
            return f"{place}: is needed and was not given."
        case "model_type" | "dict_type":
            return f"{place}: expected keys and values below it, got {details['input']!r}."
        case _ if isinstance(details["input"], dict):
            return f"{place}: expected a value, got keys below it: {', '.join(map(str, details['input']))}."
        case _:
            return f"{place}: {details['input']!r} is not allowed: {details['msg'].rstrip('.')}."


def _where(keys: list[str], origin: dict[str, str]) -> str | None:
    """The place where a key, or a key below it, was written last; else the place of the nearest written key above."""
    dotted = ".".join(keys)
    if below := [origin[key] for key in origin if not keys or f"{key}.".startswith(f"{dotted}.")]:
        return below[-1]
    above = [".".join(keys[:end]) for end in range(len(keys) - 1, 0, -1)]
    return next((origin[key] for key in above if key in origin), None)


def _keys_beside(schema: type[BaseModel], keys: list[str]) -> list[str]:
    """The known keys at the level of the last key; indices of lists and names of their kinds do not count as levels."""
    models = [schema]
    for key in keys[:-1]:
        kinds = [model.model_fields[key].annotation for model in models if key in model.model_fields]
        models = [model for kind in kinds for model in _models(kind)] or models
    return [name for model in models for name in model.model_fields if name not in ("pipeline", "preset")]


def _models(kind: Any) -> list[type[BaseModel]]:
    """The sections that a type names, at any depth."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in typing.get_args(kind) for model in _models(part)]


def _literals(expected: str) -> list[str]:
    """Pydantic's "'a', 'b' or 'c'" as a list."""
    return [part.strip().strip("'") for part in expected.replace(" or ", ",").split(",") if part.strip()]
