"""The base of every recurrent cell and layer in this package.

A cell states its equations once, in two parts: `project`, all that does not depend on the state, and `step`, the rest.
These give the Keras cell (`RecurrentCell.call`) and, with a class of two lines, the Keras layer (`RecurrentLayer`).
`paths.py` chooses how a layer runs over time.
"""

import inspect

import keras
from keras import ops

from . import paths
from .checks import check_mask, check_states, check_unroll, positive_integer, rate
from .keras_private import DropoutRNNCell
from .products import MATRIX_FEATURES, matmul
from .zoneout import check_zoneout, draw_zoneout, draw_zoneout_for_one_step, zone_out

register = keras.saving.register_keras_serializable("keras_recurrent")


class RecurrentCell(keras.layers.Layer, DropoutRNNCell):
    """A recurrent cell: one time step of a recurrence. Subclasses define `step`, and what differs from the defaults.

    The defaults make a cell whose gates are affine maps of the input `x` and the previous hidden state `h`, with the
    weights `kernel` of shape `(features, gates * units)`, `recurrent_kernel` of shape `(units, gates * units)` and
    `bias`.

    Args:
        units: Size of the output, a positive integer.
        dropout: Rate in [0, 1) at which features of the input are dropped, the same ones at every time step.
        recurrent_dropout: Rate in [0, 1) at which units of the previous hidden state are dropped before they enter the
            recurrent kernel, the same ones at every time step (Gal & Ghahramani 2016, arXiv 1512.05287).
        zoneout: Rate in [0, 1) at which units keep their previous state, drawn anew at every time step (Krueger et al.
            2016, arXiv 1606.01305); or one rate for each state of the cell. Inference takes the expectation.
        use_bias: Whether the affine maps have a bias.
        kernel_initializer: Initializer for the input kernel.
        recurrent_initializer: Initializer for the recurrent kernel.
        bias_initializer: Initializer for the bias.
        kernel_regularizer: Regularizer for the input kernel.
        recurrent_regularizer: Regularizer for the recurrent kernel.
        bias_regularizer: Regularizer for the bias.
        kernel_constraint: Constraint for the input kernel.
        recurrent_constraint: Constraint for the recurrent kernel.
        bias_constraint: Constraint for the bias.
        seed: Seed for dropout and zoneout.
        **kwargs: `name`, `dtype` and `trainable`, as in every Keras layer.

    Raises:
        ValueError: If `units` is not a positive integer, or a rate is outside [0, 1).
    """

    gates: tuple[str, ...] = ("h",)
    """Names of the gates, in the order in which their weights are stacked."""
    float32_states = False
    """Whether the state stays in float32 in mixed precision."""
    zoneout_states = 1
    """Number of states, counted from the first, that zoneout can keep."""
    compiled_training = False
    """Whether training is faster when XLA compiles the whole loop; see `paths.py`."""
    parallel_everywhere = False
    """Whether the parallel path is the fastest on a CPU too."""
    parallel_of_open_time = False
    """Whether only the scan in the parallel path, and nothing else in it, needs a static number of time steps."""

    def __init__(
        self,
        units,
        dropout=0.0,
        recurrent_dropout=0.0,
        zoneout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = positive_integer(self, "units", units)
        self.dropout = rate(self, "dropout", dropout)
        self.recurrent_dropout = rate(self, "recurrent_dropout", recurrent_dropout)
        self.zoneout = check_zoneout(self, zoneout)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.recurrent_mask = self._dropout_mask = self._recurrent_dropout_mask = None

    # The cell itself: its states, its weights, its equations.

    @property
    def state_size(self):
        """Sizes of the states, each of shape `(batch, size)`. Keras calls the first one the hidden state."""
        return [self.units]

    @property
    def output_size(self):
        """Size of the output."""
        return self.units

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`."""
        width = len(self.gates) * self.units
        self.kernel = self.add_kernel("kernel", (input_shape[-1], width))
        self.recurrent_kernel = self.add_recurrent("recurrent_kernel", (self.units, width))
        self.bias = self.add_bias("bias", (width,)) if self.use_bias else None

    def project(self, inputs):
        """Computes all that does not depend on the state, from inputs of shape `(batch, ..., features)`: `x W + b`."""
        return affine(inputs, self.kernel, self.bias)

    def step(self, projected, *states):
        """One time step.

        Args:
            projected: The result of `project` for this time step.
            *states: Tensors of shape `(batch, size)`, one for each entry of `state_size`.

        Returns:
            Tuple `(output, new_states)`: a tensor of shape `(batch, units)`, and a tuple shaped like `states`.
        """
        raise NotImplementedError

    # Building blocks of equations.

    def recur(self, h, kernel=None):
        """`h U` in the dtype of the state; in training, after variational dropout of `h`."""
        return ops.cast(matmul(self.drop(h), self.recurrent_kernel if kernel is None else kernel), self.state_dtype)

    def drop(self, h):
        """The previous hidden state in the precision of the weights; in training, after variational dropout."""
        h = ops.cast(h, self.compute_dtype)
        return h if self.recurrent_mask is None else h * self.recurrent_mask

    def add_kernel(self, name, shape, initializer=None, **kwargs):
        """Adds a weight with the initializer, regularizer and constraint of the input kernel."""
        return self.add_weight(
            shape=shape,
            name=name,
            initializer=initializer or clone(self.kernel_initializer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            **kwargs,
        )

    def add_recurrent(self, name, shape, initializer=None, **kwargs):
        """Adds a weight with the initializer, regularizer and constraint of the recurrent kernel."""
        return self.add_weight(
            shape=shape,
            name=name,
            initializer=initializer or clone(self.recurrent_initializer),
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            **kwargs,
        )

    def add_bias(self, name, shape, initializer=None, **kwargs):
        """Adds a weight with the initializer, regularizer and constraint of the bias."""
        return self.add_weight(
            shape=shape,
            name=name,
            initializer=initializer or self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            **kwargs,
        )

    # The protocol of a Keras cell.

    def call(self, inputs, states, training=False):
        """One time step, as `keras.layers.RNN` and `StackedRNNCells` call it.

        Args:
            inputs: Tensor of shape `(batch, features)`.
            states: List of tensors of shape `(batch, size)`, one for each entry of `state_size`.
            training: Whether dropout and zoneout act.

        Returns:
            Tuple `(output, new_states)`, in the compute dtype of the cell.
        """
        states = list(states) if keras.tree.is_nested(states) else [states]
        noise = draw_zoneout_for_one_step(self, inputs) if training else None
        output, new_states = self.advance(inputs, self.in_state_dtype(states), noise, training)
        return output, [ops.cast(state, self.compute_dtype) for state in new_states]

    def advance(self, inputs, states, noise, training):
        """One time step with dropout and zoneout; the states stay in their own dtype.

        Args:
            inputs: Tensor of shape `(batch, features)`.
            states: List of tensors, in the dtype of the state.
            noise: Booleans that `draw_zoneout` drew for this time step, or None.
            training: Whether dropout acts.
        """
        self.recurrent_mask = self.get_recurrent_dropout_mask(inputs) if training else None
        if training and self.dropout:
            inputs = inputs * self.get_dropout_mask(inputs)
        output, new_states = self.step(self.in_state_dtype(self.project(inputs)), *states)
        self.recurrent_mask = None
        is_state = output is new_states[0]
        new_states = self.in_state_dtype(zone_out(self, states, new_states, noise))
        return ops.cast(new_states[0] if is_state else output, self.compute_dtype), new_states

    @property
    def state_dtype(self):
        """The dtype of the states between steps, and of the computation of a step."""
        half = self.compute_dtype in ("float16", "bfloat16")
        return "float32" if self.float32_states and half else self.compute_dtype

    def in_state_dtype(self, structure):
        """The same tensors in the dtype of the state."""
        return keras.tree.map_structure(lambda tensor: ops.cast(tensor, self.state_dtype), structure)

    def get_recurrent_dropout_mask(self, step_input):
        """The mask of variational dropout, with shape `(batch, units)`, drawn once per sequence."""
        if not self.recurrent_dropout:
            return None
        shape = (ops.shape(step_input)[0], self.output_size)
        return super().get_recurrent_dropout_mask(ops.ones(shape, self.compute_dtype))

    def get_initial_state(self, batch_size=None):
        """A list of zero tensors of shape `(batch_size, size)`."""
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_size]

    def get_config(self):
        """All arguments, from which `from_config` makes the cell again."""
        return {**super().get_config(), **{name: _plain(getattr(self, name)) for name in arguments(type(self))}}


class RecurrentLayer(keras.layers.RNN):
    """A layer that runs a cell over time. A subclass names its `cell_class` and is otherwise empty.

    It takes the arguments of its cell and those of `keras.layers.RNN`: `return_sequences`, `return_state`,
    `go_backwards`, `stateful`, `unroll`, `zero_output_for_mask`, `activity_regularizer`, `name`, `dtype`, `trainable`.

    Call arguments:
        sequences: Tensor of shape `(batch, time, features)`.
        initial_state: List of tensors of shape `(batch, size)`, one for each state of the cell.
        mask: Boolean tensor of shape `(batch, time)`. Where it is false, the states do not change.
        training: Whether dropout and zoneout act.
    """

    cell_class: type[RecurrentCell] | None = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls.cell_class is not None:
            names = arguments(cls.cell_class)
            cls.__signature__ = ClassSignature(_layer_signature(names))
            for name in names:
                setattr(cls, name, property(lambda self, name=name: getattr(self.cell, name)))

    def __init__(
        self,
        units,
        *,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        given = {name: kwargs.pop(name) for name in arguments(self.cell_class) if name in kwargs}
        shared = {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}
        super().__init__(
            self.cell_class(units, **given, **shared),
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
            **kwargs,
        )
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, sequences_shape, initial_state_shape=None):
        """Makes the cell's weights, for sequences of shape `(batch, time, features)`."""
        check_unroll(self, sequences_shape)
        super().build(sequences_shape, initial_state_shape)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Runs the cell over time, on the path that `paths.py` chooses."""
        states = list(initial_state) if keras.tree.is_nested(initial_state) else [initial_state]
        check_states(self, states)
        mask = check_mask(self, keras.tree.flatten(mask)[0] if mask is not None else None)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = ops.flip(mask, axis=1) if mask is not None else None
        noise = draw_zoneout(self.cell, ops.shape(sequences)[:-1]) if training else None
        last, outputs, states = paths.run(
            self, sequences, self.cell.in_state_dtype(states), mask, noise, bool(training)
        )
        return last, outputs, [ops.cast(state, self.cell.compute_dtype) for state in states]

    def get_config(self):
        """All arguments of the cell and of the layer."""
        config = super().get_config()
        del config["cell"]
        return {**config, **{name: _plain(getattr(self.cell, name)) for name in arguments(self.cell_class)}}

    @classmethod
    def from_config(cls, config):
        """Makes the layer that a configuration from `get_config` describes."""
        return cls(**config)


class ClassSignature:
    """The signature that `help` shows for a class, but not for its instances, which have the signature of a call."""

    def __init__(self, signature):
        self.signature = signature

    def __get__(self, instance, owner):
        if instance is not None:
            raise AttributeError("__signature__")
        return self.signature


def affine(inputs, kernel, bias=None):
    """`x W + b`."""
    missing = MATRIX_FEATURES - kernel.shape[0]
    if missing > 0:
        inputs = ops.pad(inputs, [(0, 0)] * (len(inputs.shape) - 1) + [(0, missing)])
        kernel = ops.pad(kernel, [(0, missing), (0, 0)])
    mapped = ops.matmul(inputs, kernel)
    return mapped if bias is None else mapped + bias


def arguments(cell_class):
    """The names of all arguments that a cell class takes, `units` first, without those that every Keras layer takes."""
    names = {}
    for base in cell_class.__mro__[: cell_class.__mro__.index(RecurrentCell) + 1]:
        if "__init__" in vars(base):
            names |= {
                name: parameter
                for name, parameter in inspect.signature(base.__init__).parameters.items()
                if name != "self" and parameter.kind is not parameter.VAR_KEYWORD and name not in names
            }
    return {"units": names.pop("units"), **names}


def clone(initializer):
    """A copy of an initializer. One without a seed draws the same numbers each time it is called."""
    return initializer.clone() if isinstance(initializer, keras.initializers.Initializer) else initializer


def _plain(value):
    """An argument as a configuration holds it."""
    if value is None or isinstance(value, bool | int | float | str | list):
        return value
    return keras.saving.serialize_keras_object(value)


def _layer_signature(cell_arguments):
    """The signature that `help` shows for a layer: the arguments of its cell, followed by its own."""
    own = inspect.signature(RecurrentLayer.__init__).parameters.values()
    keyword_only = [parameter for parameter in own if parameter.kind is parameter.KEYWORD_ONLY]
    keyword_arguments = [parameter for parameter in own if parameter.kind is parameter.VAR_KEYWORD]
    return inspect.Signature([*cell_arguments.values(), *keyword_only, *keyword_arguments])
