"""Traces a Keras model as one time step with the states of its recurrent layers as inputs and outputs."""

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from .errors import NotSteppableError
from .keras_backend import all_layers, recurrent_loop
from .loop import make_step, zeros_like_output
from .tracing import from_the_start, inference, input_names, output_names, values

STEPS = 5
"""Number of compared time steps between a stepped model and the whole one, beyond the reach of its convolutions."""
TOLERANCE, ROUNDING = 1e-4, 1e-5
"""Largest difference of an output as a fraction of its range, and as a fraction of its size."""
BYTES, TOKENS = 256, 2
"""Number of different random values for 8-bit inputs, and for other integer inputs without an embedding."""


def trace_step(model, sequence):
    """Traces one time step of a Functional model, and checks that steps give the same answers as whole sequences.

    The function takes the inputs of the model without their time axis, and `state_0, state_1, ...` in the order in
    which the recurrent layers are called. It returns the outputs of the model without their time axis, if any, and the
    new states under the names of the old ones. All states begin as zeros.

    Args:
        model: A Functional model.
        sequence: Concrete function of the model for whole sequences, from `tracing.trace`.

    Returns:
        A concrete function.

    Raises:
        NotSteppableError: If the model has no recurrent layer, a layer needs more than one time step at once or begins
            with states other than zeros, or the answers of steps and whole sequences differ.
    """
    _refuse_what_needs_the_whole(model)
    in_time = _inputs_in_time(model)
    try:
        states = _find_states(model, in_time)
        step = _trace(model, in_time, states)
        with from_the_start(model):
            _compare(model, in_time, sequence, step, states)
    except NotSteppableError:
        raise
    except Exception as error:  # a layer may raise any error for a single time step
        reason = str(error).strip().partition("\n")[0]
        raise NotSteppableError(f"{model.name!r} does not take a single time step: {reason}") from error
    return step


class OneStep:
    """Replaces the loop over time: each call runs one time step from the given states.

    Args:
        states: States of all calls, or None to begin each call with its own initial states.
    """

    def __init__(self, states=None):
        self.given = None if states is None else list(states)
        self.initial, self.new = [], []

    def rnn(
        self,
        step_function,
        inputs,
        initial_states,
        go_backwards=False,
        mask=None,
        constants=None,
        input_length=None,
        time_major=False,
        zero_output_for_mask=False,
        return_all_outputs=True,
    ):
        """Runs one time step, with the arguments and results of `rnn` in the Keras backends."""
        axis = 0 if time_major else 1
        slices = [tf.gather(sequence, 0, axis=axis) for sequence in tree.flatten(inputs)]
        states = [tf.convert_to_tensor(state) for state in tree.flatten(initial_states)]

        def call(flat_inputs, flat_states):
            packed = tree.pack_sequence_as(tuple(initial_states), flat_states)
            return step_function(tree.pack_sequence_as(inputs, flat_inputs), (*packed, *(constants or ())))

        structure, _ = call(slices, states)
        count = len(tree.flatten(structure))
        if mask is None:
            carried = [None] * count + self._take(states)
        else:  # a masked step repeats the last output, which is therefore a state too
            here = tf.cast(tf.gather(mask, 0, axis=axis), tf.bool)
            slices.append(here if len(here.shape) == 2 else tf.expand_dims(here, -1))
            batch = tf.shape(slices[0])[0]
            carried = self._take([zeros_like_output(output, batch) for output in tree.flatten(structure)] + states)
        after = make_step(call, count, mask is not None, zero_output_for_mask)(slices, carried)
        self.new += after[count if mask is None else 0 :]
        last = tree.pack_sequence_as(structure, after[:count])
        outputs = tree.map_structure(lambda output: tf.expand_dims(output, axis), last)
        return last, outputs, list(tree.pack_sequence_as(tuple(initial_states), after[count:]))

    def _take(self, initial):
        self.initial += initial
        if self.given is None:
            return initial
        taken, self.given = self.given[: len(initial)], self.given[len(initial) :]
        return taken


def _refuse_what_needs_the_whole(model):
    for layer in all_layers(model):
        if getattr(layer, "go_backwards", False):
            raise NotSteppableError(f"Layer {layer.name!r} reads the sequence from its end.")


def _inputs_in_time(model):
    """Names of the inputs with a time axis: inputs of open length, else inputs with features, else all inputs."""
    ranked = [(len(tensor.shape), tensor) for tensor in model.inputs]
    open_length = [tensor.name for rank, tensor in ranked if rank > 1 and tensor.shape[1] is None]
    with_features = [tensor.name for rank, tensor in ranked if rank > 2]
    names = open_length or with_features or [tensor.name for rank, tensor in ranked if rank == 2]
    lengths = {tensor.shape[1] for tensor in model.inputs if tensor.name in names}
    if len(lengths) != 1:
        raise NotSteppableError(f"The inputs of {model.name!r} have no axis of time, or of unequal lengths.")
    return names


def _specs(model, in_time):
    """Specifications of the inputs for a single time step, without the time axis."""
    shapes = {tensor.name: list(tensor.shape) for tensor in model.inputs}
    for name in in_time:
        del shapes[name][1]
    return {tensor.name: tf.TensorSpec(shapes[tensor.name], tensor.dtype, name=tensor.name) for tensor in model.inputs}


def _find_states(model, in_time):
    """Specifications of all states; checks that they begin as zeros for any inputs."""

    def begin(**inputs):
        one = OneStep()
        _call(model, in_time, inputs, one)
        return one.initial

    function = tf.function(begin, autograph=False).get_concrete_function(**_specs(model, in_time))
    if not function.structured_outputs:
        raise NotSteppableError(f"{model.name!r} has no recurrent layer.")
    for seed in range(2):
        initial = function(**random_inputs(model, _specs(model, in_time), 2, 1, np.random.default_rng(seed)))
        if any(np.any(value) for value in initial):
            raise NotSteppableError(f"A recurrent layer of {model.name!r} begins with states other than zeros.")
    return [
        tf.TensorSpec(state.shape, state.dtype, name=f"state_{number}")
        for number, state in enumerate(function.structured_outputs)
    ]


def _trace(model, in_time, states):
    named = {state.name: state for state in states}
    taken = sorted(set(named) & {*input_names(model), *output_names(model)})
    if taken:
        raise NotSteppableError(f"An input or output of {model.name!r} has the name of a state: {', '.join(taken)}.")

    def step(**inputs):
        one = OneStep([inputs[name] for name in named])
        outputs = _call(model, in_time, {name: inputs[name] for name in input_names(model)}, one)
        results = {**outputs, **dict(zip(named, one.new, strict=True))}
        return {name: tf.identity(value, name=name) for name, value in results.items()}

    return tf.function(step, autograph=False).get_concrete_function(**_specs(model, in_time), **named)


def _call(model, in_time, inputs, one):
    """The outputs of a model for one time step, by name, without their time axis."""
    inputs = {name: tf.expand_dims(value, 1) if name in in_time else value for name, value in inputs.items()}
    structure = tree.pack_sequence_as(model.input, [inputs[name] for name in input_names(model)])
    scope = keras.StatelessScope(state_mapping=values(model))
    with inference(model), recurrent_loop(one.rnn, unrolled_too=True), scope:
        outputs = tree.flatten(model.call(structure, training=False))
    lengths = {tensor.shape[1] for tensor in model.inputs if tensor.name in in_time} - {1}
    named = zip(output_names(model), outputs, model.outputs, strict=True)
    return {name: _without_time(value, whole, lengths) for name, value, whole in named}


def _without_time(value, whole, lengths):
    """An output of one time step without its time axis, if the output of the whole sequence has one."""
    in_time = len(value.shape) > 1 and value.shape[1] == 1 and whole.shape[1] in lengths
    return tf.squeeze(value, 1) if in_time else value


def random_inputs(model, specs, rows, length, random):
    """Random values for the inputs of a model: real numbers, bytes, tokens or booleans.

    Args:
        model: A Keras model.
        specs: Dict of `tf.TensorSpec` by input name.
        rows: Number of examples where the batch is open.
        length: Number of time steps where it is open.
        random: A NumPy random generator.
    """
    vocabularies = [layer.input_dim for layer in all_layers(model) if isinstance(layer, keras.layers.Embedding)]
    examples = {}
    for name, spec in specs.items():
        shape = [size or (rows if axis == 0 else length) for axis, size in enumerate(spec.shape)]
        kinds = min(vocabularies, default=BYTES if spec.dtype.size == 1 else TOKENS)
        drawn = random.normal(size=shape) if spec.dtype.is_floating else random.integers(0, kinds, shape)
        examples[name] = tf.cast(drawn % 2 if spec.dtype.is_bool else drawn, spec.dtype)
    return examples


def _reach(model):
    """Number of time steps that the convolutions and poolings of a model may look back."""
    reach = 0
    for layer in all_layers(model):
        for sizes in (getattr(layer, "kernel_size", None), getattr(layer, "pool_size", None)):
            dilation = np.max(getattr(layer, "dilation_rate", 1))
            reach += 0 if sizes is None else int(np.max(sizes) * dilation)
    return reach


def _compare(model, in_time, sequence, step, states):
    """Checks that steps agree with the whole sequence: every step of an output with a time axis, else the last step."""
    random = np.random.default_rng(0)
    specs = sequence.structured_input_signature[1]
    inputs = random_inputs(model, specs, 2, STEPS + _reach(model), random)
    expected = sequence(**inputs)
    batch, length = inputs[in_time[0]].shape[:2]
    carried = {state.name: tf.zeros([state.shape[0] or batch, *state.shape[1:]], state.dtype) for state in states}
    answers = []
    for time in range(length):
        results = step(
            **{name: value[:, time] if name in in_time else value for name, value in inputs.items()}, **carried
        )
        carried = {name: results[name] for name in carried}
        answers.append(results)
    for name in output_names(model):
        stepped = [answer[name].numpy().astype("float64") for answer in answers]
        whole = expected[name].numpy().astype("float64")
        stepped = np.stack(stepped, 1) if whole.ndim > stepped[0].ndim else stepped[-1]
        difference = np.abs(stepped - whole).max() if stepped.shape == whole.shape else np.inf
        if not difference <= TOLERANCE * np.ptp(whole) + ROUNDING * np.abs(whole).max():
            raise NotSteppableError(
                f"{model.name!r} does not answer from its states alone: after {length} single steps its output "
                f"{name!r} differs by {difference:.2g} from that for the {length} steps at once."
            )
