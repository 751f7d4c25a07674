"""How a layer runs over time: the paths, and which one it takes.

- `loop`: the loop that Keras runs for its own layers, step by step. Every cell has it, on every backend.
- `compiled`: on the TensorFlow backend and a CPU, a loop that XLA compiles as one piece. Its gradient is the reverse
  recurrence (`tensorflow_loop.py`).
- `parallel`: all time steps at once, for cells whose recurrence is linear in the state (`scan.py`).
- `fused`: the kernel that the backend has for this cell on a GPU.

`choose` takes the fastest path, known from measurements (`benchmarks/RESULTS.md`). `use` overrides it.
"""

import contextlib
import contextvars

import keras
from keras import ops

from .checks import invalid
from .keras_private import backend
from .scan import takes_open_time

PATHS = ("loop", "compiled", "parallel", "fused")
NARROW, LONG = 4, 64
"""With at least NARROW times as many units as features, and LONG time steps, every cell trains faster compiled, even
though that projects its inputs twice."""

_wanted = contextvars.ContextVar("path", default=(None, None))
_few_lengths = contextvars.ContextVar("few lengths", default=False)


@contextlib.contextmanager
def use(path, otherwise=None):
    """Within this context the layers of this package take the given path.

    Args:
        path: One of `PATHS`.
        otherwise: The path for layers that cannot take it. None: they raise an error.

    Raises:
        ValueError: If the path is unknown. A layer that cannot take the path raises it when called.

    Example:

    >>> import numpy as np
    >>> from keras_recurrent.layers import MinGRU, paths
    >>> layer, x = MinGRU(3), np.ones((2, 5, 4), "float32")
    >>> with paths.use("parallel"):
    ...     parallel = layer(x)
    >>> with paths.use("loop"):
    ...     loop = layer(x)
    >>> bool(abs(parallel - loop).numpy().max() < 1e-6)
    True
    """
    if path not in PATHS:
        raise ValueError(f"Expected one of the paths {', '.join(PATHS)}, got {path!r}.")
    token = _wanted.set((path, otherwise))
    try:
        yield
    finally:
        _wanted.reset(token)


@contextlib.contextmanager
def few_lengths():
    """Declares that within this context sequences of open length come in few lengths, as padded batches do.

    It then pays to compile a loop for each length; otherwise only layers with a static number of time steps do so.
    """
    token = _few_lengths.set(True)
    try:
        yield
    finally:
        _few_lengths.reset(token)


def run(layer, sequences, states, mask, noise, training):
    """Runs the cell of a layer over time.

    Args:
        layer: The layer, which has the cell and the settings.
        sequences: Tensor of shape `(batch, time, features)`.
        states: List of tensors of shape `(batch, size)`.
        mask: Tensor of shape `(batch, time)`, or None.
        noise: Booleans that zoneout drew, of shape `(batch, time, units)`, or None.
        training: Whether dropout acts.

    Returns:
        Tuple `(last_output, outputs, new_states)`; without `return_sequences`, do not use `outputs`.
    """
    wanted, otherwise = _wanted.get()
    path = wanted or choose(layer, sequences, mask, training)
    if layer.unroll or (path in ("parallel", "fused") and not possible(layer, path, sequences, mask, training)):
        if otherwise is None:
            _refuse_if_wanted(layer, path)
        path = otherwise or "loop"
    return _RUN[path](layer, sequences, states, mask, noise, training)


def choose(layer, sequences, mask, training):
    """The fastest path that a layer can take with these inputs."""
    cell = layer.cell
    steps = sequences.shape[1]
    if possible(layer, "fused", sequences, mask, training) and has_gpu():
        return "fused"
    parallel = possible(layer, "parallel", sequences, mask, training)
    if parallel and (cell.parallel_everywhere or has_gpu() or keras.backend.backend() == "torch"):
        return "parallel"
    several = steps > 1 if steps is not None else _few_lengths.get()
    if keras.backend.backend() == "tensorflow" and not has_gpu() and several:
        from . import tensorflow_loop

        narrow_and_long = NARROW * sequences.shape[2] <= cell.units and (steps or LONG) >= LONG
        if tensorflow_loop.in_graph() and (not training or cell.compiled_training or narrow_and_long):
            return "compiled"
    return "loop"


def possible(layer, path, sequences, mask, training):
    """Whether a layer can take the path `parallel` or `fused` with these inputs."""
    cell = layer.cell
    zoned = any(cell.zoneout) if isinstance(cell.zoneout, list) else cell.zoneout
    if path == "parallel":
        length = sequences.shape[1] is not None or (cell.parallel_of_open_time and takes_open_time())
        return hasattr(cell, "parallel") and mask is None and not zoned and length
    dropped = training and cell.recurrent_dropout
    return getattr(layer, "use_cudnn", False) is not False and not dropped and not zoned


def has_gpu():
    """Whether the backend has a GPU to run on."""
    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
    if name == "jax":
        import jax

        return jax.default_backend() == "gpu"
    if name == "torch":
        import torch

        return torch.cuda.is_available()
    return False


def _loop(layer, sequences, states, mask, noise, training):
    cell = layer.cell
    first = []
    if mask is not None and keras.backend.backend() == "jax" and not layer.unroll:
        # At a masked step Keras repeats the first state on JAX, the last output elsewhere: so that is the first state.
        first = [ops.zeros((ops.shape(sequences)[0], cell.output_size), dtype=cell.compute_dtype)]

    def step(inputs, states):
        x, keep = inputs if noise is not None else (inputs, None)
        states = list(states)[len(first) :]
        if layer.stateful and keras.backend.backend() == "torch":
            states = [ops.copy(state) for state in states]  # which are assigned to before the gradient is taken
        output, new_states = cell.advance(x, states, keep, training)
        return output, [output] * len(first) + list(new_states)

    last, outputs, states = backend.rnn(
        step,
        sequences if noise is None else (sequences, noise),
        first + list(states),
        mask=mask,
        unroll=layer.unroll,
        input_length=sequences.shape[1],
        zero_output_for_mask=layer.zero_output_for_mask,
        return_all_outputs=layer.return_sequences,
    )
    return last, outputs, list(states)[len(first) :]


def _compiled(layer, sequences, states, mask, noise, training):
    from . import tensorflow_loop

    return tensorflow_loop.run(layer, sequences, states, mask, noise, training)


def _parallel(layer, sequences, states, mask, noise, training):
    cell = layer.cell
    if training and cell.dropout:
        sequences = sequences * ops.expand_dims(cell.get_dropout_mask(sequences[:, 0]), 1)
    outputs, new_states = cell.parallel(sequences, states)
    outputs = ops.cast(outputs, cell.compute_dtype)
    return outputs[:, -1], outputs, list(new_states)


def _fused(layer, sequences, states, mask, noise, training):
    cell = layer.cell
    if training and cell.dropout:
        sequences = sequences * ops.expand_dims(cell.get_dropout_mask(sequences[:, 0]), 1)
    try:
        return cell.fused(sequences, states, mask, layer.return_sequences)
    except NotImplementedError:
        _refuse_if_wanted(layer, "fused")
        return _loop(layer, sequences, states, mask, noise, training)


def _refuse_if_wanted(layer, path):
    if path == "fused" and getattr(layer, "use_cudnn", None) is True:
        raise invalid(
            layer, "use_cudnn", "'auto' or False, since the backend has no kernel for these arguments and inputs", True
        )
    if _wanted.get()[0] == path != "loop":
        raise ValueError(
            f"{layer.__class__.__name__} {layer.name!r} cannot take the path {path!r} with these arguments and inputs."
        )


_RUN = {"loop": _loop, "compiled": _compiled, "parallel": _parallel, "fused": _fused}
