"""Options whose value the layer refuses: one message, and no run folder; and several forms of one cell compared."""

import csv

import pytest
import yaml

from keras_recurrent.pipelines.cli.comparison import contender, split

VALUES = {
    "a rate beyond 1": ("lstm", "zoneout: 2.0", ["{zoneout: 2.0}", "lstm", "a rate in [0, 1)"]),
    "heads that do not divide": ("mlstm", "heads: 3", ["{heads: 3}", "mlstm", "a divisor of units=8"]),
    "an initializer that there is not": ("keras.gru", "kernel_initializer: glorot", ["initializer", "glorot"]),
    "an initializer that needs more than its name": (
        "gru",
        "kernel_initializer: constant",
        ["{kernel_initializer: constant}", "value"],
    ),
    "a text for a number": ("janet", "beta: large", ["a finite number", "'large'"]),
    "a text for a rate of Keras": ("keras.lstm", "dropout: half", ["{dropout: half}", "not supported"]),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_the_layer_refuses(refused, tiny, tmp_path, name):
    cell, option, words = VALUES[name]
    options = [
        *tiny(model__cell=cell),
        "--set",
        f"model.options={{{option}}}",
        "--output",
        tmp_path / "runs",
        "--quiet",
    ]
    refused(2, ["model.options", *words], "run", "mnist_rows", *options)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("cell", ["keras.gru", "gru"])
def test_unrolling_texts_of_unequal_length(refused, tiny_texts, tmp_path, cell):
    changes = tiny_texts(model__cell=cell, data__count=100)
    options = [*changes, "--set", "model.options.unroll=true", "--output", tmp_path / "runs", "--quiet"]
    refused(2, ["model.options.unroll", "one length"], "train", "sentiment", *options)
    assert not (tmp_path / "runs").exists()


CELLS = {
    "the last value": ("lstm,mlstm:{heads: 3}", ["model.options {heads: 3} of the cell mlstm", "a divisor of units=8"]),
    "the last name": ("lstm,lru:{radius: 0.9}", ["model.options.radius", "the cell lru", "'min_radius'"]),
    "twice, spelled in two ways": ("lru:{max_radius: .9},lru:{max_radius: 0.90}", ["twice"]),
    "an unknown cell with options": ("lstm,lur:{max_radius: 0.9}", ["'lur'", "Did you mean 'lru'?"]),
    "a brace that is open": ("lstm:{zoneout: 0.1,gru", ["--cells lstm:{zoneout: 0.1,gru", "expected options"]),
    "no mapping": ("lstm:0.1", ["--cells lstm:0.1", "expected options as in {unroll: true}"]),
}


@pytest.mark.parametrize("name", CELLS)
def test_wrong_options_to_compare(refused, tiny, tmp_path, name):
    cells, words = CELLS[name]
    options = ["--cells", cells, *tiny(), "--output", tmp_path / "runs", "--quiet"]
    refused(2, words, "compare", "mnist_rows", *options)
    assert not (tmp_path / "runs").exists()


def test_commas_part_cells_outside_of_braces():
    written = " lru:{min_radius: 0.9, max_radius: 1} , bidirectional:lstm:{zoneout: [0.1, 0.2]},gru,"
    entries = split(written)
    assert entries == ["lru:{min_radius: 0.9, max_radius: 1}", "bidirectional:lstm:{zoneout: [0.1, 0.2]}", "gru"]
    found = [contender(entry) for entry in entries]
    assert [each.spelling for each in found] == entries
    assert found[1].assignments == (
        "model.cell=lstm",
        "model.bidirectional=true",
        "model.options={zoneout: [0.1, 0.2]}",
    )
    assert found[2].assignments == ("model.cell=gru",)
    folders = [each.folder for each in found]
    assert folders == ["lru-max_radius-1-min_radius-0.9", "bidirectional-lstm-zoneout-_0.1_0.2", "gru"]
    assert contender("sru:{highway_bias: -1}").folder != contender("sru:{highway_bias: 1}").folder


@pytest.mark.slow
def test_one_cell_with_several_options(cli, tiny, tmp_path):
    rnn, gru = "keras.simple_rnn", "bidirectional:keras.gru:{reset_after: false, use_bias: true}"
    cells = [f"{rnn}:{{activation: relu}}", gru, f"{rnn}:{{}}", f"{rnn}:{{use_bias: false}}"]
    changes = [*tiny(training__epochs=1, data__limit=64), "--set", "model.options={activation: sigmoid}"]
    options = ["--cells", ",".join(cells), "--seeds", "1", *changes, "--output", tmp_path, "--name", "mine", "--quiet"]
    result = cli("compare", "mnist_rows", *options)
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "mnist_rows/comparisons/mine"
    with (folder / "compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == cells
    parameters = [8 * (8 + 8 + 1) + 90, 2 * 3 * 8 * (8 + 8 + 1) + 170, 8 * (8 + 8 + 1) + 90, 8 * (8 + 8) + 90]
    assert [int(row["parameters"]) for row in rows] == parameters
    assert cells[0] in result.stdout
    written = {path.parent.name: yaml.safe_load(path.read_text())["model"] for path in folder.glob("*/config.yaml")}
    assert {name: model["options"] for name, model in written.items()} == {
        "keras.simple_rnn-activation-relu-seed0": {"activation": "relu"},
        "bidirectional-keras.gru-reset_after-False-use_bias-True-seed0": {"reset_after": False, "use_bias": True},
        "keras.simple_rnn-seed0": {},
        "keras.simple_rnn-use_bias-False-seed0": {"use_bias": False},
    }
    again = cli("compare", "mnist_rows", *options, "--resume")
    assert again.exit_code == 0, again.stderr
