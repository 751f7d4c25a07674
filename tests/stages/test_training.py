"""Training: schedules, what is kept, precision, several devices."""

import json
import os
import subprocess
import sys
import textwrap
import time

import keras
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from keras_recurrent.pipelines.core.config import Training
from keras_recurrent.pipelines.stages import checkpoint
from keras_recurrent.pipelines.stages.training import optimizer, schedule, strategy
from keras_recurrent.pipelines.tasks.classification.task import Loss, accuracy


def rates(settings, steps=10):
    rate = schedule(settings, steps)
    return [float(rate(step)) if callable(rate) else rate for step in range(settings.epochs * steps + 1)]


def test_schedules_equal_their_formulas():
    steps = np.arange(101)
    cosine = rates(Training(epochs=10, learning_rate=0.4, schedule="cosine", warmup_epochs=2))
    after = 0.2 * (1 + np.cos(np.pi * (steps - 20) / 80))
    np.testing.assert_allclose(cosine, np.where(steps < 20, 0.4 * steps / 20, after), atol=1e-6)
    exponential = rates(Training(epochs=10, learning_rate=0.4, schedule="exponential", warmup_epochs=1))
    after = 0.4 * 0.01 ** ((steps - 10) / 90)
    np.testing.assert_allclose(exponential, np.where(steps < 10, 0.4 * steps / 10, after), rtol=1e-5)
    constant = rates(Training(epochs=10, learning_rate=0.4, schedule="constant", warmup_epochs=0.5))
    np.testing.assert_allclose(constant, np.minimum(0.4 * steps / 5, 0.4), atol=1e-6)


def test_a_warm_up_before_a_plateau_is_refused():
    with pytest.raises(ValidationError, match=r"warmup_epochs=0"):
        Training(schedule="plateau", warmup_epochs=1)


def test_gradients_are_clipped_by_their_global_norm():
    weights = [keras.Variable(np.zeros(2)), keras.Variable(np.zeros(1))]
    stepped = keras.optimizers.SGD(1.0, global_clipnorm=optimizer(Training(), 1).global_clipnorm)
    stepped.apply([keras.ops.array([30.0, 0.0]), keras.ops.array([40.0])], weights)
    assert np.concatenate([w.numpy() for w in weights]) == pytest.approx([-0.6, 0.0, -0.8])
    assert optimizer(Training(clip_norm=None), 1).global_clipnorm is None


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(Exception, match=r"training\.devices: there is no GPU:7; there are CPU:0"):
        strategy(["GPU:7"])


SHORT = ("--set", "model.units=8", "--set", "model.cell=keras.lstm", "--set", "evaluation.bootstrap=20", "--quiet")


def trained(tmp_path, *options):
    """A short training by the command line; its folder and history."""
    from typer.testing import CliRunner

    from keras_recurrent.pipelines.cli import app

    options = [*SHORT, *(part for option in options for part in ("--set", option))]
    result = CliRunner().invoke(app, ["train", "mnist_rows", "--output", str(tmp_path), "--name", "a", *options])
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "mnist_rows" / "a"
    return folder, pd.read_csv(folder / "history.csv")


def test_the_best_epoch_is_kept_and_training_stops_early(tmp_path):
    folder, history = trained(
        tmp_path,
        "training.epochs=30",
        "training.patience=2",
        "training.learning_rate=0.05",
        "training.schedule=constant",
    )
    best = int(history["val_accuracy"].idxmax())
    assert len(history) == best + 1 + 2 < 30
    kept = checkpoint.read(folder / "checkpoints/best.npz")
    assert kept["rows"][-1]["epoch"] == best + 1
    weights = keras.saving.load_model(folder / "model.keras").get_weights()
    assert all((a == b).all() for a, b in zip(weights, kept["variables"], strict=True))
    assert list(history["epoch"]) == list(range(1, len(history) + 1))
    assert not history.isna().any().any()
    assert list((folder / "tensorboard").rglob("events.*"))


def test_the_plateau_lowers_the_rate(tmp_path):
    _, history = trained(
        tmp_path,
        "training.epochs=9",
        "training.schedule=plateau",
        "training.warmup_epochs=0",
        "training.learning_rate=1e-9",
    )
    assert history["learning_rate"].iloc[0] == pytest.approx(1e-9)
    assert history["learning_rate"].iloc[-1] <= 0.2e-9 * 1.001


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_and_is_kept_in_float32(tmp_path, precision):
    rate = ("training.epochs=6", "training.learning_rate=0.01", "training.batch_size=32")
    folder, history = trained(tmp_path, *rate, f"training.precision={precision}")
    assert history["accuracy"].iloc[-1] > 0.5
    model = keras.saving.load_model(folder / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


TWO_DEVICES = textwrap.dedent(
    """
    import sys, tensorflow as tf
    from keras_recurrent.pipelines import cli
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    cli.main(sys.argv[1:])
    """
)


@pytest.mark.slow
def test_two_devices_together_learn_what_one_learns(tmp_path):
    histories = {}
    for name, devices in {"one": "[CPU:0]", "two": "[CPU:0,CPU:1]"}.items():
        options = [
            "--set",
            f"training.devices={devices}",
            "--set",
            "training.epochs=3",
            "--set",
            "model.dropout=0",
            *SHORT,
        ]
        done = subprocess.run(
            [sys.executable, "-c", TWO_DEVICES, "train", "mnist_rows", "--output", tmp_path, "--name", name, *options],
            capture_output=True,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        )
        assert done.returncode == 0, done.stderr
        histories[name] = pd.read_csv(tmp_path / "mnist_rows" / name / "history.csv").drop(columns="seconds")
    for name, tolerance in {"loss": 1e-3, "val_loss": 1e-3, "accuracy": 0.02, "val_accuracy": 0.02}.items():
        np.testing.assert_allclose(histories["two"][name], histories["one"][name], atol=tolerance)


@pytest.mark.slow
def test_two_devices_resume(tmp_path):
    """Killed after its second epoch, a training on two devices goes on as if it had not been."""
    options = ["training.devices=[CPU:0,CPU:1]", "training.epochs=12", "training.batch_size=16"]
    options = [*SHORT, *(part for option in options for part in ("--set", option))]

    def command(name, *more):
        return [sys.executable, "-c", TWO_DEVICES, "train", "mnist_rows", "--output", tmp_path, "--name", name, *more]

    def history(name):
        path = tmp_path / "mnist_rows" / name / "history.csv"
        return pd.read_csv(path).drop(columns="seconds") if path.exists() else pd.DataFrame()

    subprocess.run(command("whole", *options), check=True, capture_output=True)
    with subprocess.Popen(command("cut", *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        while len(history("cut")) < 2 and child.poll() is None:
            time.sleep(0.01)
        child.kill()
    assert 2 <= len(history("cut")) < 12
    subprocess.run(command("cut", "--resume"), check=True, capture_output=True)
    np.testing.assert_allclose(history("cut"), history("whole"), rtol=1e-5, atol=1e-6)
    starts = json.loads((tmp_path / "mnist_rows/cut/environment.json").read_text())["starts"]
    assert [len(start["devices"]) for start in starts] == [2, 2]


@pytest.mark.slow
def test_xla_computes_the_same(tmp_path):
    plain, compiled = (
        trained(tmp_path / name, "training.epochs=2", f"training.jit_compile={name}", "model.dropout=0")[1]
        for name in ("false", "true")
    )
    np.testing.assert_allclose(plain[["loss", "val_loss"]], compiled[["loss", "val_loss"]], rtol=1e-3)


def test_xla_is_not_given_kernels_that_it_does_not_know():
    from keras_recurrent.pipelines.core.config import RecurrentModel
    from keras_recurrent.pipelines.stages.model import recurrent_stack

    sequence = keras.Input((5, 3))
    for use_cudnn in (True, False):
        model = keras.Model(sequence, recurrent_stack(sequence, RecurrentModel(depth=2), use_cudnn=use_cudnn))
        assert [layer.use_cudnn for layer in model.layers[1:]] == [use_cudnn and "auto"] * 2


def test_weight_decay_leaves_biases_alone():
    layer = keras.layers.LSTM(3)
    layer.build((None, 4, 2))
    decayed = optimizer(Training(weight_decay=0.1, schedule="constant"), 1)
    decayed.build(layer.trainable_variables)
    before = {variable.name: variable.numpy() for variable in layer.trainable_variables}
    decayed.apply([keras.ops.zeros_like(variable) for variable in layer.trainable_variables])
    after = {variable.name: variable.numpy() for variable in layer.trainable_variables}
    assert (after["bias"] == before["bias"]).all()
    assert (np.abs(after["kernel"]) < np.abs(before["kernel"])).all()
    assert (np.abs(after["recurrent_kernel"]) < np.abs(before["recurrent_kernel"])).all()


def test_accuracy_counts_examples_that_are_wholly_right():
    probabilities = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.9, 0.1], [0.2, 0.8]]], np.float32)
    assert accuracy(np.array([[0, 1], [0, 0]]), probabilities).numpy().tolist() == [1, 0]
    assert accuracy(np.array([0, 1, 1]), probabilities.reshape(4, 2)[:3]).numpy().tolist() == [1, 1, 0]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_with_a_share_of_each_label_spread_over_all_classes(smoothing):
    probabilities = np.random.default_rng(0).dirichlet([1, 1, 1], (5, 2)).astype("float32")
    labels = np.random.default_rng(1).integers(0, 3, (5, 2))
    wanted = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
    given = Loss(smoothing)(labels, probabilities)
    np.testing.assert_allclose(given, -(wanted * np.log(probabilities)).sum(-1), rtol=1e-4)
