"""Wrong options and configurations: exit code 2, the key and where it was written, the nearest right name."""

from pathlib import Path

import pytest

OPTIONS = {
    "section": (["--set", "trainig.epochs=3"], ["trainig", "Did you mean 'training'?"]),
    "key": (["--set", "training.epohcs=3"], ["training.epohcs", "Did you mean 'epochs'?"]),
    "cell": (["--set", "model.cell=keras.lsmt"], ["model.cell", "'keras.lsmt'", "Did you mean 'keras.lstm'?"]),
    "source": (["--set", "data.source=digit"], ["data.source", "'digit'", "Did you mean 'digits'?"]),
    "source and its path": (
        ["--set", "data.source=idz", "--set", "data.path=folder"],
        ["data.source", "'idz'", "Did you mean 'idx'?"],
    ),
    "source as a list": (["--set", "data.source=[idx]"], ["data.source"]),
    "schedule": (["--set", "training.schedule=cosin"], ["training.schedule", "Did you mean 'cosine'?"]),
    "quantization": (["--set", "export.quantization=[float61]"], ["export.quantization", "Did you mean 'float16'?"]),
    "preset": (["--preset", "sampel"], ["'sampel'", "Did you mean 'sample'?"]),
    "negative": (["--set", "training.epochs=-1"], ["training.epochs (--set training.epochs=-1)", "greater than 0"]),
    "truth for a number": (["--set", "training.epochs=yes"], ["training.epochs", "True", "expected a number"]),
    "a source without its path": (
        ["--preset", "mnist", "--set", "data.source=idx"],
        ["data (--set data.source=idx): source 'idx' needs data.path"],
    ),
    "a plateau after a warm-up": (
        ["--set", "training.schedule=plateau"],
        ["training (--set training.schedule=plateau)", "set training.warmup_epochs=0"],
    ),
    "chrono without gates": (
        ["--set", "model.cell=keras.simple_rnn", "--set", "model.chrono=9"],
        ["model.chrono needs one of keras.lstm, keras.gru, lstm, ", "keras.simple_rnn"],
    ),
    "an option of another cell": (
        ["--set", "model.cell=lru", "--set", "model.options={radius: 0.9}"],
        ["model.options.radius (--set model.options={radius: 0.9})", "lru", "Did you mean 'min_radius'?", "max_phase"],
    ),
    "an option with a key of its own": (
        ["--set", "model.options.recurrent_dropout=0.5"],
        ["model.options.recurrent_dropout (--set", "the key recurrent_dropout, beside options"],
    ),
    "an option that the pipeline sets": (
        ["--set", "model.options.dtype=float16"],
        ["model.options.dtype", "training.precision"],
    ),
    "an option with keys": (
        ["--set", "model.options.activation={name: tanh}"],
        ["model.options.activation", "expected a number, a text"],
    ),
    "an option that is no number": (["--set", "model.options.seed=.inf"], ["model.options.seed", "finite"]),
    "a text for a switch": (
        ["--set", "model.options.use_bias=none"],
        ["model.options.use_bias", "true or false", "'none'"],
    ),
    "options as a list": (["--set", "model.options=[zoneout]"], ["model.options", "keys and values"]),
    "biases set twice": (
        ["--set", "model.chrono=9", "--set", "model.options.use_bias=false"],
        ["model.chrono sets the biases", "model.options.use_bias"],
    ),
    "int8 over 784 steps both ways": (
        ["--preset", "pixels", "--set", "model.bidirectional=true", "--set", "export.quantization=[int8]"],
        ["(--set export.quantization=[int8])", "up to 80 time steps", "leave out int8"],
    ),
    "zero": (["--set", "model.units=0"], ["model.units", "greater than 0"]),
    "infinite": (["--set", "training.learning_rate=.inf"], ["training.learning_rate"]),
    "no number": (["--set", "model.units=abc"], ["model.units", "'abc'", "integer"]),
    "no list": (["--set", "training.devices=GPU:0"], ["training.devices", "list"]),
    "a rate of one": (["--set", "model.dropout=1"], ["model.dropout", "less than 1"]),
    "few rows": (["--set", "export.rows=8"], ["export.rows", "64"]),
    "no equals sign": (["--set", "training.epochs"], ["--set training.epochs", "section.key=value"]),
    "no section": (["--set", "epochs=3"], ["--set epochs=3", "section.key=value"]),
    "too deep": (
        ["--set", "model.cell.units=3"],
        ["model.cell (--set model.cell.units=3)", "expected a value", "units"],
    ),
    "an empty part": (["--set", "model.=3"], ["--set model.=3", "section.key=value"]),
    "no such date": (["--set", "data.limit=2020-13-01"], ["--set data.limit=2020-13-01", "YAML"]),
    "no YAML": (["--set", "training.devices=[CPU:0"], ["--set training.devices=[CPU:0", "YAML"]),
    "header": (["--set", "pipeline.name=x"], ["pipeline", "--set pipeline.name=x"]),
    "negative seed": (["--seed", "-1"], ["training.seed", "-1"]),
    "path of another source": (["--set", "data.path=folder"], ["data.path (--set data.path=folder)", "digits", "idx"]),
    "folder of another source": (["--set", "data.data_dir=folder"], ["data.data_dir", "digits", "tfds"]),
    "plateau with warm-up": (
        ["--set", "training.schedule=plateau", "--set", "training.warmup_epochs=2"],
        ["plateau", "training.warmup_epochs=0"],
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("verb", ["show", "run"])
def test_a_wrong_option(refused, tmp_path, verb, name):
    options, words = OPTIONS[name]
    output = ["--output", tmp_path / "runs"] if verb == "run" else []
    result = refused(2, words, verb, "mnist_rows", *options, *output)
    assert not (tmp_path / "runs").exists()
    assert ".." not in result.stderr


def test_all_mistakes_are_told_at_once(refused):
    arguments = ["--set", "model.cell=lsmt", "--set", "training.epochs=0", "--set", "data.sauce=idx"]
    refused(2, ["model.cell", "training.epochs", "data.sauce"], "show", "mnist_rows", *arguments)


@pytest.mark.parametrize("verb", ["run", "train", "show", "compare"])
def test_a_misspelt_pipeline(refused, verb):
    more = ["--cells", "keras.lstm"] if verb == "compare" else []
    refused(2, ["'mnist_row'", "Did you mean 'mnist_rows'?"], verb, "mnist_row", *more)


def test_a_misspelt_verb(cli):
    result = cli("trian", "mnist_rows")
    assert result.exit_code == 2
    assert "'trian'" in result.stderr
    assert "'train'" in result.stderr


def test_a_misspelt_option(cli):
    result = cli("run", "mnist_rows", "--nam", "x")
    assert result.exit_code == 2
    assert "--name" in result.stderr


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ("keras.lstm,keras.gur", ["--cells", "'keras.gur'", "Did you mean 'keras.gru'?"]),
        ("keras.lstm,keras.lstm", ["--cells", "twice"]),
        (",", ["--cells", "at least one"]),
    ],
)
def test_wrong_cells_to_compare(refused, tmp_path, cells, words):
    refused(2, words, "compare", "mnist_rows", "--cells", cells, "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


FILES = {
    "no YAML": ("model:\n  cell: [keras.lstm\n", ["YAML", "line 2"]),
    "a tag": ("model: !!python/object:os.system {}\n", ["YAML", "line 1"]),
    "no text": (b"\xff\xfe\x00", ["can't be read as text"]),
    "a list": ("- model\n", [":1", "expected sections"]),
    "a word": ("model\n", [":1", "expected sections"]),
    "key": ("model:\n  units: 3\n  sell: keras.gru\n", ["model.sell", ":3", "Did you mean 'cell'?"]),
    "section": ("model: {units: 3}\n\nmodle: {units: 3}\n", ["modle", ":3", "Did you mean 'model'?"]),
    "value": ("training:\n  epochs: 0\n", ["training.epochs", ":2", "greater than 0"]),
    "a section that is none": ("training: 5\n", ["training", ":1", "keys"]),
    "a number as key": ("training: {1: 2}\n", ["training.1", ":1"]),
    "another pipeline": ("pipeline: sentiment\n", [":1", "'sentiment'", "'mnist_rows'"]),
    "preset": ("model: {units: 3}\npreset: sampel\n", ["'sampel'", ":2", "Did you mean 'sample'?"]),
    "preset that is a number": ("preset: 3\n", ["preset", ":1"]),
    "preset that is a list": ("preset: [sample]\n", ["preset", ":1"]),
    "path of another source": ("data:\n  path: folder\n", ["data.path", ":2", "digits", "idx"]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file(refused, tmp_path, name):
    content, words = FILES[name]
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    words = [f"{path}{word}" if word.startswith(":") else word for word in words]
    refused(2, [path, *words], "run", "mnist_rows", "--config", path, "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_not_there(refused, tmp_path):
    refused(2, [tmp_path / "none.yaml", "no such file"], "show", "mnist_rows", "--config", tmp_path / "none.yaml")
    refused(2, [tmp_path, "can't be read"], "show", "mnist_rows", "--config", tmp_path)


@pytest.fixture
def lab(monkeypatch, tmp_path):
    """Fixture: a second preset, `lab`, that brings keys of two sources."""
    from keras_recurrent.pipelines.core import catalogue

    path = tmp_path / "lab.yaml"
    path.write_text("# a laboratory's own\ndata: {source: tfds, data_dir: datasets, test: 100}\n")
    known = catalogue.presets("mnist_rows")
    monkeypatch.setattr(catalogue, "presets", lambda pipeline: known | {"lab": path})
    return ["--preset", "lab"]


def test_unused_keys_that_a_preset_brought_are_ignored(cli, lab):
    result = cli("show", "mnist_rows", *lab, "--set", "data.source=idx", "--set", "data.path=folder")
    assert result.exit_code == 0, result.stderr
    assert f"source: idx\n  path: {Path.cwd() / 'folder'}\n  data_dir: null\n" in result.stdout
    result = cli("show", "mnist_rows", *lab, "--set", "data.source=digits")
    assert "data_dir: null\n" in result.stdout
    assert "test: 100\n" in result.stdout


def test_unused_keys_that_were_typed_beside_a_preset_are_refused(refused, lab):
    typed = ["--set", "data.source=idx", "--set", "data.path=folder", "--set", "data.data_dir=mine"]
    refused(2, ["data.data_dir (--set data.data_dir=mine)", "'idx'", "tfds"], "show", "mnist_rows", *lab, *typed)


def test_the_unused_keys_in_a_whole_configuration_do_no_harm(cli, tmp_path):
    """As in a run's config.yaml, where every key stands with its default."""
    path = tmp_path / "config.yaml"
    path.write_text(cli("show", "mnist_rows").stdout)
    typed = ["--config", path, "--set", "data.source=idx", "--set", "data.path=folder"]
    result = cli("show", "mnist_rows", *typed)
    assert result.exit_code == 0, result.stderr
    path.write_text(result.stdout)
    again = cli("show", "mnist_rows", "--config", path, "--set", "data.validation=30")
    assert again.exit_code == 0, again.stderr
    assert again.stdout == result.stdout.replace("validation: 180", "validation: 30")


@pytest.mark.parametrize("name", ["", ".", "..", "latest", "a/b", "../b", ".hidden", "comparisons"])
def test_a_name_that_is_none(refused, tmp_path, name):
    refused(2, ["--name", name], "run", "mnist_rows", "--name", name, "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["..", "a/b", "../b"])
def test_a_name_that_is_none_for_a_comparison(refused, tmp_path, name):
    more = ["--cells", "keras.lstm", "--name", name, "--output", tmp_path / "runs"]
    refused(2, ["--name", name], "compare", "mnist_rows", *more, "--set", "data.limit=20")
    assert not (tmp_path / "runs").exists()


def test_a_device_that_is_not_there_leaves_no_folder(refused, tiny, tmp_path):
    options = [*tiny(), "--set", "training.devices=[GPU:7]", "--quiet", "--output", tmp_path / "runs", "--name", "new"]
    refused(2, ["training.devices", "GPU:7", "CPU:0"], "train", "mnist_rows", *options)
    assert not (tmp_path / "runs/mnist_rows/new").exists()


def test_a_key_that_stands_twice_in_a_file(refused, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("training:\n  epochs: 3\nmodel: {units: 4}\ntraining:\n  seed: 1\n")
    refused(2, [f"{file}:4", "training stands twice"], "show", "mnist_rows", "--config", file)
