"""A configuration whose sections hold sections, from every place that a user can write it in."""

import dataclasses
import json
from types import SimpleNamespace

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import PositiveInt

from keras_recurrent.pipelines.core import catalogue, runs
from keras_recurrent.pipelines.core import settings as merging
from keras_recurrent.pipelines.core.cell_options import LayerOptions
from keras_recurrent.pipelines.core.cells import CellName
from keras_recurrent.pipelines.core.config import Config, DataSection, Section


class Attention(Section):
    """Where a network looks."""

    units: PositiveInt = 8
    """Units of the attention."""
    heads: PositiveInt = 1
    """Number of heads."""


class Network(Section):
    """One of two networks."""

    cell: CellName = "lstm"
    """Its cell."""
    units: PositiveInt = 16
    """Its units."""
    options: LayerOptions = {}
    """Options of its cell."""
    attention: Attention = Attention()
    """Its attention."""


class Model(Section):
    """Two networks."""

    encoder: Network = Network(units=64, attention=Attention(heads=4))
    """The first network."""
    decoder: Network = Network()
    """The second network."""
    bridge: Attention | None = None
    """What stands between them, if anything."""


class Shape(Section):
    """One of several things in a list."""

    kind: str
    """Which kind."""


class Data(DataSection):
    """The data."""

    source: str = "sample"
    """Which source."""
    shapes: tuple[Shape, ...] = ()
    """A list of sections."""


class Nested(Config):
    """The configuration."""

    data: Data = Data()
    model: Model = Model()


PRESET = """# A nested preset
data: {source: sample}
model:
  encoder: {units: 32, options: {zoneout: 0.1}}
"""


@pytest.fixture(autouse=True)
def nested(monkeypatch, tmp_path):
    """Fixture: the pipeline mnist_rows has the nested configuration, and one preset."""
    preset = tmp_path / "sample.yaml"
    preset.write_text(PRESET)
    pipeline = dataclasses.replace(catalogue.load("mnist_rows"), config=Nested)
    monkeypatch.setattr(catalogue, "load", lambda name: pipeline)
    monkeypatch.setattr(catalogue, "presets", lambda name: {"sample": preset})
    return pipeline


def show(cli, *arguments):
    result = cli("show", "mnist_rows", *arguments)
    assert result.exit_code == 0, result.stderr
    return yaml.safe_load(result.stdout)


def assigned(*assignments):
    return [part for each in assignments for part in ("--set", each)]


def test_the_later_layer_wins_at_every_depth(cli, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("model:\n  encoder:\n    units: 33\n  decoder:\n    attention: {units: 5}\n")
    assert show(cli)["model"]["encoder"]["units"] == 32
    model = show(cli, "--config", file)["model"]
    assert (model["encoder"]["units"], model["encoder"]["options"]) == (33, {"zoneout": 0.1})
    assert model["decoder"] == {"cell": "lstm", "units": 16, "options": {}, "attention": {"units": 5, "heads": 1}}
    more = assigned("model.decoder.attention.units=6", "model.encoder.units=44")
    model = show(cli, *more, "--config", file)["model"]
    assert model["decoder"]["attention"] == {"units": 6, "heads": 1}
    assert model["encoder"]["units"] == 44


def test_what_nobody_wrote_keeps_the_default_of_its_place(cli):
    """The encoder's default is another one than that of its class."""
    model = show(cli, *assigned("model.encoder.cell=gru", "model.encoder.attention.units=3"))["model"]
    assert model["encoder"]["attention"] == {"units": 3, "heads": 4}
    assert model["decoder"]["attention"] == {"units": 8, "heads": 1}


ENCODER = "model.encoder"
TWICE = {
    "a mapping is merged into a section": (
        [f"{ENCODER}={{units: 3, attention: {{units: 2}}}}"],
        {"units": 3, "attention": {"units": 2, "heads": 4}, "options": {"zoneout": 0.1}},
    ),
    "a mapping for the top section": (["model={encoder: {units: 3}}"], {"units": 3}),
    "a key after its section": (
        [f"{ENCODER}={{units: 3, cell: gru}}", f"{ENCODER}.units=4"],
        {"units": 4, "cell": "gru"},
    ),
    "a section after its key": ([f"{ENCODER}.units=4", f"{ENCODER}={{cell: gru}}"], {"units": 4, "cell": "gru"}),
    "both name the key": ([f"{ENCODER}.units=4", f"{ENCODER}={{units: 3}}"], {"units": 3}),
    "a mapping takes the place of options": ([f"{ENCODER}.options={{seed: 1}}"], {"options": {"seed": 1}}),
    "a key is added to options": ([f"{ENCODER}.options.seed=1"], {"options": {"zoneout": 0.1, "seed": 1}}),
    "options after one of them": (
        [f"{ENCODER}.options.seed=1", f"{ENCODER}.options={{dropout: 0.5}}"],
        {"options": {"dropout": 0.5}},
    ),
    "one of the options after them": (
        [f"{ENCODER}.options={{dropout: 0.5}}", f"{ENCODER}.options.seed=1"],
        {"options": {"dropout": 0.5, "seed": 1}},
    ),
    "no options": ([f"{ENCODER}.options={{}}"], {"options": {}}),
}


@pytest.mark.parametrize("name", TWICE)
def test_of_two_assignments_the_later_wins(cli, name):
    assignments, expected = TWICE[name]
    found = show(cli, *assigned(*assignments))["model"]["encoder"]
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (["model.bridge.units=3"], {"units": 3, "heads": 1}),
        (["model.bridge.units=3", "model.bridge=null"], None),
        (["model.bridge=null", "model.bridge.heads=2"], {"units": 8, "heads": 2}),
        (["model.bridge={}"], {"units": 8, "heads": 1}),
    ],
)
def test_a_section_that_may_be_left_out(cli, assignments, expected):
    assert show(cli, *assigned(*assignments))["model"]["bridge"] == expected


def test_a_list_of_sections_is_one_value(cli):
    shapes = assigned("data.shapes=[{kind: round}, {kind: long}]", "data.shapes=[{kind: flat}]")
    assert show(cli, *shapes)["data"]["shapes"] == [{"kind": "flat"}]


REFUSED = {
    "key": (["model.decoder.unist=3"], ["model.decoder.unist (--set model.decoder.unist=3)", "Did you mean 'units'?"]),
    "key of a mapping": (
        ["model.decoder={attention: {haeds: 3}}"],
        ["model.decoder.attention.haeds (--set model.decoder={attention", "'heads'? Known: heads, units."],
    ),
    "section": (
        ["model.encodr.units=3"],
        ["model.encodr (--set model.encodr.units=3)", "Did you mean 'encoder'? Known: bridge, decoder, encoder."],
    ),
    "value": (
        ["model.decoder.attention.units=0", "model.decoder.units=7"],
        ["model.decoder.attention.units (--set model.decoder.attention.units=0): 0", "greater than 0"],
    ),
    "value for a section": (
        ["model.decoder=lstm"],
        ["model.decoder (--set model.decoder=lstm): expected keys", "'lstm'"],
    ),
    "keys for a value": (["model.decoder.units.x=3"], ["model.decoder.units (--set", "expected a value", "x"]),
    "key of an optional section": (["model.bridge.head=2"], ["model.bridge.head (--set", "Did you mean 'heads'?"]),
    "key in a list": (["data.shapes=[{kid: a}]"], ["data.shapes.0.kid (--set data.shapes=", "Did you mean 'kind'?"]),
    "missing in a list": (["data.shapes=[{}]"], ["data.shapes.0.kind (--set data.shapes=[{}])", "needed"]),
    "option": (
        ["model.encoder.options.zoneot=0.2"],
        ["model.encoder.options.zoneot (--set model.encoder.options.zoneot=0.2)", "Did you mean 'zoneout'?"],
    ),
    "the last of several": (
        ["model.decoder.units=0", "model.decoder.units=-1"],
        ["model.decoder.units (--set model.decoder.units=-1): -1"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_assignment(refused, name):
    assignments, words = REFUSED[name]
    refused(2, words, "show", "mnist_rows", *assigned(*assignments))


def test_a_wrong_file_is_told_with_its_lines(refused, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "model:\n  decoder:\n    attention:\n      haeds: 3\n    units: 0\n  encoder:\n    options:\n      seed: 1\n"
        "      zoneot: 2\n"
    )
    words = [
        f"model.decoder.attention.haeds ({file}:4)",
        "Did you mean 'heads'?",
        f"model.decoder.units ({file}:5)",
        f"model.encoder.options.zoneot ({file}:9)",
    ]
    refused(2, words, "show", "mnist_rows", "--config", file)
    file.write_text("model:\n  decoder:\n    units: 3\n    units: 4\n")
    refused(2, [f"{file}:4", "model.decoder.units stands twice"], "show", "mnist_rows", "--config", file)


def test_a_file_and_an_assignment_at_one_key(refused, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("model:\n  decoder:\n    units: 0\n")
    said = refused(
        2, ["(--set model.decoder.units=-1)"], "show", "mnist_rows", "--config", file, "--set", "model.decoder.units=-1"
    )
    assert str(file) not in said.stderr


CHANGES = ["model.decoder.attention.units=3", "model.bridge.heads=2", "model.encoder.options={kernel_regularizer: l2}"]


def test_what_is_shown_can_be_given_again(cli, tmp_path):
    first = cli("show", "mnist_rows", *assigned(*CHANGES))
    file = tmp_path / "config.yaml"
    file.write_text(first.stdout)
    again = cli("show", "mnist_rows", "--config", file)
    assert again.exit_code == 0, again.stderr
    assert again.stdout == first.stdout


def test_the_schema_fits_what_is_shown(cli):
    schema = json.loads(cli("show", "mnist_rows", "--schema").stdout)
    shown = show(cli, *assigned(*CHANGES))
    jsonschema.validate(shown, schema)
    assert schema["$defs"]["Attention"]["properties"]["heads"]["description"] == "Number of heads."
    for path in (["model", "decoder"], ["model", "decoder", "attention"], ["model", "bridge"]):
        wrong = json.loads(json.dumps(shown))
        section = wrong
        for key in path:
            section = section[key]
        section["untis"] = 3
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_resume_refuses_other_nested_settings(refused, nested, tmp_path):
    chosen = merging.resolve(Nested, "mnist_rows", assignments=CHANGES)
    runs.create(tmp_path / "mnist_rows/mine", nested, chosen)
    resumed = ["train", "mnist_rows", "--output", tmp_path, "--name", "mine", "--resume"]
    words = ["model.decoder.attention.units=4 (the run has 3)", "model.bridge.units=9 (the run has 8)"]
    said = refused(
        2, words, *resumed, *assigned(CHANGES[1], "model.decoder.attention.units=4", "model.bridge={units: 9}")
    )
    assert "heads" not in said.stderr
    refused(2, ["model.encoder.options={} (the run has {'kernel_"], *resumed, "--set", "model.encoder.options={}")
    refused(2, ["model.encoder.options.seed=1 (the run has None)"], *resumed, "--set", "model.encoder.options.seed=1")
    refused(2, ["model.bridge=None (the run has {'units': 8"], *resumed, "--set", "model.bridge=null")


def test_resume_accepts_the_same_nested_settings(cli, monkeypatch, nested, tmp_path):
    from keras_recurrent.pipelines.cli import verbs

    chosen = merging.resolve(Nested, "mnist_rows", assignments=CHANGES)
    runs.create(tmp_path / "mnist_rows/mine", nested, chosen)
    resumed = []
    monkeypatch.setattr(verbs, "load", lambda pipeline, config, console: SimpleNamespace(config=config))
    monkeypatch.setattr(verbs, "_train", lambda run, data, console: resumed.append(run.config))
    typed = [*assigned(*CHANGES), "--config", tmp_path / "mnist_rows/mine/config.yaml"]
    result = cli("train", "mnist_rows", "--output", tmp_path, "--name", "mine", "--resume", *typed)
    assert result.exit_code == 0, result.stderr
    assert resumed == [chosen]


numbers = st.integers(1, 99)
attention = st.fixed_dictionaries({}, optional={"units": numbers, "heads": numbers})
network = st.fixed_dictionaries({}, optional={"units": numbers, "attention": attention})
written = st.fixed_dictionaries({}, optional={"encoder": network, "decoder": network})


def flat(values, path=()):
    """Every number below sections, by its path."""
    for key, value in values.items():
        yield from flat(value, (*path, key)) if isinstance(value, dict) else [((*path, key), value)]


@settings(max_examples=50)
@given(st.lists(written, max_size=4), st.randoms(use_true_random=False))
def test_any_sequence_of_assignments_keeps_the_last_of_each_key(layers, random):
    """However a layer is written: as one mapping, or key by key."""
    expected, assignments = {}, []
    for layer in layers:
        expected |= dict(flat(layer))
        if random.random() < 0.5:
            assignments.append(f"model={json.dumps(layer)}")
        else:
            assignments += [f"model.{'.'.join(path)}={value}" for path, value in flat(layer)]
    model = merging.resolve(Nested, "mnist_rows", assignments=assignments).model_dump()["model"]
    found = dict(flat({name: model[name] for name in ("encoder", "decoder")}))
    assert {path: found[path] for path in expected} == expected
