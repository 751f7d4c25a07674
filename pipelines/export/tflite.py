"""Exports a Keras model to TensorFlow Lite."""

from pathlib import Path

from ..core.files import whole
from . import int8, loop
from .converter import check_quantization, convert
from .errors import ExportError, NotSteppableError
from .flatbuffer import require_builtin_only
from .keras_backend import check_keras, folded_time_distributed, recurrent_loop, unrolled_loop
from .scan import all_at_once
from .stepping import trace_step
from .terminal import captured_output
from .tracing import as_functional, from_the_start, trace

SIGNATURES = ("sequence", "step")


def export_tflite(model, path, quantization=None, representative_data=None, signatures=None, inputs=None):
    """Writes a Keras model as a TensorFlow Lite file that needs builtin operations only.

    The signature `sequence` takes whole sequences. Its inputs and outputs have the same names as in the model; a layer
    with several outputs gives `name, name_1, ...`. Batch and time are dynamic where the model leaves them `None`. The
    export supports any recurrent layer that runs on the loop of Keras, including custom cells and masks. Layers in
    mixed precision compute in float32, and `TimeDistributed` folds time into the batch.

    The signature `step` takes one time step, without the time axis, and `state_0, state_1, ...`, which begin as zeros;
    it returns the outputs and the new states. `pipelines.runtime.StreamingModel` runs it. It shares the weights of
    `sequence` and gives the same answers, which is checked over five time steps beyond the reach of convolutions. Only
    models that can answer from their states alone have it.

    Args:
        model: A built Keras model: Functional, Sequential, or a subclass of `keras.Model`.
        path: Path of the file to write. Its folder is created, and the file is written whole or not at all.
        quantization: `None`; `"dynamic_range"`, weights in 8 bits, a third of the size or less; `"float16"`, weights in
            16 bits, half of the size; or `"int8"`, weights and activations in 8 bits, for the signature `step`, and for
            `sequence` if the model has a fixed length of at most 80 steps. Small tensors, inputs and outputs keep their
            types.
        representative_data: For int8, a few hundred examples of the model's inputs, which determine the ranges of the
            activations: an array, or a dict of arrays by input name.
        signatures: Signatures of the file: `"sequence"`, `"step"`, or both. `None` stands for `sequence`, and `step` if
            the model can be stepped.
        inputs: Inputs of a subclass of `keras.Model`: one `keras.Input`, or a list or dict of them. `None` if it has
            been called with one tensor of real numbers.

    Raises:
        ValueError: If the model is not built, a subclassed model has no known inputs, an input name cannot stand in a
            signature, the quantization or a signature is unknown, or the representative data do not fit.
        ExportError: If the model needs an operation that is not builtin (the message names it and its layer), cannot be
            converted for another reason, or cannot be stepped though `step` was asked for (`NotSteppableError`).

    Example:

    ```python
    rows = keras.Input((None, 28), name="rows")
    scores = keras.layers.Dense(10, name="scores")(keras.layers.LSTM(64)(rows))
    export_tflite(keras.Model(rows, scores), "model.tflite")

    interpreter = ai_edge_litert.interpreter.Interpreter("model.tflite")
    interpreter.get_signature_runner("sequence")(rows=x)["scores"]
    ```
    """
    check_quantization(quantization)
    wanted = _check_signatures(signatures)
    check_keras()
    model = as_functional(model, inputs)
    data = int8.check_data(model, representative_data) if quantization == "int8" else None
    with captured_output() as output, folded_time_distributed(), from_the_start(model):
        module, functions = _trace_signatures(model, wanted)
        if data is not None:
            functions = _without_loops(model, module, functions, wanted)
        content = convert(module, functions, [model], quantization, output, data)
    require_builtin_only(content)
    with whole(Path(path)) as temporary:
        temporary.write_bytes(content)


def _check_signatures(signatures):
    wanted = (signatures,) if isinstance(signatures, str) else signatures
    if wanted is not None and (not wanted or set(wanted) - set(SIGNATURES)):
        raise ValueError(f"Unknown signatures {signatures!r}; choose from {', '.join(map(repr, SIGNATURES))}.")
    return wanted


def _trace_signatures(model, wanted):
    """The module that holds the weights, and a concrete function for each signature."""
    with recurrent_loop(loop.rnn):
        module, sequence = trace(model, "sequence", walk=all_at_once())
    functions = {"sequence": sequence}
    if wanted is None or "step" in wanted:
        try:
            functions["step"] = trace_step(model, sequence)
        except NotSteppableError:
            if wanted is not None:
                raise
    return module, {name: function for name, function in functions.items() if wanted is None or name in wanted}


def _without_loops(model, module, functions, wanted):
    """The signatures that can be converted to int8: an unrolled `sequence`, if it is short, and `step`."""
    if int8.can_unroll(model) and "sequence" in functions:
        with unrolled_loop():
            module.unrolled, functions["sequence"] = trace(model, "sequence")
    elif wanted is not None and "sequence" in wanted:
        raise ExportError(
            f"In int8 whole sequences need a fixed length of at most {int8.LONGEST} steps; ask for 'step'."
        )
    else:
        functions.pop("sequence", None)
    if not functions:
        raise ExportError(
            f"{model.name!r} cannot be converted to int8: its length is not fixed to at most {int8.LONGEST} steps, and "
            "it cannot be stepped."
        )
    return functions
