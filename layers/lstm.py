"""Long short-term memory."""

from keras import ops

from .recurrence import RecurrentCell, RecurrentLayer, register


@register
class LSTMCell(RecurrentCell):
    """Cell of `LSTM`."""

    gates = ("i", "f", "g", "o")
    zoneout_states = 2

    @property
    def state_size(self):
        return [self.units, self.units]

    def step(self, projected, h, c):
        i, f, g, o = ops.split(projected + self.recur(h), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, (h, c)


@register
class LSTM(RecurrentLayer):
    """LSTM."""

    cell_class = LSTMCell
