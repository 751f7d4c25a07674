"""Cells whose recurrence is linear in the state, `h_t = a_t * h_(t-1) + b_t`, and can run in parallel over time."""

from .checks import refuse_recurrent_dropout
from .recurrence import RecurrentCell
from .scan import linear_scan


class LinearRecurrentCell(RecurrentCell):
    """A cell that gives `coefficients` instead of `step`, and `read` where its output is not its state."""

    float32_states = True
    compiled_training = True
    parallel_of_open_time = True

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        refuse_recurrent_dropout(self)

    def build(self, input_shape):
        """Makes the weights, for inputs of shape `(batch, features)`; the state has none."""
        width = len(self.gates) * self.units
        self.kernel = self.add_kernel("kernel", (input_shape[-1], width))
        self.bias = self.add_bias("bias", (width,)) if self.use_bias else None

    def coefficients(self, projected):
        """The tensors `(a, b)` of the recurrence, for one time step or for all."""
        raise NotImplementedError

    def read(self, projected, h):
        """The output, for one time step or for all."""
        return h

    def step(self, projected, h):
        """One time step."""
        a, b = self.coefficients(projected)
        h = a * h + b
        return self.read(projected, h), (h,)

    def parallel(self, sequences, states):
        """All time steps at once: `(outputs, new_states)`."""
        projected = self.in_state_dtype(self.project(sequences))
        a, b = self.coefficients(projected)
        h = linear_scan(a, b, states[0])
        return self.read(projected, h), (h[:, -1],)
