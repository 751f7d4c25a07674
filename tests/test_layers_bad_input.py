"""What a user gets wrong with a layer is told with the layer, the argument, what was got and what is expected."""

import keras
import numpy as np
import pytest

from keras_recurrent.layers import GRU, LSTM, MLSTM, EchoState, IndRNN, MinGRU, paths

X = np.ones((2, 3, 4), "float32")

BAD_ARGUMENTS = {
    "no units": (lambda: LSTM(0), ["units", "LSTMCell", "positive integer", "got 0"]),
    "half a unit": (lambda: GRU(2.5), ["units", "GRUCell", "positive integer", "got 2.5"]),
    "a word for units": (lambda: GRU("many"), ["units", "positive integer", "'many'"]),
    "dropout of everything": (lambda: LSTM(3, dropout=1.0), ["dropout", "[0, 1)", "got 1.0"]),
    "negative rate": (lambda: LSTM(3, recurrent_dropout=-0.1), ["recurrent_dropout", "[0, 1)", "-0.1"]),
    "zoneout too large": (lambda: LSTM(3, zoneout=2), ["zoneout", "[0, 1)", "got 2"]),
    "too many rates": (lambda: GRU(3, zoneout=[0.1, 0.2]), ["zoneout", "list of 1", "[0.1, 0.2]"]),
    "zoneout without a state for it": (lambda: MLSTM(4, zoneout=0.1), ["MLSTMCell", "zoneout=0"]),
    "nothing to drop": (lambda: MinGRU(3, recurrent_dropout=0.1), ["MinGRUCell", "recurrent_dropout must be 0"]),
    "chrono too short": (lambda: LSTM(3, chrono=2), ["chrono", "at least 3", "chrono=2"]),
    "chrono without a bias": (lambda: LSTM(3, chrono=9, use_bias=False), ["chrono", "use_bias=False"]),
    "heads that do not divide": (lambda: MLSTM(5, heads=2), ["heads", "MLSTM", "2"]),
    "an unknown argument": (lambda: LSTM(3, unit=4), ["unit"]),
    "no leak": (lambda: EchoState(3, leak=0.0), ["leak", "EchoStateCell"]),
    "a length that is none": (lambda: IndRNN(3, steps=0), ["steps", "IndRNNCell", "0"]),
    "an unknown kernel choice": (lambda: LSTM(3, use_cudnn="maybe"), ["use_cudnn", "'auto'", "'maybe'"]),
    "an unknown path": (lambda: paths.use("fast").__enter__(), ["fast", "loop", "compiled"]),
}

BAD_CALLS = {
    "a vector": (lambda: LSTM(3)(X[:, 0]), ["expected ndim=3", "ndim=2"]),
    "one state of two": (lambda: LSTM(3)(X, initial_state=[np.ones((2, 3))]), ["initial_state", "LSTM", "2 tensor(s)"]),
    "a state of another size": (
        lambda: GRU(3)(X, initial_state=[np.ones((2, 5))]),
        ["initial_state", "GRU", "(batch, 3)", "(2, 5)"],
    ),
    "a mask for every feature": (lambda: GRU(3)(X, mask=X > 0), ["mask", "GRU", "(batch, time)", "(2, 3, 4)"]),
    "a mask for every row": (lambda: GRU(3)(X, mask=X[:, 0, 0] > 0), ["mask", "GRU", "(batch, time)", "(2,)"]),
    "unrolling an unknown time": (
        lambda: GRU(3, unroll=True)(keras.Input((None, 4))),
        ["unroll", "time dimension"],
    ),
    "stateful with an unknown batch": (lambda: GRU(3, stateful=True)(keras.Input((3, 4))), ["stateful", "batch"]),
    "a kernel that this machine does not have": (
        lambda: LSTM(3, use_cudnn=True, zoneout=0.1)(X),
        ["use_cudnn", "LSTM", "'auto' or False", "got True"],
    ),
    "no such path": (lambda: _on("parallel", GRU(3)), ["GRU", "'parallel'"]),
}


def _on(path, layer):
    with paths.use(path):
        return layer(X)


@pytest.mark.parametrize("kind", BAD_ARGUMENTS)
def test_bad_arguments(kind):
    make, words = BAD_ARGUMENTS[kind]
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the words are checked below
        make()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("kind", BAD_CALLS)
def test_bad_calls(kind):
    call, words = BAD_CALLS[kind]
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the words are checked below
        call()
    for word in words:
        assert word in str(caught.value)


def test_a_stateful_layer_refuses_another_batch_size():
    layer = LSTM(3, stateful=True)
    layer(X)
    with pytest.raises(ValueError, match=r"batch size[\s\S]*2[\s\S]*1"):
        layer(X[:1])
