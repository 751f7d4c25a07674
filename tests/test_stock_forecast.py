"""Forecasts of series from the command line: the run folder, exported files, `predict`, and what can't be used."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from text_examples import read

from keras_recurrent.pipelines.core import runs
from keras_recurrent.pipelines.runtime import ArtifactError
from keras_recurrent.pipelines.tasks.forecasting.answers import standardized

TINY = {
    "data__source": "csv",
    "data__window": 8,
    "data__horizon": 3,
    "model__cell": "keras.simple_rnn",
    "model__units": 4,
    "training__epochs": 1,
    "evaluation__bootstrap": 20,
    "evaluation__theta_seconds": 0,
}
LEVELS = {"data__target": "level", "data__features": [], "model__output": "point"}
DAILY = {
    "data__targets": ["close"],
    "data__target": "log_return",
    "data__features": [{"kind": "log_change", "column": "volume", "steps": 2}, {"kind": "day_of_week"}],
    "model__output": "quantiles",
    "training__epochs": 2,
}
SEVERAL = LEVELS | {
    "data__targets": ["load", "heat"],
    "data__features": [{"kind": "value", "column": "heat"}],
    "model__output": "student_t",
    "model__series_embedding": 2,
    "evaluation__windows": 2,
    "evaluation__refit": True,
    "export__quantization": [],
}
HOURLY = LEVELS | {
    "data__targets": ["load"],
    "data__window": 48,
    "data__horizon": 6,
    "data__season": 24,
    "data__stride": 2,
    "data__features": [{"kind": "hour"}],
    "model__level": "seasonal",
    "model__segments": [6, 12],
    "model__decoder": "segments",
    "evaluation__theta_seconds": 0.2,
}
VOLATILITY = LEVELS | {"data__targets": ["close"], "data__target": "volatility", "model__level": "mean"}
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
LAST_DAY = "2020-07-31"  # a Friday


def daily_table(rows=150):
    """Prices of working days."""
    random = np.random.default_rng(0)
    days = pd.bdate_range(end=LAST_DAY, periods=rows)
    prices = 100 * np.exp(random.normal(0, 0.02, rows).cumsum())
    return pd.DataFrame({"Date": days, "close": prices.round(3), "volume": random.integers(0, 1000, rows)})


def hourly_table(hours=600):
    """A load with a day of 24 hours."""
    loads = 50 + 9 * np.sin(np.arange(hours) * np.pi / 12) + np.random.default_rng(1).normal(0, 1, hours)
    return pd.DataFrame({"Date": pd.date_range("2021-03-01", periods=hours, freq="h"), "load": loads.round(3)})


def write_several(folder):
    """Three series of unlike size, length and start, and one that ends before the test begins."""
    folder.mkdir(exist_ok=True)
    days = pd.date_range("2020-01-01", periods=150)
    for number, (name, first, last) in enumerate([("north", 0, 150), ("east", 30, 150), ("west", 0, 149)]):
        random = np.random.default_rng(number)
        values = 10.0**number * (100 + random.normal(0, 1, (150, 2)).cumsum(axis=0))
        table = pd.DataFrame({"Date": days, "load": values[:, 0].round(3), "heat": values[:, 1].round(3)})
        table[first:last].to_csv(folder / f"{name}.csv", index=False)
    table[:90].to_csv(folder / "closed.csv", index=False)
    return folder


@pytest.fixture
def fast(options):
    """Fixture: `--set` options of a tiny model on a file: `fast(path, SETTINGS, data__window=4)`."""
    return lambda path, settings, **changes: options(**TINY | {"data__path": path} | settings | changes)


@pytest.fixture
def days(tmp_path):
    """Fixture: a file of daily prices."""
    daily_table().to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path / "mine.csv"


@pytest.fixture
def trained(cli, fast, tmp_path):
    """Fixture: trains in this process, `trained(path, SETTINGS, verb="train") -> folder of the run`."""

    def run(path, settings, verb="train", **changes):
        options = [*fast(path, settings, **changes), "--output", tmp_path / "runs", "--name", "mine", "--quiet"]
        result = cli(verb, "stock_forecast", *options)
        assert result.exit_code == 0, result.stderr
        return tmp_path / "runs/stock_forecast/mine"

    return run


@pytest.fixture(scope="session")
def daily(run_once, shared):
    """Fixture: one tiny finished run that gives quantiles of prices."""
    daily_table().to_csv(shared / "daily.csv", index=False)
    return run_once("daily", "stock_forecast", *assigned({"data__path": shared / "daily.csv"} | DAILY))


@pytest.fixture(scope="session")
def several(run_once, shared):
    """Fixture: one tiny finished run on four series of two targets, trained anew for parts of the test."""
    folder = write_several(shared / "several_series")
    return run_once("several", "stock_forecast", *assigned({"data__path": folder} | SEVERAL))


def assigned(settings):
    typed = {key.replace("__", "."): value for key, value in (TINY | settings).items()}
    as_yaml = {key: value if isinstance(value, str | Path) else json.dumps(value) for key, value in typed.items()}
    return [part for key, value in as_yaml.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(params=["daily", "several"])
def either(request):
    """Fixture: each of the two finished runs."""
    return request.getfixturevalue(request.param)


def files_of(finished):
    """The CSV files that a run was made from, by series."""
    path = runs.open(finished.path).config.data.path
    paths = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    return {file.stem: pd.read_csv(file, parse_dates=["Date"]) for file in paths}


def last_rows(table, rows, columns, end=None):
    """Raw rows before `end`, and the minutes of their dates, by pandas."""
    part = table[:end][-rows:]
    minutes = (part["Date"] - pd.Timestamp(0)) // pd.Timedelta(minutes=1)
    return part[columns].to_numpy(np.float32), minutes.to_numpy(np.int32)


# The run folder


def test_the_folder_holds_what_is_promised_and_nothing_else(either):
    found = {str(path.relative_to(either.path)) for path in either.path.rglob("*") if path.is_file()}
    refits = {name for name in found if name.startswith("backtest/")}
    logs = {name for name in found if re.fullmatch(r"tensorboard/(train|validation)/events\.out\.tfevents.*", name)}
    plots = ("learning_curves", "forecasts", "error_by_step", "cumulated_difference", "interval_calibration")
    quantised = () if "several" in str(either.path) else (".dynamic_range", ".float16")
    saved = "export/saved_model/1"
    assert len(logs) == 2
    assert found - logs - refits == {
        *("config.yaml", "environment.json", "history.csv", "model.keras", "metrics.json", "predictions.csv"),
        *("README.md", "checkpoints/last.npz", "checkpoints/best.npz", "export/labels.txt", "export/parity.json"),
        *(f"plots/{name}.png" for name in plots),
        *(f"export/model{kind}.tflite" for kind in ("", *quantised)),
        *("export/forecast.json", f"{saved}/saved_model.pb", f"{saved}/fingerprint.pb"),
        *(f"{saved}/variables/variables.index", f"{saved}/variables/variables.data-00000-of-00001"),
    }
    for name in plots:
        with Image.open(either.path / f"plots/{name}.png") as picture:
            assert min(picture.size) > 100
    assert {name.split("/")[1] for name in refits} == ({"1"} if "several" in str(either.path) else set())


def test_metrics_json(either):
    metrics = read(either.path / "metrics.json")
    scores = {"mse", "mae", "rmse", "mase", "rmsse", "smape", "skill", "direction_accuracy", "direction_mcc"}
    of_quantiles = {"pinball", "crps", "coverage_50", "coverage_80", "coverage_90"}
    assert set(metrics["test"]) == scores | of_quantiles
    baselines = {"last_value", "moving_average", "linear", "drift"}
    baselines |= {"mean_of_training"} if "several" in str(either.path) else set()
    assert set(metrics["baselines"]) == set(metrics["comparisons"]) == baselines
    assert set(metrics["baselines"]["last_value"]) == scores - {"direction_accuracy", "direction_mcc"}
    assert set(metrics["baselines"]["drift"]) == scores
    assert metrics["primary"] == "mse"
    model, naive = metrics["test"]["mse"], metrics["baselines"]["last_value"]["mse"]
    assert (metrics["naive"], metrics["beats_naive"]) == ("last_value", model < naive)
    assert metrics["test"]["skill"] == pytest.approx(1 - model / naive, abs=1e-5)
    difference = pytest.approx(model - naive, abs=1e-5 if "daily" in str(either.path) else 5e-3)  # by window, by date
    assert metrics["comparisons"]["last_value"]["difference"] == difference
    assert metrics["comparisons"]["last_value"]["windows"] == metrics["examples"]["test"]
    assert set(metrics["by_step"]) == baselines | {"model"}
    for name, steps in metrics["by_step"].items():
        assert list(steps) == ["1", "2", "3"]
        part = metrics["test"] if name == "model" else metrics["baselines"][name]
        assert np.mean([*steps.values()]) == pytest.approx(part["mse"], abs=2e-6)
    low, high = metrics["intervals"]["mse"]
    assert low < model < high


def test_every_step_has_every_score(either):
    metrics = read(either.path / "metrics.json")
    assert list(metrics["of_steps"]) == ["1", "2", "3"]
    for step, found in metrics["of_steps"].items():
        assert set(found) == set(metrics["test"])
        assert found["mse"] == pytest.approx(metrics["by_step"]["model"][step], abs=2e-6)
    for name in ("mae", "pinball", "coverage_90"):
        mean = np.mean([found[name] for found in metrics["of_steps"].values()])
        assert mean == pytest.approx(metrics["test"][name], abs=2e-6)


def test_parts_of_the_test_make_up_the_whole(either):
    metrics = read(either.path / "metrics.json")
    assert len(metrics["backtest"]) == runs.open(either.path).config.evaluation.windows
    counts = [part["windows"] for part in metrics["backtest"]]
    assert sum(counts) == metrics["examples"]["test"]
    for name, whole in (("model", metrics["test"]), ("last_value", metrics["baselines"]["last_value"])):
        assert np.average([part[name] for part in metrics["backtest"]], weights=counts) == pytest.approx(
            whole["mse"], abs=1e-5
        )
    dates = [(part["from"], part["to"]) for part in metrics["backtest"]]
    assert [*np.ravel(dates)] == sorted({*np.ravel(dates)})


def test_a_refit_knows_all_that_came_before_its_part(several):
    """Its run has splits that end where the part begins, and another score than the first network."""
    metrics = read(several.path / "metrics.json")
    first, second = metrics["backtest"]
    assert first["refitted"] == first["model"]
    whole, run = runs.open(several.path).config.data, runs.open(several.path / "backtest/1")
    assert str(run.config.data.test_from.date()) == second["from"]
    assert run.config.data.test_from > run.config.data.validation_from
    assert run.config.model_copy(update={"data": whole}) == runs.open(several.path).config
    assert second["refitted"] != second["model"]
    assert 0 < second["refitted"] < 10 * second["model"]
    card = (several.path / "README.md").read_text()
    assert "| from | to | windows | model | last value | refitted |" in card


def test_scores_by_target_and_series(several):
    metrics = read(several.path / "metrics.json")
    assert set(metrics["by_target"]) == {"load", "heat"}
    assert set(metrics["by_series"]) == {"east", "north", "west"}
    mean = np.mean([group["model"] for group in metrics["by_target"].values()])
    assert mean == pytest.approx(metrics["test"]["mse"], abs=1e-5)
    assert any("1 series have no test window" in note and "closed" in note for note in metrics["notes"])
    assert "data: 1 series have no test window" in several.stderr


def test_predictions_hold_each_date_once_and_what_came(either):
    table = pd.read_csv(either.path / "predictions.csv", parse_dates=["date", "made_on"])
    assert not table.duplicated(["series", "date", "target"]).any()
    assert [column for column in table if column.startswith("q")] == [
        f"q{level:g}" for level in QUANTILES if level != 0.5
    ]
    files = files_of(either)
    assert set(table["series"]) == set(files) - {"closed"}
    for row in table.itertuples():
        known = files[row.series].set_index("Date")[row.target]
        assert row.actual == pytest.approx(known[row.date], rel=1e-5)
        assert 1 <= known.index.get_loc(row.date) - known.index.get_loc(row.made_on) <= 3
    for series, part in table[table["target"] == table["target"][0]].groupby("series"):
        dates = files[series]["Date"]
        expected = dates[dates >= part["date"].min()]
        assert part["date"].tolist() == expected[: len(expected) // 3 * 3].tolist()
    run = runs.open(either.path)
    about = read(either.path / "export/forecast.json")
    first = table[(table["series"] == table["series"][0]) & (table["made_on"] == table["made_on"][0])]
    own = files[first["series"].iloc[0]]
    end = own.index[own["Date"] == first["made_on"].iloc[0]][0] + 1
    values, minutes = last_rows(own, about["rows"], about["columns"], end)
    number = np.array([about["series"].index(first["series"].iloc[0])], np.int32)
    inputs = {"values": values[None], "minutes": minutes[None], "series": number}
    answer = run.predict({name: inputs[name] for name in about["inputs"]})[0]
    np.testing.assert_allclose(first["forecast"], answer[..., 3].ravel(), rtol=1e-5)
    np.testing.assert_allclose(first["q0.95"], answer[..., 6].ravel(), rtol=1e-5)


def test_the_card_says_first_whether_the_last_value_is_beaten(either):
    title, empty, first, *_ = (either.path / "README.md").read_text(encoding="utf-8").splitlines()
    assert (title, empty) == ("# stock_forecast, preset sample", "")
    beaten = read(either.path / "metrics.json")["beats_naive"]
    assert first.startswith(f"**The network {'beats' if beaten else 'does NOT beat'} the last value**")


def test_every_file_is_proven(either):
    parity = read(either.path / "export/parity.json")
    kinds = ["saved_model", "tflite", "tflite_dynamic_range", "tflite_float16"]
    assert list(parity["artifacts"]) == kinds[: 2 if "several" in str(either.path) else 4]
    assert all(artifact["passed"] for artifact in parity["artifacts"].values())
    score = read(either.path / "metrics.json")["test"]["mse"]
    for kind in kinds[:2]:
        assert parity["artifacts"][kind]["test"]["mse"] == pytest.approx(score, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        HOURLY,
        VOLATILITY,
        LEVELS | {"data__targets": ["close"], "model__output": "gaussian", "model__level": "revin"},
        DAILY | {"model__output": "student_t", "data__features": []},
        VOLATILITY | {"model__cell": "keras.gru", "model__level": "training"},
    ],
    ids=["point", "volatility", "gaussian", "student_t", "volatility of a GRU"],
)
def test_other_outputs_are_proven_too(process, fast, days, tmp_path, settings):
    """In processes of their own, as what crashes in TensorFlow takes its process along."""
    if settings is HOURLY:
        hourly_table().to_csv(days, index=False)
    result = process("run", "stock_forecast", *fast(days, settings), "--output", tmp_path, "--name", "mine", "--quiet")
    assert result.exit_code == 0, result.stderr[-2000:]
    export = tmp_path / "stock_forecast/mine/export"
    artifacts = read(export / "parity.json")["artifacts"]
    assert len(artifacts) == 4
    assert all(artifact["passed"] for artifact in artifacts.values())
    levels = [] if settings["model__output"] == "point" else list(QUANTILES)
    assert read(export / "forecast.json")["quantiles"] == levels


# The exported files

TENSORFLOW_ALONE = """
import sys
sys.modules.update(dict.fromkeys(["keras", "keras_recurrent"]))
import numpy as np, tensorflow as tf
given, out = np.load(sys.argv[2]), sys.argv[3]
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
(together,) = serve(**{name: tf.constant(given[name]) for name in given.files}).values()
rows = range(len(together))
single = [next(iter(serve(**{k: tf.constant(given[k][[row]]) for k in given.files}).values())) for row in rows]
np.savez(out, together=together, single=tf.concat(single, 0))
"""

NUMPY_ALONE = """
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "pandas"]))
import numpy as np
from keras_recurrent.pipelines.runtime import Forecaster
given, out = np.load(sys.argv[2]), sys.argv[3]
model = Forecaster(sys.argv[1])
dates = given["minutes"].astype("datetime64[m]") if "minutes" in given.files else [None] * len(given["values"])
names = [model.series[number] for number in given["series"]] if "series" in given.files else [None] * len(dates)
every = list(zip(given["values"], dates, names))
longer = [np.concatenate([values[:2] * 3, values]) for values in given["values"]]
at = [None if days is None else np.concatenate([days[:2], days]) for days in dates]
np.savez(
    out,
    together=[model.forecast(*each) for each in every],
    single=[model.forecast(*each) for each in zip(longer, at, names)],
)
"""


def windows_of(finished, count=3):
    """The inputs of a model for some windows of each series it was tested on, as arrays by name."""
    about = read(finished.path / "export/forecast.json")
    parts = {"values": [], "minutes": [], "series": []}
    for name, table in files_of(finished).items():
        for back in range(count):
            values, minutes = last_rows(table, about["rows"], about["columns"], len(table) - 5 * back)
            parts["values"].append(values)
            parts["minutes"].append(minutes)
            parts["series"].append(about["series"].index(name))
    arrays = {"series": np.array(parts.pop("series"), np.int32)} | {name: np.stack(a) for name, a in parts.items()}
    return {name: arrays[name] for name in about["inputs"]}


@pytest.mark.parametrize(
    ("program", "file"),
    [(TENSORFLOW_ALONE, "saved_model/1"), (NUMPY_ALONE, "model.tflite")],
    ids=["tensorflow", "numpy"],
)
def test_exported_files_take_raw_rows_where_nothing_else_is_installed(process, either, tmp_path, program, file):
    inputs = windows_of(either)
    np.savez(tmp_path / "given.npz", **inputs)
    arguments = [either.path / "export" / file, tmp_path / "given.npz", tmp_path / "out.npz"]
    done = process(*arguments, program=[sys.executable, "-c", program], TF_CPP_MIN_LOG_LEVEL="3")
    assert done.exit_code == 0, done.stderr
    run, answers = runs.open(either.path), np.load(tmp_path / "out.npz")
    expected = run.predict(inputs)
    assert expected.shape == (len(inputs["values"]), 3, len(run.names), 7)
    np.testing.assert_allclose(answers["together"], expected, rtol=2e-5)
    np.testing.assert_allclose(answers["single"], expected, rtol=2e-5)


def test_forecast_json_says_what_a_model_takes(daily, several):
    about = read(daily.path / "export/forecast.json")
    assert about == {
        "inputs": ["values", "minutes"],
        "columns": ["close", "volume"],
        "rows": 10,
        "series": ["daily"],
        "targets": ["close"],
        "target": "log_return",
        "horizon": 3,
        "quantiles": list(QUANTILES),
    }
    about = read(several.path / "export/forecast.json")
    assert (about["inputs"], about["columns"], about["rows"]) == (["values", "series"], ["load", "heat"], 8)
    assert about["series"] == ["closed", "east", "north", "west"]


def forecaster(finished):
    from keras_recurrent.pipelines.runtime import Forecaster

    return Forecaster(finished.path / "export/model.tflite")


def test_a_forecaster_that_is_given_day_after_day(daily):
    model, table = forecaster(daily), daily_table()
    values, dates = table[["close", "volume"]].to_numpy(np.float32)[:14], table["Date"].to_numpy()[:14]
    answers = [model.step(row, day) for row, day in zip(values, dates, strict=True)]
    assert answers[:9] == [None] * 9
    for end in range(10, 15):
        np.testing.assert_array_equal(answers[end - 1], model.forecast(values[end - 10 : end], dates[end - 10 : end]))
    assert answers[9].shape == (model.horizon, len(model.targets), len(model.quantiles)) == (3, 1, 7)
    model.reset()
    assert model.step(values[0], dates[0]) is None


def test_a_forecaster_keeps_series_apart(several):
    model, tables = forecaster(several), files_of(several)
    of = {name: tables[name][["load", "heat"]].to_numpy(np.float32)[:9] for name in ("north", "east")}
    answers = {name: [] for name in of}
    for step in range(9):
        for name, values in of.items():
            answers[name].append(model.step(values[step], series=name))
    for name, values in of.items():
        assert answers[name][:7] == [None] * 7
        np.testing.assert_array_equal(answers[name][8], model.forecast(values, series=name))
    assert np.abs(answers["north"][8] - model.forecast(of["north"], series="west")).max() > 1


def test_a_forecaster_says_what_it_misses(daily, several, tmp_path):
    from keras_recurrent.pipelines.runtime import Forecaster

    model = forecaster(daily)
    for shape in ((9, 2), (10, 3), (10,)):
        with pytest.raises(ValueError, match=r"expected 10 or more rows of close, volume"):
            model.forecast(np.ones(shape))
    with pytest.raises(ValueError, match="give the date of each row"):
        model.forecast(np.ones((10, 2)))
    with pytest.raises(ValueError, match="give the date of each row"):
        model.forecast(np.ones((10, 2)), np.zeros(9, "datetime64[D]"))
    with pytest.raises(ValueError, match="knows no series None; it knows closed, east, north, west"):
        forecaster(several).forecast(np.ones((8, 2)))
    with pytest.raises(ArtifactError, match="no file"):
        Forecaster(tmp_path / "none.tflite")
    copy = daily.copy(tmp_path) / "export"
    for content in ("{", "[]", "{}"):
        (copy / "forecast.json").write_text(content)
        with pytest.raises(ArtifactError, match=r"forecast\.json is missing or damaged"):
            Forecaster(copy / "model.tflite")
    (copy / "forecast.json").unlink()
    with pytest.raises(ArtifactError, match=r"forecast\.json is missing or damaged"):
        Forecaster(copy / "model.tflite")


def test_a_wrong_step_is_refused_at_once_and_forgotten(daily, several):
    values, dates = np.ones((10, 2)), np.arange("2020-01-06", "2020-01-16", dtype="datetime64[D]")
    model = forecaster(daily)
    with pytest.raises(ValueError, match="close, volume"):
        model.step(np.ones(3), dates[0])
    with pytest.raises(ValueError, match="the date of each row"):
        model.step(np.ones(2))
    answers = [model.step(row, day) for row, day in zip(values, dates, strict=True)]
    np.testing.assert_array_equal(answers[-1], model.forecast(values, dates))
    with pytest.raises(ValueError, match="knows no series 'south'"):
        forecaster(several).step(np.ones(2), series="south")


def test_the_loading_code_of_the_card_runs(daily, monkeypatch):
    card = (daily.path / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.+?)```", card, re.S)
    monkeypatch.chdir(daily.path)
    table = daily_table()
    values, minutes = last_rows(table, 10, ["close", "volume"])
    example = example.replace('{"values": values}', '{"values": values, "minutes": minutes}')  # as its comment says
    names = {"values": values[None], "minutes": minutes[None], "dates": table["Date"].to_numpy()[None, -10:]}
    exec(example.replace("FOLDER_OF_THIS_FILE", "."), names)
    (answers,) = names["answers"].values()
    np.testing.assert_allclose(answers, names["forecasts"], rtol=1e-5)


# predict


def test_predict_gives_the_numbers_of_the_run_on_the_last_rows(cli, either):
    path = runs.open(either.path).config.data.path
    result = cli("predict", either.path, path, "--json")
    assert result.exit_code == 0, result.stderr
    found, about = json.loads(result.stdout), read(either.path / "export/forecast.json")
    files = files_of(either)
    assert len(found) == len(files) * 3 * len(about["targets"])
    expected = runs.open(either.path).predict(windows_of(either, count=1))
    for row in found:
        answer = expected[[*files].index(row["series"]), :, about["targets"].index(row["target"])]
        dates = pd.date_range(files[row["series"]]["Date"].iloc[-1], periods=4, freq="B" if len(files) == 1 else "D")
        step = dates[1:].strftime("%Y-%m-%d").tolist().index(row["date"])
        assert row["forecast"] == pytest.approx(answer[step, 3], rel=1e-5)
        assert [row[f"q{level:g}"] for level in QUANTILES if level != 0.5] == pytest.approx(
            np.delete(answer[step], 3).tolist(), rel=1e-5
        )


def test_predict_leaves_out_weekends_and_later_steps(cli, daily, tmp_path):
    path, to, plot = runs.open(daily.path).config.data.path, tmp_path / "new/out.csv", tmp_path / "fan.png"
    result = cli("predict", daily.path, path, "--horizon", 2, "--to", to, "--plot", plot)
    assert (result.exit_code, result.stdout) == (0, "")
    table = pd.read_csv(to)
    assert table["date"].tolist() == ["2020-08-03", "2020-08-04"]
    assert set(table["series"]) == {"daily"}
    with Image.open(plot) as picture:
        assert min(picture.size) > 100
    shown = cli("predict", daily.path, path)
    assert shown.exit_code == 0
    assert [word in shown.stdout for word in ("2020-08-04", "2020-08-05", "q0.95", "00:00")] == [True] * 3 + [False]


def test_predict_takes_the_last_rows_of_a_series_of_another_name(cli, daily, tmp_path):
    """A model of one series does not ask for its name."""
    table = daily_table()
    table[-20:].to_csv(tmp_path / "other.csv", index=False)
    short = json.loads(cli("predict", daily.path, tmp_path / "other.csv", "--json").stdout)
    whole = json.loads(cli("predict", daily.path, runs.open(daily.path).config.data.path, "--json").stdout)
    assert {row.pop("series") for row in short} == {"other"}
    for ours, theirs in zip(short, whole, strict=True):
        assert ours["date"] == theirs["date"]
        assert ours["forecast"] == pytest.approx(theirs["forecast"], rel=1e-6)


def test_predict_refuses_what_it_can_not_forecast(refused, daily, several, tmp_path):
    path, folder = (runs.open(run.path).config.data.path for run in (daily, several))
    table = daily_table()
    table[-9:].to_csv(tmp_path / "short.csv", index=False)
    table.drop(columns="volume").to_csv(tmp_path / "columns.csv", index=False)
    pd.read_csv(folder / "west.csv").to_csv(tmp_path / "south.csv", index=False)
    (tmp_path / "taken").write_text("mine")
    refused(2, ["--horizon 4", "trained for 3 step"], "predict", daily.path, path, "--horizon", 4)
    refused(2, ["--to", "taken exists"], "predict", daily.path, path, "--to", tmp_path / "taken")
    refused(3, ["short.csv", "has 9 rows", "last 10"], "predict", daily.path, tmp_path / "short.csv")
    refused(3, ["columns.csv", "no column 'volume'"], "predict", daily.path, tmp_path / "columns.csv")
    refused(3, ["none.csv", "no such file"], "predict", daily.path, tmp_path / "none.csv")
    refused(3, ["'south'", "trained on closed, east"], "predict", several.path, tmp_path / "south.csv")
    assert (tmp_path / "taken").read_text() == "mine"


def test_predict_does_not_draw_over_a_file(refused, daily, tmp_path):
    (tmp_path / "taken.png").write_text("mine")
    arguments = ["predict", daily.path, runs.open(daily.path).config.data.path, "--plot", tmp_path / "taken.png"]
    refused(2, ["--plot", "taken.png exists"], *arguments)
    assert (tmp_path / "taken.png").read_text() == "mine"


def test_predict_of_all_columns_says_which_one_a_file_lacks(refused, trained, days, tmp_path):
    run = trained(days, LEVELS, data__targets=None)
    daily_table().drop(columns="volume").to_csv(tmp_path / "columns.csv", index=False)
    refused(3, ["columns.csv", "'volume'"], "predict", run, tmp_path / "columns.csv")


@pytest.mark.slow
def test_the_volatility_is_the_size_of_the_steps_to_come(cli, refused, trained, days, tmp_path):
    """One row more than the window is read; forecasts are near the usual move of 0.02."""
    run = trained(days, VOLATILITY)
    refused(2, ["--plot", "volatility"], "predict", run, days, "--plot", tmp_path / "fan.png")
    result = cli("predict", run, days, "--json")
    assert result.exit_code == 0, result.stderr
    forecasts = [row["forecast"] for row in json.loads(result.stdout)]
    assert len(forecasts) == 3
    assert all(0.005 < forecast < 0.05 for forecast in forecasts)
    assert runs.open(run).model.input["values"].shape == (None, 9, 1)
    scored = cli("evaluate", run)
    assert scored.exit_code == 0, scored.stderr
    metrics = read(run / "metrics.json")
    assert set(metrics["test"]) == {"qlike", "mse", "mae"}
    assert (metrics["primary"], metrics["naive"]) == ("qlike", "moving_average")
    assert set(metrics["baselines"]) == {"last_value", "moving_average", "linear", "mean_of_training"}
    assert metrics["by_step"]["model"].keys() == {"1", "2", "3"}
    actual = pd.read_csv(run / "predictions.csv", parse_dates=["date"]).set_index("date")["actual"]
    returns = np.log(daily_table().set_index("Date")["close"]).diff().abs()
    np.testing.assert_allclose(actual, returns[actual.index], rtol=1e-3)


# Other runs


@pytest.mark.slow
def test_hourly_loads_with_a_season(cli, trained, tmp_path):
    hourly_table().to_csv(tmp_path / "loads.csv", index=False)
    run = trained(tmp_path / "loads.csv", HOURLY)
    result = cli("evaluate", run)
    assert result.exit_code == 0, result.stderr
    metrics = read(run / "metrics.json")
    assert metrics["examples"] == {"train": (420 - 48 - 6) // 2 + 1, "validation": 85, "test": 85}
    assert {"seasonal_naive", "theta"} < set(metrics["baselines"])
    assert 1 <= metrics["comparisons"]["theta"]["windows"] <= 85
    assert metrics["test"]["mse"] < 0.2 * metrics["baselines"]["last_value"]["mse"]
    assert metrics["beats_naive"]
    first = (run / "README.md").read_text().splitlines()[2]
    assert first.startswith("**The network beats the last value**")
    rows = json.loads(cli("predict", run, tmp_path / "loads.csv", "--json").stdout)
    following = pd.date_range("2021-03-26", periods=6, freq="h")
    assert [pd.Timestamp(row["date"]) for row in rows] == following.tolist()


@pytest.mark.slow
def test_a_single_quantile_is_the_median(cli, trained, days):
    run = trained(days, LEVELS, data__targets=["close"], model__output="quantiles", model__quantiles=[0.5])
    assert runs.open(run).model.output.shape[1:] == (3, 1, 1)
    assert "q0.5" not in cli("predict", run, days).stdout


@pytest.mark.slow
def test_directions_are_probabilities_beside_what_training_tells(cli, trained, days):
    run = trained(days, DAILY, verb="train", data__target="direction", model__output="point")
    assert cli("evaluate", run, "--quiet").exit_code == 0
    metrics = read(run / "metrics.json")
    assert metrics["primary"] == "log_loss"
    assert set(metrics["baselines"]) == {"most_frequent", "after_the_last", "logistic"}
    table = pd.read_csv(run / "predictions.csv")
    assert set(table["actual"]) == {0, 1}
    assert table["forecast"].between(0, 1).all()
    first = (run / "README.md").read_text(encoding="utf-8").split("\n")[2]
    assert "the most frequent direction" in first
    rows = json.loads(cli("predict", run, days, "--json").stdout)
    assert len(rows) == 3
    assert all(0 < row["forecast"] < 1 for row in rows)


def test_calibrated_intervals_hold_what_they_say_on_the_validation(trained, days):
    """As many of the validation's values lie below each quantile as its level says, whatever the training made."""
    folder = trained(days, DAILY, data__horizon=1, model__level="walk", model__calibrated=True)
    run = runs.open(folder)
    data = run.pipeline.load(run.config)
    z = standardized(data, data.validation, run.predict(data.validation.inputs))
    shares = (data.validation.labels[..., None] <= z).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(shares, QUANTILES, atol=0.07, err_msg="the median alone is left as it is")
    without = np.delete(np.arange(7), 3)
    np.testing.assert_allclose(shares[without], np.delete(QUANTILES, 3), atol=1.5 / len(data.validation))


@pytest.mark.slow
def test_intervals_of_any_size(cli, trained, days):
    quantiles = [0.16, 0.5, 0.84]
    run = trained(days, LEVELS, data__targets=["close"], model__output="quantiles", model__quantiles=quantiles)
    result = cli("evaluate", run)
    assert result.exit_code == 0, result.stderr
    assert 0 <= read(run / "metrics.json")["test"]["coverage_68"] <= 1


def test_a_finished_run_is_not_touched(cli, daily, tmp_path, snapshot):
    run = daily.copy(tmp_path)
    before = snapshot(run)
    result = cli("run", "stock_forecast", "--resume", "--output", tmp_path)
    assert result.exit_code == 0
    assert "finished" in result.stderr
    assert str(run) in result.stdout
    assert snapshot(run) == before


@pytest.mark.slow
def test_compare(cli, fast, days, tmp_path):
    cells = ["keras.gru", "min_gru"]
    options = ["--cells", ",".join(cells), "--seeds", "1", *fast(days, LEVELS, data__targets=["close"])]
    result = cli("compare", "stock_forecast", *options, "--output", tmp_path, "--name", "mine")
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "stock_forecast/comparisons/mine"
    found = pd.read_csv(folder / "compare.csv")
    assert found["cell"].tolist() == cells
    segment, last = 4 * 1 + 4, 3 * 4 + 3  # a dense layer before the recurrence, and one after it
    assert found["parameters"][0] == segment + 3 * 4 * (4 + 4 + 2) + last
    assert (folder / "compare.png").is_file()
    for name in (*cells, "last_value", "linear"):
        assert name in result.stdout


def test_a_run_can_be_repeated_by_its_own_configuration(cli, either):
    """As its card says."""
    assert f"--config {either.path / 'config.yaml'}" in (either.path / "README.md").read_text()
    shown = cli("show", "stock_forecast", "--config", either.path / "config.yaml")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout == (either.path / "config.yaml").read_text()


def test_what_show_prints_is_a_configuration(cli, tmp_path):
    shown = cli("show", "stock_forecast").stdout
    (tmp_path / "mine.yaml").write_text(shown)
    assert cli("show", "stock_forecast", "--config", tmp_path / "mine.yaml").stdout == shown


# What can't be used

WRONG = {
    "segments": ({"model__segments": [4, 3]}, ["model.segments 3", "does not divide data.window 8"]),
    "no season": ({"model__level": "seasonal"}, ["model.level seasonal", "data.season of 2 to 8"]),
    "a season beyond the window": ({"model__level": "seasonal", "data__season": 9}, ["data.season of 2 to 8"]),
    "volatility and quantiles": (VOLATILITY | {"model__output": "quantiles"}, ["set model.output=point"]),
    "volatility of the last value": (VOLATILITY | {"model__level": "last"}, ["model.level mean or training"]),
    "no median": ({"model__quantiles": [0.1, 0.9]}, ["model.quantiles", "hold 0.5"]),
    "falling quantiles": ({"model__quantiles": [0.9, 0.5]}, ["model.quantiles must rise"]),
    "a quantile of 1": ({"model__quantiles": [0.5, 1]}, ["model.quantiles", "less than 1"]),
    "an unknown feature": (
        {"data__features": [{"kind": "hours"}]},
        ["data.features.0.kind", "'hours' is not allowed. Did you mean 'hour'?"],
    ),
    "a feature without column": ({"data__features": [{"kind": "change"}]}, ["the feature change needs a column"]),
    "a calendar of a column": (
        {"data__features": [{"kind": "hour", "column": "close"}]},
        ["the feature hour is of the date", "leave out column"],
    ),
    "an unknown column of a feature": (
        {"data__targets": None, "data__features": [{"kind": "value", "column": "clsoe"}]},
        ["'clsoe'", "Did you mean 'close'?"],
    ),
    "a column to be positive": ({"data__targets": None, "data__positive": ["Close"]}, ["'Close'", "'close'"]),
    "dates that fall": (
        {"data__validation_from": "2020-06-01", "data__test_from": "2020-05-01"},
        ["must rise within", "2020-06-01 and 2020-05-01", "2020-01-06 to 2020-07-31"],
    ),
    "a test beyond the data": ({"data__test_from": "2021-01-01"}, ["must rise within", "2021-01-01"]),
    "until before the data": ({"data__until": "2019-01-01"}, ["data.until", "no row is before 2019-01-01"]),
    "no training": ({"data__validation": 0.5, "data__test": 0.5}, ["leave nothing for training"]),
    "no path": ({"data__path": None}, ["source 'csv' needs data.path", "data.path=PATH"]),
    "yahoo without end": (
        {"data__source": "yahoo", "data__tickers": ["A"], "data__start": "2020-01-01"},
        ["source 'yahoo' needs data.end", "data.end=DATE"],
    ),
    "yahoo without path": ({"data__source": "yahoo", "data__path": None}, ["source 'yahoo' needs data.path"]),
    "log returns of all columns": (
        {"data__target": "log_return", "data__targets": None},
        ["data.target log_return needs data.targets"],
    ),
    "a path for the sample": ({"data__source": "sample"}, ["data.path", "'sample' does not use it", "csv"]),
    "directions and the mean": (
        {"data__target": "direction", "model__level": "mean"},
        ["data.target direction needs model.level last"],
    ),
    "a zone": ({"data__test_from": "2020-06-01T00:00+02:00"}, ["data.test_from", "timezone"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_configuration_that_does_not_fit_leaves_no_run(refused, fast, days, tmp_path, name):
    settings, words = WRONG[name]
    settings = {"data__targets": ["close"]} | LEVELS | settings
    refused(2, words, "run", "stock_forecast", *fast(days, settings), "--quiet", "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def changed(row, column, value):
    def change(table):
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
        return table

    return change


BAD = {
    "a price of zero": (DAILY, changed(40, "close", 0), ["mine.csv, line 42, column 'close'", "0.0 is not positive"]),
    "a negative volume": (DAILY, changed(7, "volume", -1), ["line 9, column 'volume'", "not zero or positive"]),
    "no number": (DAILY, changed(7, "close", "n.k."), ["line 9, column 'close'", "'n.k.'"]),
    "an empty cell": (DAILY, changed(7, "close", None), ["line 9, column 'close'", "data.missing=ffill"]),
    "an unknown column": (
        DAILY,
        lambda table: table.rename(columns={"close": "Close"}),
        ["line 1", "no column 'close'", "Did you mean 'Close'?"],
    ),
    "a short series": (
        LEVELS | {"data__targets": ["close"]},
        lambda table: table[:10],
        ["training split has no window", "8 known steps and 3 to forecast", "10 rows", "data.window or data.horizon"],
    ),
    "a short test": (
        LEVELS | {"data__targets": ["close"], "data__test": 0.01},
        lambda table: table,
        ["test split has no window", "divided at 2020-06-30 and 2020-07-30", "data.test_from"],
    ),
    "features that reach far": (
        LEVELS | {"data__targets": ["close"], "data__features": [{"kind": "change", "column": "close", "steps": 120}]},
        lambda table: table,
        ["training split has no window", "behind 120 rows that features are made of"],
    ),
    "a price that never changes": (
        LEVELS | {"data__targets": ["close"]},
        lambda table: table.assign(close=5),
        ["'close' of the series 'mine' never changes"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_data_that_can_not_be_used_leaves_no_run(refused, fast, days, tmp_path, name):
    settings, change, words = BAD[name]
    change(daily_table()).to_csv(days, index=False)
    refused(3, words, "run", "stock_forecast", *fast(days, settings), "--quiet", "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_missing_hour(refused, cli, fast, tmp_path):
    table, path = hourly_table(), tmp_path / "loads.csv"
    table.drop(index=400).to_csv(path, index=False)
    train = ["train", "stock_forecast", "--output", tmp_path / "runs"]
    refused(3, ["loads.csv", "2021-03-17 16:00:00 is missing", "data.missing=ffill"], *train, *fast(path, HOURLY))
    result = cli(*train, *fast(path, HOURLY, data__missing="ffill", model__segments=[24]))
    assert result.exit_code == 0, result.stderr
    assert "2021-03-17 16:00:00" in result.stderr
