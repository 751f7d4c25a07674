"""The configuration: what wins over what, and that it survives being written and read."""

import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_recurrent.pipelines.core import settings as merging
from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.mnist_rows import RowsConfig

SECTIONS = {
    name: field.annotation for name, field in RowsConfig.model_fields.items() if name not in ("pipeline", "preset")
}
KEYS = {(section, key) for section, schema in SECTIONS.items() for key in schema.model_fields}


def resolve(*assignments, file=None):
    return merging.resolve(RowsConfig, "mnist_rows", file=file, assignments=assignments)


def shown(cli, *arguments):
    result = cli("show", "mnist_rows", *arguments)
    assert result.exit_code == 0, result.stderr
    return yaml.safe_load(result.stdout)


def test_the_later_layer_wins(cli, tmp_path):
    """Defaults, preset, file, assignments, seed."""
    file = tmp_path / "mine.yaml"
    file.write_text("model: {units: 33, depth: 2}\ntraining: {seed: 4, epochs: 5}\n")
    assert RowsConfig.model_fields["training"].default.batch_size == 64
    preset = shown(cli)
    assert preset["preset"] == "sample"
    assert (preset["training"]["batch_size"], preset["model"]["units"]) == (32, 64)
    with_file = shown(cli, "--config", file)
    assert (with_file["model"]["units"], with_file["model"]["depth"], with_file["training"]["seed"]) == (33, 2, 4)
    assert with_file["training"]["batch_size"] == 32, "what the file leaves out stays the preset's"
    with_set = shown(cli, "--set", "training.seed=6", "--config", file, "--set", "model.units=44")
    assert (with_set["model"]["units"], with_set["model"]["depth"], with_set["training"]["seed"]) == (44, 2, 6)
    with_seed = shown(cli, "--seed", 7, "--set", "training.seed=6", "--config", file)
    assert with_seed["training"]["seed"] == 7
    assert shown(cli, "--set", "model.units=1", "--set", "model.units=2")["model"]["units"] == 2


def test_the_file_chooses_the_preset_and_the_option_wins(cli, tmp_path, monkeypatch):
    from keras_recurrent.pipelines.core import catalogue

    lab = tmp_path / "lab.yaml"
    lab.write_text("# lab\nmodel: {units: 5}\n")
    known = catalogue.presets("mnist_rows")
    monkeypatch.setattr(catalogue, "presets", lambda pipeline: known | {"lab": lab})
    file = tmp_path / "mine.yaml"
    file.write_text("preset: lab\n")
    assert shown(cli, "--config", file)["model"]["units"] == 5
    assert shown(cli, "--config", file, "--preset", "sample")["model"]["units"] == 64


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["--set", "training.patience=3", "--set", "training.devices=[CPU:0]", "--set", "training.clip_norm=null"],
        ["--set", "data.source=idx", "--set", "data.path=some/folder", "--set", "data.validation=9"],
        ["--set", "data.source=tfds", "--set", "data.data_dir=~/größe 'x' #1"],
        ["--set", "export.quantization=[]", "--set", "data.pairs=true"],
    ],
)
def test_what_is_shown_can_be_given_again(cli, tmp_path, changes):
    first = cli("show", "mnist_rows", *changes)
    assert first.exit_code == 0, first.stderr
    file = tmp_path / "again.yaml"
    file.write_text(first.stdout)
    assert cli("show", "mnist_rows", "--config", file).stdout == first.stdout
    as_json = json.loads(cli("show", "mnist_rows", *changes, "--json").stdout)
    assert as_json == yaml.safe_load(first.stdout)


def test_the_schema_names_and_describes_every_key(cli):
    schema = json.loads(cli("show", "mnist_rows", "--schema").stdout)
    settings = shown(cli)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(settings)
    for name, section in SECTIONS.items():
        part = schema["$defs"][section.__name__]
        assert part["additionalProperties"] is False
        assert set(part["properties"]) == set(settings[name])
    assert schema["$defs"]["ClassifierTraining"]["properties"]["schedule"]["enum"]
    assert "Path" not in json.dumps(schema["$defs"]["ClassifierTraining"])


def test_the_schema_accepts_what_is_shown_and_refuses_the_rest(cli):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(cli("show", "mnist_rows", "--schema").stdout)
    settings = shown(cli)
    jsonschema.validate(settings, schema)
    settings["training"]["epohcs"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(settings, schema)


positive = st.integers(1, 10**6)
share = st.floats(0, 0.999)
VALUES = {
    "data.validation": positive,
    "data.test": positive,
    "data.split_seed": st.integers(0, 2**31),
    "data.limit": st.none() | positive,
    "data.layout": st.sampled_from(["rows", "pixels", "permuted"]),
    "data.pairs": st.booleans(),
    "data.rotation": st.floats(0, 45),
    "data.shift": st.floats(0, 100),
    "model.cell": st.sampled_from(["keras.simple_rnn", "keras.lstm", "keras.gru"]),
    "model.units": positive,
    "model.bidirectional": st.booleans(),
    "model.dropout": share,
    "training.epochs": positive,
    "training.learning_rate": st.floats(1e-30, 1e30),
    "training.schedule": st.sampled_from(["constant", "cosine", "exponential"]),
    "training.clip_norm": st.none() | st.floats(1e-6, 1e6),
    "training.patience": st.none() | positive,
    "training.precision": st.sampled_from(["float32", "mixed_float16", "mixed_bfloat16"]),
    "training.devices": st.none() | st.lists(st.sampled_from(["CPU:0", "GPU:0", "GPU:1"]), max_size=3),
    "evaluation.bootstrap": st.integers(0, 10**6),
    "export.rows": st.integers(64, 10**4),
    "export.quantization": st.lists(st.sampled_from(["dynamic_range", "float16"]), max_size=2),
}
choices = st.fixed_dictionaries({}, optional=VALUES)


def value_of(settings, dotted):
    section, key = dotted.split(".")
    return settings.model_dump(mode="json")[section][key]


@settings(max_examples=50)
@given(choices)
def test_valid_values_arrive_and_survive_a_file(chosen):
    typed = [f"{key}={json.dumps(value)}" for key, value in chosen.items()]
    found = resolve(*typed)
    for key, value in chosen.items():
        assert value_of(found, key) == value
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(found.to_yaml(), encoding="utf-8")
        assert resolve(file=file) == found


def test_numbers_as_people_write_them():
    assert resolve("training.learning_rate=1e-3").training.learning_rate == 0.001
    assert resolve("training.learning_rate= 3e-4 ").training.learning_rate == 3e-4
    assert resolve("model.bidirectional=no").model.bidirectional is False
    assert resolve("training.patience=").training.patience is None


names = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
values = st.none() | st.booleans() | st.integers() | st.text("abc", max_size=5) | st.lists(st.integers(), max_size=2)


@settings(max_examples=50)
@given(st.sampled_from(sorted(SECTIONS)), names, values)
def test_an_unknown_key_is_always_named(section, key, value):
    if (section, key) in KEYS:
        return
    with pytest.raises(UsageError) as caught:
        resolve(f"{section}.{key}={json.dumps(value)}")
    assert f"{section}.{key}" in str(caught.value)


@settings(max_examples=50)
@given(names, names, values)
def test_an_unknown_section_is_always_named(section, key, value):
    if section in RowsConfig.model_fields:
        return
    with pytest.raises(UsageError) as caught:
        resolve(f"{section}.{key}={json.dumps(value)}")
    assert section in str(caught.value)


printable = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=("C", "Z")), min_size=1, max_size=12
)


@settings(max_examples=50)
@given(printable, st.sampled_from([None, *sorted(SECTIONS)]), values)
def test_an_unknown_key_in_a_file_is_named_with_its_line(key, section, value):
    if key in RowsConfig.model_fields or (section, key) in KEYS:
        return
    written = {"export": {"rows": 70}} | ({key: value} if section is None else {section: {key: value}})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.yaml"
        file.write_text(yaml.safe_dump(written, allow_unicode=True, sort_keys=False), encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            resolve(file=file)
    assert key in str(caught.value)
    assert f"{file}:" in str(caught.value)


def refusal(*assignments, file=None):
    """What is said against a configuration, if anything; no other error may come."""
    try:
        resolve(*assignments, file=file)
    except UsageError as error:
        return str(error)
    return None


@settings(max_examples=100)
@given(st.text(max_size=30))
def test_any_assignment_is_taken_or_refused(text):
    assert refusal(text) != ""


@settings(max_examples=100)
@given(st.text(max_size=60) | st.binary(max_size=40))
def test_any_file_is_taken_or_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
        said = refusal(file=file)
    assert said is None or str(file) in said


@settings(max_examples=50)
@given(
    st.sampled_from(sorted(KEYS)), values | st.dictionaries(names, values, max_size=2) | st.lists(values, max_size=2)
)
def test_any_value_is_taken_or_refused_with_its_key(key, value):
    said = refusal(f"{'.'.join(key)}={json.dumps(value)}")
    assert said is None or key[0] in said
