"""Forecasts of windows: levels and units, the decoder of segments, quantiles and parameters, files, and TFLite."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st

from keras_recurrent.pipelines.core.config import RecurrentModel
from keras_recurrent.pipelines.export import export_tflite
from keras_recurrent.pipelines.tasks.forecasting.model import (
    SegmentDecoder,
    encoded,
    forecasts,
    leveled,
    monotone,
    on_level,
    relative,
)

WINDOW, HORIZON, TARGETS, FEATURES = 12, 7, 2, 3
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
NUMBERS = {"point": 1, "quantiles": len(LEVELS), "gaussian": 2, "student_t": 3, "variance": 1}


def windows_of(rows=5, seed=0):
    """Targets and features, which begin near 0 and wander."""
    noise = np.random.default_rng(seed).normal(size=(rows, WINDOW, TARGETS + FEATURES)).cumsum(axis=1)
    return noise.astype("float32")


def squares(x):
    """Windows whose targets are squares."""
    return np.concatenate([x[..., :TARGETS] ** 2, x[..., TARGETS:]], axis=-1)


def model_of(cell="keras.gru", units=6, bidirectional=False, depth=1, **changes):
    """A model with random weights."""
    config = RecurrentModel(cell=cell, units=units, bidirectional=bidirectional, depth=depth)
    inputs = keras.Input((WINDOW, TARGETS + FEATURES), name="rows")
    parts = inputs[:, :, :TARGETS], [inputs[:, :, TARGETS : TARGETS + 1], inputs[:, :, TARGETS + 1 :]]
    settings = {"horizon": HORIZON, "segments": (3,)}
    if changes.get("output") == "quantiles":
        settings["quantiles"] = LEVELS
    if changes.get("output") == "variance":
        settings["level"] = "mean"
    model = keras.Model(inputs, forecasts(*parts, config, **settings | changes))
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("decoder", ["segments", "direct"])
@pytest.mark.parametrize("output", NUMBERS)
def test_shapes(output, decoder):
    model = model_of(output=output, decoder=decoder, segments=(3, 4), bidirectional=True)
    shape = (5, HORIZON, 2) if output in ("point", "variance") else (5, HORIZON, 2, NUMBERS[output])
    assert model(squares(windows_of())).shape == shape
    assert model.output_shape == (None, *shape[1:])
    assert model.output_names == ["standardized_forecast"]


@pytest.mark.parametrize("level", ["training", "last", "walk", "mean", "seasonal", "revin"])
def test_levels_and_scales_are_those_of_their_definitions(level):
    x = windows_of()[..., :TARGETS]
    sequences, center, scale = map(keras.ops.convert_to_numpy, leveled(x, level, horizon=7, season=3))
    assert sequences.shape == (5, TARGETS, WINDOW, 1)
    exact = x.astype("float64")
    for target in range(TARGETS):
        values = exact[:, :, target]
        taken_off = {"training": np.zeros(5), "mean": values.mean(axis=1), "revin": values.mean(axis=1)}.get(
            level, values[:, -1]
        )
        put_on = values[:, [9, 10, 11, 9, 10, 11, 9]] if level == "seasonal" else taken_off[:, None]
        changes = np.sqrt(np.square(np.diff(values)).mean(axis=1))
        deviation = {"revin": values.std(axis=1), "walk": changes}.get(level, np.ones(5))
        np.testing.assert_allclose(center[:, :, target], put_on, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scale[:, 0, target], deviation, rtol=1e-3)
        expected = (values - taken_off[:, None]) / deviation[:, None]
        np.testing.assert_allclose(sequences[:, target, :, 0], expected, atol=1e-3)


@pytest.mark.parametrize("level", ["training", "mean"])
def test_squares_are_read_as_roots_beside_the_typical_one(level):
    x = windows_of()[..., :TARGETS].astype("float64") ** 2
    sequences, center, scale = map(keras.ops.convert_to_numpy, relative(np.float32(x), level))
    typical = x.mean(axis=1) if level == "mean" else np.ones((5, TARGETS))
    np.testing.assert_allclose(scale[:, 0], typical, rtol=1e-4)
    np.testing.assert_allclose(sequences[..., 0], np.sqrt(x / typical[:, None]).swapaxes(1, 2), rtol=1e-4)
    assert not center.any()
    with pytest.raises(ValueError, match="training or mean"):
        relative(np.float32(x), "last")


def test_a_season_longer_than_the_window_is_refused():
    with pytest.raises(ValueError, match="A season of 13 steps"):
        model_of(level="seasonal", season=13)


FOLLOWS = {"last": True, "walk": True, "mean": True, "seasonal": True, "revin": True, "training": False}


@pytest.mark.parametrize("level", FOLLOWS)
def test_forecasts_follow_a_shift_of_the_level(level):
    model, x = model_of(level=level, season=4), windows_of()
    shift = np.float32([3, -8, 0, 0, 0])
    moved = model(x + shift).numpy() - model(x).numpy()
    assert np.allclose(moved, shift[:TARGETS], atol=1e-3) == FOLLOWS[level]


@pytest.mark.parametrize("level", ["walk", "revin"])
def test_forecasts_follow_a_change_of_scale(level):
    model, x, scales = model_of(level=level), windows_of(), np.float32([3, 3, 1, 1, 1])
    np.testing.assert_allclose(model(scales * x), 3 * model(x).numpy(), rtol=1e-3, atol=1e-2)


def test_a_variance_follows_a_change_of_scale():
    model, x, scales = model_of(output="variance"), squares(windows_of()), np.float32([9, 9, 1, 1, 1])
    np.testing.assert_allclose(model(scales * x), 9 * model(x).numpy(), rtol=1e-3)


def test_features_count():
    model, x = model_of(), windows_of()
    for feature in range(FEATURES):
        changed = x.copy()
        changed[:, :, TARGETS + feature] += 1
        assert np.abs(model(changed).numpy() - model(x).numpy()).max() > 1e-3


@pytest.mark.slow
def test_a_model_fitted_to_ramps_goes_on_at_any_level():
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    slopes, bases = random.uniform(-1, 1, (256, 1)), random.uniform(0, 100, (256, 1))
    ramps = (bases + slopes * np.arange(WINDOW + 6))[..., None] / 5
    inputs = keras.Input((WINDOW, 1))
    y = forecasts(inputs, [], RecurrentModel(cell="keras.gru", units=16), horizon=6, segments=(3,))
    model = keras.Model(inputs, y)
    model.compile(keras.optimizers.Adam(0.01), "mae")
    model.fit(ramps[:, :WINDOW], ramps[:, WINDOW:], epochs=40, batch_size=32, verbose=0)
    high = ramps + 100
    naive = np.abs(high[:, WINDOW:] - high[:, WINDOW - 1 : WINDOW]).mean()
    assert np.abs(model.predict(high[:, :WINDOW], verbose=0) - high[:, WINDOW:]).mean() < 0.1 * naive


@pytest.mark.parametrize(("horizon", "segment", "numbers"), [(6, 3, 1), (7, 3, 1), (5, 2, 3)])
def test_segments_are_single_steps_of_a_gru(horizon, segment, numbers):
    """Against single steps of the GRU cell of Keras."""
    units, targets = 6, 2
    layer = SegmentDecoder(horizon, segment, numbers)
    layer.build((None, targets, units))
    random = np.random.default_rng(3)
    layer.set_weights([random.normal(0, 0.7, weight.shape) for weight in layer.get_weights()])
    places, of_targets = layer.places.numpy(), layer.targets.numpy()
    V, c = layer.dense.get_weights()
    gru = keras.layers.GRUCell(units)
    gru.build((None, units))
    gru.set_weights([layer.kernel, layer.recurrent_kernel, layer.bias])
    h = random.normal(size=(4, targets, units))
    expected = np.zeros((4, targets, horizon, numbers))
    for row, target, step in np.ndindex(4, targets, horizon):
        place, within = divmod(step, segment)
        e = np.concatenate([places[place], of_targets[target]])
        new = gru(e[None], [h[row, target][None].astype("float32")])[0].numpy()[0]
        expected[row, target, step] = (new @ V + c).reshape(segment, numbers)[within]
    np.testing.assert_allclose(layer(h.astype("float32")), expected, atol=1e-5)


def test_several_lengths_of_segments_are_averaged():
    both, x = model_of(segments=(3, 4)), windows_of()
    total = 0
    for segment in (3, 4):
        alone = model_of(segments=(segment,))
        for layer in alone.layers:
            layer.set_weights(both.get_layer(layer.name).get_weights() if layer.weights else [])
        total = total + alone(x).numpy()
    np.testing.assert_allclose(both(x), total / 2, rtol=1e-5, atol=1e-4)


def test_segments_reach_the_recurrence_as_vectors_in_order():
    rows = keras.Input((2, 6, 2))
    model = keras.Model(rows, encoded(rows, 3, RecurrentModel(cell="keras.simple_rnn", units=4)))
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    W, b, W_x, U, b_h = (weight.astype("float64") for weight in model.get_weights())
    x = random.normal(size=(3, 2, 6, 2))
    h = np.zeros((3, 2, 4))
    for first in (0, 3):
        segment = np.concatenate([x[:, :, first + step] for step in range(3)], axis=-1)
        h = np.tanh(np.maximum(segment @ W + b, 0) @ W_x + h @ U + b_h)
    np.testing.assert_allclose(model(x.astype("float32")), h, atol=1e-5)


@given(st.lists(st.floats(-50, 50, width=32), min_size=5, max_size=5))
def test_quantiles_never_cross(numbers):
    y = np.float32(numbers)[None]
    found = keras.ops.convert_to_numpy(monotone(y, LEVELS))[0]
    assert found[2] == y[0, 2]
    assert (np.diff(found) >= 0).all()
    softplus = np.logaddexp(0, np.float64(numbers))
    np.testing.assert_allclose(found[3:], found[2] + np.cumsum(softplus[3:]), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1::-1], found[2] - np.cumsum(softplus[1::-1]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("quantiles", [(0.1, 0.9), (0.5, 0.1), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0), ()])
def test_quantiles_that_have_no_order_are_refused(quantiles):
    with pytest.raises(ValueError, match="must rise"):
        monotone(np.zeros((1, len(quantiles)), "float32"), quantiles)


def test_parameters_are_on_the_level_of_the_window():
    y = np.float32([[[[0.3, -1.0, 2.0]]]])
    center, scale = np.float32([[[100.0]]]), np.float32([[[10.0]]])
    sd = 10 * np.log1p(np.exp(-1.0))
    np.testing.assert_allclose(on_level(y[..., :2], center, scale, "gaussian")[0, 0, 0], [103, sd], rtol=1e-4)
    t = [2 + np.log1p(np.exp(0.3)), 90, 10 * np.log1p(np.exp(2.0))]
    np.testing.assert_allclose(on_level(y, center, scale, "student_t")[0, 0, 0], t, rtol=1e-4)
    assert on_level(np.full((1, 1, 1, 2), -500.0, "float32"), center, scale, "gaussian").numpy()[..., 1].item() > 0


def test_segments_must_divide_the_window():
    with pytest.raises(ValueError, match="Segments of 5 steps do not divide a window of 12"):
        model_of(segments=(5,))


def test_dropout_is_on_in_training_alone():
    for decoder in ("segments", "direct"):
        model, x = model_of(final_dropout=0.5, decoder=decoder), windows_of()
        assert (model(x).numpy() == model(x).numpy()).all()
        assert (model(x, training=True).numpy() != model(x, training=True).numpy()).any()


@pytest.mark.parametrize("output", ["quantiles", "gaussian", "student_t"])
def test_a_saved_model_gives_the_same(tmp_path, output):
    model = model_of(output=output, segments=(3, 4), level="revin")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(windows_of()), model(windows_of()))


CASES = [
    {"level": "last", "segments": (3, 4), "depth": 2},
    {"level": "mean", "decoder": "direct", "bidirectional": True},
    {"level": "revin", "output": "student_t", "cell": "keras.lstm"},
    {"level": "training", "output": "gaussian", "cell": "lstm"},
    {"level": "mean", "output": "quantiles", "cell": "min_gru"},
    {"level": "seasonal", "season": 5},
    {"level": "mean", "output": "variance"},
]


@pytest.mark.parametrize(
    "case",
    [case if case["level"] != "mean" else pytest.param(case, marks=pytest.mark.slow) for case in CASES],
    ids=lambda case: "-".join(map(str, case.values())),
)
def test_a_tflite_file_gives_the_same_for_any_number_of_windows(tmp_path, case):
    model = model_of(**case)
    export_tflite(model, tmp_path / "model.tflite", signatures="sequence")
    run = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("sequence")
    x = squares(windows_of(5))
    for rows in (x, x[:1], np.concatenate([x, x])):
        np.testing.assert_allclose(run(rows=rows)["standardized_forecast"], model(rows), atol=1e-5)
