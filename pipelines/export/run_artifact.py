"""Runs one exported artefact in a process of its own, which cannot import the library that made it.

Stand-alone script, run by its path as `run_artifact.py RUNTIME PATH INPUTS RESULTS ROWS SIGNATURES`. RUNTIME is
`saved_model`, which needs only TensorFlow, or `tflite`, which needs only NumPy and LiteRT. SIGNATURES are names
separated by commas; the default is `serving_default`, or the first of `sequence`, `decode` and `step` that a file has.
All signatures get the same inputs; the outputs of every signature but the first are called `SIGNATURE_OUTPUT`.
"""

import functools
import re
import sys
import time

import numpy as np

BLOCKED = {"saved_model": ["keras_recurrent", "keras"], "tflite": ["keras_recurrent", "keras", "tensorflow"]}
DEFAULTS = ("serving_default", "sequence", "decode", "step")
BATCH_SIZE = 256
STEPPED = 4  # rows that run through the signature `step` in addition to `sequence`
STATE = re.compile(r"state_\d+")
WARM_UP, TIMED = 3, 100


def load_saved_model(path, names):
    """Loads the signatures of a SavedModel.

    Returns the signatures as functions from arrays to arrays, their inputs, the fixed batch size, if any, and None in
    place of a second way to the same answers. An input is a pair of its dtype and its possible shapes, where None or -1
    is open; no shape means any shape.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(path)
    runs, inputs = {}, {}
    for name in chosen(names, list(model.signatures)):
        signature = model.signatures[name]
        inputs[name] = signature.structured_input_signature[1]

        def run(values, signature=signature, model=model):  # holding the model keeps its variables alive
            outputs = signature(**{name: tf.constant(value) for name, value in values.items()})
            return {
                name: ragged_rows(value) if isinstance(value, tf.RaggedTensor) else value.numpy()
                for name, value in outputs.items()
            }

        runs[name] = run
    specs = shared(inputs)
    taken = {name: (spec.dtype.as_numpy_dtype, [spec.shape] if spec.shape.rank else []) for name, spec in specs.items()}
    return runs, taken, next((spec.shape[0] for spec in specs.values() if spec.shape.rank), None), None


def ragged_rows(tensor):
    """The rows of a ragged tensor as a list of arrays."""
    if tensor.ragged_rank > 1:
        raise ValueError("an output is ragged along several axes, which cannot be compared")
    return np.split(tensor.values.numpy(), tensor.row_splits.numpy()[1:-1])


def load_tflite(path, names):
    """Loads the signatures of a TensorFlow Lite file likewise; `step` is the second way in addition to `sequence`."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    present = list(interpreter.get_signature_list())
    runs, inputs = {}, {}
    for name in chosen(names, present):
        runner = interpreter.get_signature_runner(name)
        details = runner.get_input_details()
        if name == "step":
            runs[name] = by_steps(runner)
            inputs[name] = {key: detail for key, detail in details.items() if not STATE.fullmatch(key)}
        else:
            runs[name] = lambda values, runner=runner: runner(**values)
            inputs[name] = details
    step = by_steps(interpreter.get_signature_runner("step")) if "sequence" in runs and "step" in present else None
    details = shared(inputs)
    taken = {}
    for name, detail in details.items():
        batch, *row = detail["shape_signature"].tolist()
        stepped = [[batch, -1, *row]] if "step" in runs else []
        taken[name] = (detail["dtype"], [[batch, *row], *stepped])
    return runs, taken, None if batch == -1 else batch, step


def chosen(names, present):
    """The signatures to run: the named ones, or else the first of the usual ones that is present."""
    names = names or [name for name in DEFAULTS if name in present][:1]
    if not names or set(names) - set(present):
        raise ValueError(f"the artefact has the signatures {sorted(present)}, and not {names or list(DEFAULTS)}")
    return names


def shared(inputs):
    """The inputs of the first signature, which all signatures must take."""
    first, *others = inputs
    for other in others:
        if set(inputs[first]) != set(inputs[other]):
            raise ValueError(f"{first} takes {sorted(inputs[first])}, and {other} takes {sorted(inputs[other])}")
    return inputs[first]


def run_all(runs, inputs):
    """The outputs of several signatures; outputs of the first signature keep their names."""
    first = next(iter(runs))
    return {
        output if name == first else f"{name}_{output}": value
        for name, run in runs.items()
        for output, value in run(inputs).items()
    }


def by_steps(runner):
    """The signature `step` as a function from whole sequences to the answers at all time steps."""
    details = runner.get_input_details()
    states = {name: detail for name, detail in details.items() if STATE.fullmatch(name)}
    ranks = {name: len(detail["shape"]) for name, detail in details.items() if name not in states}
    return lambda inputs: run_steps(runner, inputs, ranks, states)


def run_steps(runner, inputs, ranks, states):
    """The outputs of all time steps, computed one by one; some inputs have a time axis."""
    in_time = [name for name, value in inputs.items() if value.ndim > ranks[name]]
    batch, length = inputs[in_time[0]].shape[:2]
    carried = {name: np.zeros((batch, *detail["shape"][1:]), detail["dtype"]) for name, detail in states.items()}
    answers = []
    for t in range(length):
        now = {name: value[:, t] if name in in_time else value for name, value in inputs.items()}
        outputs = runner(**now, **carried)
        carried = {name: outputs.pop(name) for name in states}
        answers.append(outputs)
    return {name: np.stack([answer[name] for answer in answers], axis=1) for name in answers[0]}


def read_inputs(path, taken):
    """The test inputs, with the names and dtypes of the artefact.

    Compares the shapes here, because LiteRT accepts any shape and fails later, where the cause is hard to see.
    """
    with np.load(path, allow_pickle=True) as file:
        names = [str(name) for name in file["names"]]
        arrays = [file[f"arr_{index}"] for index in range(len(names))]
    if names == [""] and len(taken) == 1:
        names = list(taken)
    if sorted(names) != sorted(taken):
        raise ValueError(f"the artefact takes {sorted(taken)}, and the test inputs are {sorted(names)}")
    inputs = {}
    for name, array in zip(names, arrays, strict=True):
        dtype, shapes = taken[name]
        if shapes and not any(fits(array, shape) for shape in shapes):
            wanted = ", ".join("any" if size in (None, -1) else str(size) for size in shapes[0])
            raise ValueError(f"the artefact takes {name} of shape ({wanted}), and the test inputs have {array.shape}")
        if unequal(array):
            inputs[name] = as_objects(row.astype(dtype) for row in array)
        else:
            inputs[name] = array if array.dtype == object else array.astype(dtype)
    return inputs


def unequal(array):
    """Whether an array holds rows of unequal length, each an array of its own."""
    return array.dtype == object and isinstance(array.flat[0], np.ndarray)


def as_objects(rows):
    """Rows as an array of objects, even if they have the same shape."""
    rows = list(rows)
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def fits(array, shape):
    """Whether inputs fit a shape, for any number of rows; rows of unequal length need an open axis."""
    given = (None, *array[0].shape[1:]) if unequal(array) else array.shape[1:]
    row = tuple(shape)[1:]
    return len(given) == len(row) and all(
        size in (None, -1) or have in (None, size) for have, size in zip(given, row, strict=True)
    )


def run_in_batches(run, inputs, rows, batch_size, fixed):
    """All outputs of the first rows, computed batch by batch; the last batch is filled up if the batch size is fixed.

    Rows of unequal length are sorted by length, so that batches hold little padding. Outputs whose width varies between
    batches become arrays of arrays, and ragged tensors become lists of arrays.
    """
    batch_size = fixed or batch_size
    of_unequal_length = [value[:rows] for value in inputs.values() if value.dtype == object]
    lengths = [max(map(len, row)) for row in zip(*of_unequal_length, strict=True)]
    order = np.argsort(lengths, kind="stable") if lengths else np.arange(rows)
    batches = []
    for start in range(0, rows, batch_size):
        end = min(start + batch_size, rows)
        numbers = np.minimum(np.arange(start, start + fixed), end - 1) if fixed else np.arange(start, end)
        outputs = run({name: padded(value[order[numbers]]) for name, value in inputs.items()})
        batches.append({name: value[: end - start] for name, value in outputs.items()})
    back = np.argsort(order)
    return {name: joined([batch[name] for batch in batches], back) for name in batches[0]}


def joined(batches, order):
    """The concatenated rows of all batches, reordered by `order`."""
    if isinstance(batches[0], list):
        rows = [row for batch in batches for row in batch]
        return [rows[number] for number in order]
    if len({batch.shape[1:] for batch in batches}) > 1:
        batches = [as_objects(batch) for batch in batches]
    return np.concatenate(batches)[order]


def padded(rows):
    """Pads rows of unequal length with zeros to one array of at least one step; leaves other rows unchanged."""
    if not unequal(rows):
        return rows
    width = max(1, *map(len, rows))
    return np.stack([np.pad(row, [(0, width - len(row))] + [(0, 0)] * (row.ndim - 1)) for row in rows])


def milliseconds_per_example(run, inputs, total, fixed):
    """Median time of a call with one example or a fixed batch, divided by the batch size."""
    size = fixed or 1
    durations = []
    for call in range(WARM_UP + min(TIMED, total)):
        example = {name: padded(value[(call + np.arange(size)) % total]) for name, value in inputs.items()}
        begin = time.perf_counter()
        run(example)
        durations.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(durations[WARM_UP:])) / size


def main(runtime, path, inputs_path, results_path, rows, signatures):
    sys.modules.update(dict.fromkeys(BLOCKED[runtime]))  # importing one of them is an error from here on
    load = {"saved_model": load_saved_model, "tflite": load_tflite}[runtime]
    runs, taken, fixed, step = load(path, [name for name in signatures.split(",") if name])
    inputs = read_inputs(inputs_path, taken)
    total = len(next(iter(inputs.values())))
    rows = min(int(rows), total)
    run = functools.partial(run_all, runs)
    calls = {
        "whole": run_in_batches(run, inputs, total, BATCH_SIZE, fixed),
        "by_1": run_in_batches(run, inputs, rows, 1, fixed),
        "by_7": run_in_batches(run, inputs, rows, 7, fixed),
        "first_call": run_in_batches(run, inputs, rows, rows, fixed),
        "second_call": run_in_batches(run, inputs, rows, rows, fixed),
    }
    if step:
        calls["steps"] = run_in_batches(step, inputs, min(STEPPED, total), STEPPED, fixed)
    ragged = [name for name, value in calls["whole"].items() if isinstance(value, list)]
    results = {
        f"{call}/{name}": as_objects(value) if name in ragged else value
        for call, outputs in calls.items()
        for name, value in outputs.items()
    }
    milliseconds = [milliseconds_per_example(run, inputs, total, fixed) for run in runs.values()]
    about = {"signatures": np.array(list(runs)), "milliseconds": milliseconds, "ragged": np.array(ragged, str)}
    np.savez(results_path, **results, **about)


if __name__ == "__main__":
    main(*sys.argv[1:])
