"""What gated cells share: the initial values of their biases."""

import keras
from keras import ops


class Gated:
    """Mixin for cells whose gates decide how long a unit remembers: adds the argument `chrono`.

    Args:
        chrono: The longest time, in steps, over which units remember from the start, at least 3. The biases of the
            gates named in `memory_gates` begin at plus or minus log(u), with u uniform in (1, chrono - 1) and the same
            for all gates of a unit; the other biases begin at zero (Tallec & Ollivier 2018, arXiv 1804.11188). None:
            the bias initializer sets all biases.
    """

    memory_gates: dict[str, int] = {}
    """Gates that keep (1) or overwrite (-1) the state as they open."""

    def __init__(self, units, chrono=None, **kwargs):
        super().__init__(units, **kwargs)
        if chrono is not None and (isinstance(chrono, bool) or chrono < 3 or not self.use_bias):
            raise ValueError(
                f"Received an invalid value for argument `chrono` of {self.__class__.__name__} {self.name!r}, expected "
                f"at least 3 time steps, and use_bias=True; got chrono={chrono!r}, use_bias={self.use_bias!r}."
            )
        self.chrono = chrono

    def add_bias(self, name, shape, initializer=None, gates=None, **kwargs):
        """A bias that stacks the given gates; by default all gates of the cell."""
        if initializer is None and self.chrono is not None:
            initializer = chrono_initializer(gates or self.gates, self.memory_gates, self.chrono)
        return super().add_bias(name, shape, initializer, **kwargs)


def chrono_initializer(gates, memory_gates, longest):
    """An initializer for stacked biases: units remember over 1 to `longest` time steps, drawn uniformly.

    Args:
        gates: Names of the stacked gates, in their order.
        memory_gates: Dict from the name of a gate to 1 if it keeps the state as it opens, -1 if it overwrites it.
        longest: The longest memory, in time steps.

    Returns:
        Function `(shape, dtype)` for shapes `(gates * units,)`, or `(2, gates * units)`, whose second row is zeros.
    """

    def initialize(shape, dtype=None):
        times = keras.initializers.RandomUniform(1.0, longest - 1.0)  # which a trace can lift out, unlike keras.random
        log_times = ops.log(times((shape[-1] // len(gates),), dtype=dtype))
        bias = ops.concatenate([memory_gates.get(gate, 0) * log_times for gate in gates])
        return bias if len(shape) == 1 else ops.stack([bias, ops.zeros_like(bias)])

    return initialize
