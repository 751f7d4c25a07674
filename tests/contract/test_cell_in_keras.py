"""Every layer is a citizen of Keras: configuration, files, precision, compilation, its own test suite."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from cell_cases import UNITS, Case, assert_close, every_case, every_cell, to_numpy
from keras.src import testing

from keras_recurrent.layers import paths
from keras_recurrent.pipelines.core.cells import GATED_CELLS, WITHOUT_RECURRENT_KERNEL, layer_class

ONE_RECURRENT_KERNEL = [
    "elman",
    "jordan",
    "lstm",
    "gru",
    "ugrnn",
    "peephole_lstm",
    "layer_norm_lstm",
    "layer_norm_gru",
    "mgu",
    "janet",
    "fast_rnn",
    "fast_grnn",
    "nas_rnn",
    "echo_state",
]
"""Cells whose state enters the gates through `recurrent_kernel` alone."""

RUN_SAVED = """
import sys, keras, numpy as np
import keras_recurrent.layers
x, expected = np.load(sys.argv[2]).values()
assert np.array_equal(keras.models.load_model(sys.argv[1])(x), expected)
"""


@every_case
def test_configuration_makes_the_same_layer(case):
    layer = case.layer(
        dropout=0.25,
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(0.5),
        bias_constraint="non_neg",
        return_sequences=True,
        go_backwards=True,
        seed=3,
        name="chosen",
    )
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    assert again.kernel_regularizer.l2 == 0.5
    for name, value in case.options.items():
        expected = keras.activations.get(value) if "activation" in name else value
        assert getattr(again, name) == expected
    cell = type(layer.cell).from_config(layer.cell.get_config())
    assert cell.get_config() == layer.cell.get_config()


@every_case
def test_a_saved_file_gives_the_same_bits(case, tmp_path):
    model = keras.Sequential([keras.Input((None, case.features)), case.built(return_sequences=True)])
    x = case.inputs()
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(x), model(x))


@pytest.mark.slow
@every_cell
def test_another_process_loads_the_file_by_importing_the_package(case, tmp_path):
    model = keras.Sequential([keras.Input((None, case.features)), case.built()])
    x = case.inputs()
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", x=x, expected=model(x))
    files = [str(tmp_path / "model.keras"), str(tmp_path / "data.npz")]
    subprocess.run([sys.executable, "-c", RUN_SAVED, *files], check=True, timeout=120)


@pytest.mark.slow
@every_cell
def test_eager_graph_and_xla_agree(case):
    layer = case.built(return_sequences=True)
    x = tf.constant(case.inputs())
    eager = layer(x)
    assert_close(tf.function(layer)(x), eager, what="graph")
    assert_close(tf.function(lambda x: layer(x), jit_compile=True)(x), eager, what="XLA")
    with paths.use("loop"):
        assert_close(tf.function(lambda x: layer(x), jit_compile=True)(x), eager, what="XLA of the plain loop")


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [False, True], ids=["plain", "jit_compile"])
@every_cell
def test_trains_in_fit(case, jit_compile):
    """One step of plain gradient descent in `fit` moves the weights as the gradient of the eager loop does."""
    x = case.inputs(batch=5)
    inputs = keras.Input((7, case.features))
    layer = case.built()
    model = keras.Model(inputs, layer(inputs))
    with tf.GradientTape() as tape, paths.use("loop"):
        loss = tf.reduce_mean(tf.square(layer(x) - 1.0))
    trained = layer.trainable_weights
    before = [weight.numpy() for weight in trained]
    gradients = tape.gradient(loss, [weight.value for weight in trained])
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
    if not trained:
        pytest.skip("a reservoir has no trained weights")
    model.fit(x, np.ones((5, UNITS)), batch_size=5, verbose=0)
    for weight, start, gradient in zip(trained, before, gradients, strict=True):
        expected = start - 0.1 * np.asarray(gradient)
        if weight.constraint is not None:
            expected = to_numpy(weight.constraint(keras.ops.convert_to_tensor(expected)))
        assert_close(weight.numpy(), expected, what=weight.name)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@every_cell
def test_mixed_precision_stays_near_float32(case, policy):
    x = case.inputs(time=40)
    full = case.built(return_sequences=True, return_state=True)
    mixed = case.built(return_sequences=True, return_state=True, dtype=policy)
    results = mixed(x)
    assert {keras.backend.standardize_dtype(each.dtype) for each in results} == {policy.removeprefix("mixed_")}
    tolerance = 0.02 if policy == "mixed_float16" else 0.2
    assert_close([np.asarray(to_numpy(each), "float32") for each in results], full(x), tolerance)
    model = keras.Sequential([keras.Input((40, case.features)), case.layer(dtype=policy)])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(x, np.ones((3, UNITS)), verbose=0).history["loss"][0])


@every_case
def test_dropout_and_zoneout_act_while_training_alone(case):
    options = {"dropout": 0.4, "seed": 3}
    if case.layer().cell.zoneout_states:
        options["zoneout"] = 0.3
    layer, same_seed = case.built(**options), case.built(**options)
    x = case.inputs()
    first, second = to_numpy(layer(x, training=True)), to_numpy(layer(x, training=True))
    assert np.abs(first - second).max() > 1e-3
    assert_close(same_seed(x, training=True), first)
    assert_close(layer(x), layer(x))


@every_case
def test_without_training_zoneout_is_its_expectation(case):
    layer = case.layer()
    if not layer.cell.zoneout_states:
        pytest.skip("there is no state for it")
    plain, zoned = case.built(), case.built(zoneout=0.3)
    x = case.inputs(time=4)
    states = plain.cell.get_initial_state(batch_size=3)
    for time in range(4):
        _, new = plain.cell(x[:, time], states)
        _, actual = zoned.cell(x[:, time], states)
        kept = zip(states, new, range(len(new)), strict=True)
        expected = [0.3 * h + 0.7 * n if k < plain.cell.zoneout_states else n for h, n, k in kept]
        assert_close(actual, expected, 1e-6)
        states = new


@every_case
def test_in_training_zoneout_keeps_that_share_of_the_units(case):
    if not case.layer().cell.zoneout_states:
        pytest.skip("there is no state for it")
    plain, zoned = case.built(units=60), case.built(units=60, zoneout=0.3, seed=2)
    x = case.inputs(batch=40, time=2)
    states = plain.cell.get_initial_state(batch_size=40)
    _, states = plain.cell(x[:, 0], states)
    new, actual = plain.cell(x[:, 1], states)[1], zoned.cell(x[:, 1], states, training=True)[1]
    for h, n, a in list(zip(*to_numpy([states, new, actual]), strict=True))[: plain.cell.zoneout_states]:
        kept, moved = np.isclose(a, h, atol=1e-6), np.isclose(a, n, atol=1e-6)
        assert np.all(kept | moved)
        differs = ~np.isclose(h, n, atol=1e-5)
        assert kept[differs].mean() == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("lstm", "gru") else pytest.mark.slow)
        for name in GATED_CELLS
        if not name.startswith("keras.")
    ],
)
def test_chrono_initialisation_spreads_the_memory(name):
    """Biases of memory gates are plus or minus the log of times that are uniform in (1, 99)."""
    layer = layer_class(name)(400, chrono=100, **({"heads": 400} if name == "mlstm" else {}))  # a gate has one a head
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 3, 5), "float32"), np.ones((2, 1)), verbose=0)  # which builds it within a trace
    cell = type(layer).from_config(layer.get_config()).cell
    cell.build((None, 5))
    weight = cell.gate_bias if hasattr(cell, "gate_bias") else cell.bias
    names = {"fast_grnn": ("z",), "mlstm": ("i", "f"), "sru": ("f", "r")}.get(name, cell.gates)
    values = np.split(to_numpy(weight).reshape(-1, to_numpy(weight).shape[-1])[0], len(names))
    assert set(cell.memory_gates) & set(names)
    for gate, bias in zip(names, values, strict=True):
        if gate not in cell.memory_gates:
            assert not bias.any()
            continue
        times = np.exp(cell.memory_gates[gate] * bias)
        assert len(times) == 400
        assert times.min() > 1
        assert times.max() < 99
        assert times.mean() == pytest.approx(50, abs=8)


@pytest.mark.parametrize("name", ONE_RECURRENT_KERNEL)
def test_recurrent_dropout_drops_rows_of_the_recurrent_kernel(name):
    case = Case(name)
    dropped, plain = case.built(recurrent_dropout=0.5, seed=4), case.built()
    x = case.inputs(batch=1)
    states = dropped.cell.get_initial_state(batch_size=1)
    outputs = []
    for time in range(x.shape[1]):
        output, states = dropped.cell(x[:, time], states, training=True)
        outputs.append(to_numpy(output))
    mask = to_numpy(dropped.cell.get_recurrent_dropout_mask(x[:, 0]))
    assert set(np.unique(mask)) == {0.0, 2.0}
    kernel = plain.cell.recurrent_kernel
    kernel.assign(to_numpy(kernel) * mask[0][:, np.newaxis])
    plain.return_sequences = True
    assert_close(np.concatenate(outputs), plain(x)[0])


@every_cell
def test_recurrent_dropout_is_one_mask_a_sequence(case):
    """What variational dropout drops for a sequence equals a recurrent kernel without those rows."""
    if case.name in WITHOUT_RECURRENT_KERNEL:
        pytest.skip("there is no recurrent kernel")
    layer = case.built(recurrent_dropout=0.5, seed=4)
    x = case.inputs()
    outputs = [to_numpy(layer(x, training=True)) for _ in range(2)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-4
    states = layer.cell.get_initial_state(batch_size=3)
    layer.cell.reset_recurrent_dropout_mask()
    for time in range(x.shape[1]):
        _, states = layer.cell(x[:, time], states, training=True)
        if time == 0:
            mask = layer.cell.get_recurrent_dropout_mask(x[:, 0])
    assert layer.cell.get_recurrent_dropout_mask(x[:, 0]) is mask
    assert set(np.unique(to_numpy(mask))) <= {0.0, 2.0}


@pytest.mark.slow
@every_cell
def test_passes_the_layer_test_of_keras(case):
    layer = case.layer()
    layer.build((3, 4, case.features))
    testing.TestCase().run_layer_test(
        type(layer),
        init_kwargs={"units": UNITS, **case.options},
        input_shape=(3, 4, case.features),
        call_kwargs={"training": True},
        expected_output_shape=(3, UNITS),
        expected_num_trainable_weights=len(layer.trainable_weights),
        expected_num_non_trainable_weights=len(layer.non_trainable_weights),
        supports_masking=True,
        run_training_check=bool(layer.trainable_weights),
    )


@every_cell
def test_the_configuration_knows_what_the_cell_takes(case):
    """The lists in `pipelines/cells.py`, which must not import Keras, agree with the classes."""
    layer = case.layer()
    assert (case.name in GATED_CELLS) == hasattr(layer, "chrono")
    if case.name in WITHOUT_RECURRENT_KERNEL:
        with pytest.raises(ValueError, match="recurrent_dropout must be 0"):
            case.layer(recurrent_dropout=0.1)
    else:
        case.layer(recurrent_dropout=0.1)
