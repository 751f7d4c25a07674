"""Models that carry their state over contiguous streams."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_recurrent import layers
from keras_recurrent.pipelines.core import runs
from keras_recurrent.pipelines.core.config import Config, DataSection, Evaluation, RecurrentModel, Training
from keras_recurrent.pipelines.core.console import progress
from keras_recurrent.pipelines.core.data import Data
from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.core.pipeline import Pipeline
from keras_recurrent.pipelines.stages import checkpoint
from keras_recurrent.pipelines.stages.data import (
    Split,
    evaluation_batches,
    in_streams,
    steps_of_epoch,
    training_batches,
)
from keras_recurrent.pipelines.stages.streams import carried, forget
from keras_recurrent.pipelines.stages.training import train
from keras_recurrent.pipelines.tasks.classification.task import CLASSIFICATION

BATCH, STEPS, SYMBOLS = 3, 5, 4


def pieces(count, seed):
    """Contiguous pieces of a text in which each symbol depends on the second but one; labels are what comes next."""
    rng, text = np.random.default_rng(seed), [0, 1]
    for _ in range(count * STEPS):
        text.append((text[-2] + int(rng.random() < 0.2)) % SYMBOLS)
    text = np.array(text, np.int32)
    inputs, labels = (text[shift : shift + count * STEPS].reshape(count, STEPS) for shift in (1, 2))
    return Split(inputs, labels, "streams")


def build(config, data, precision, stateful=True, rows=BATCH, steps=STEPS):
    tokens = keras.Input(batch_shape=(rows, steps), dtype="int32")
    x = keras.layers.Embedding(SYMBOLS, 6)(tokens)
    x = layers.GRU(8, return_sequences=True, stateful=stateful, name="ours")(x)
    x = keras.layers.LSTM(8, return_sequences=True, stateful=stateful, dropout=0.2, name="of_keras")(x)
    return keras.Model(tokens, keras.layers.Dense(SYMBOLS, activation="softmax")(x))


@pytest.fixture(scope="module")
def data():
    return Data(pieces(41, 0), pieces(10, 1), pieces(10, 2), tuple("abcd"))


def a_run(folder, epochs, batch_size=BATCH):
    task = replace(
        CLASSIFICATION,
        compiled=lambda config: {"loss": "sparse_categorical_crossentropy"},
        monitor="val_loss",
        mode="min",
    )
    nothing = dict.fromkeys(("about", "limits", "loading"), "")
    pipeline = Pipeline(
        name="streams",
        **nothing,
        primary=lambda config: "log_loss",
        about_data=lambda config: "",
        config=Config,
        load=lambda config: None,
        build=build,
        task=lambda: task,
        baselines=lambda config: {},
        examine=None,
        predict=None,
    )
    config = Config(
        pipeline="streams",
        preset="none",
        data=DataSection(source="drawn"),
        model=RecurrentModel(),
        training=Training(epochs=epochs, batch_size=batch_size, schedule="constant", learning_rate=0.01),
        evaluation=Evaluation(),
    )
    return runs.Run(folder, pipeline, config) if folder.exists() else runs.create(folder, pipeline, config)


def test_each_row_goes_on_where_it_ended(data):
    batches = [x for x, _ in training_batches(data.train, BATCH, 0, range(2)).as_numpy_iterator()]
    each = steps_of_epoch(data.train, BATCH)
    assert each == 13
    assert len(batches) == 2 * each
    streams = np.concatenate(batches[:each], axis=1)
    np.testing.assert_array_equal(streams, data.train.inputs[: BATCH * each].reshape(BATCH, -1))
    np.testing.assert_array_equal(np.concatenate(batches[each:], axis=1), streams)
    assert sorted(in_streams(41, BATCH)) == list(range(39))


def test_pieces_one_after_the_other_give_what_the_whole_gives(data):
    cut, whole = build(None, None, "float32"), build(None, None, "float32", False, BATCH, 3 * STEPS)
    whole.set_weights([np.array(variable) for variable in cut.trainable_variables])
    forget(cut)
    batches = [x for x, _ in evaluation_batches(data.validation, BATCH).as_numpy_iterator()]
    answers = np.concatenate([cut.predict_on_batch(x) for x in batches], axis=1)
    np.testing.assert_allclose(answers, whole.predict_on_batch(np.concatenate(batches, axis=1)), atol=1e-6)
    first = cut.predict_on_batch(batches[0])
    assert np.abs(first - answers[:, :STEPS]).max() > 1e-4, "it goes on where it ended"
    forget(cut)
    np.testing.assert_allclose(cut.predict_on_batch(batches[0]), answers[:, :STEPS], atol=1e-6)


def test_a_resumed_training_equals_an_uninterrupted_one(data, tmp_path):
    train(whole := a_run(tmp_path / "whole", 4), data, progress(quiet=True))
    train(a_run(tmp_path / "parts", 2), data, progress(quiet=True))
    train(parts := a_run(tmp_path / "parts", 4), data, progress(quiet=True))
    for name in ("loss", "val_loss"):
        np.testing.assert_array_equal(parts.history[name], whole.history[name])
    one, other = (checkpoint.read(run.path / "checkpoints/last.npz")["variables"] for run in (whole, parts))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_checkpoint_holds_what_is_carried(data, tmp_path):
    train(run := a_run(tmp_path / "run", 1), data, progress(quiet=True))
    model = build(None, None, "float32")
    shapes = [state.shape for state in carried(model)]
    assert shapes == [(BATCH, 8)] * 3
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    checkpoint.Checkpoint(run.path / "checkpoints", tmp_path / "history.csv", "val_loss", "min", {}).restore(model)
    assert all(np.abs(np.array(state)).max() > 1e-3 for state in carried(model))


def test_fewer_pieces_than_streams_are_refused(data, tmp_path):
    with pytest.raises(UsageError, match=r"training\.batch_size=20: .* the validation split has 10 pieces"):
        train(a_run(tmp_path / "run", 1, batch_size=20), data, progress(quiet=True))
