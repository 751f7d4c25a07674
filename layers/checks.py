"""Checks of a user's arguments. Messages name the layer, the argument, the value received and what is expected."""

import math
import numbers


def invalid(owner, name, expected, got):
    """The error for an argument of a layer or a cell."""
    return ValueError(
        f"Received an invalid value for argument `{name}` of {owner.__class__.__name__} {owner.name!r}, "
        f"expected {expected}, got {got!r}."
    )


def positive_integer(owner, name, value):
    """The value, if it is a positive integer.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value <= 0:
        raise invalid(owner, name, "a positive integer", value)
    return int(value)


def divisor(owner, name, value, units):
    """The value, if it is a positive integer that divides the units.

    Raises:
        ValueError: If it is not.
    """
    value = positive_integer(owner, name, value)
    if units % value:
        raise invalid(owner, name, f"a divisor of units={units}", value)
    return value


def number(owner, name, value):
    """The value as a float, if it is a finite number.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise invalid(owner, name, "a finite number", value)
    return float(value)


def positive_number(owner, name, value):
    """The value as a float, if it is a positive, finite number.

    Raises:
        ValueError: If it is not.
    """
    value = number(owner, name, value)
    if value <= 0:
        raise invalid(owner, name, "a positive number", value)
    return value


def at_least(owner, name, value, least):
    """The value as a float, if it is a finite number of at least `least`.

    Raises:
        ValueError: If it is not.
    """
    value = number(owner, name, value)
    if value < least:
        raise invalid(owner, name, f"a number of at least {least}", value)
    return value


def fraction(owner, name, value):
    """The value as a float, if it is in (0, 1].

    Raises:
        ValueError: If it is not.
    """
    value = number(owner, name, value)
    if not 0 < value <= 1:
        raise invalid(owner, name, "a number in (0, 1]", value)
    return value


def rate(owner, name, value):
    """The value as a float, if it is in [0, 1).

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= value < 1:
        raise invalid(owner, name, "a rate in [0, 1)", value)
    return float(value)


def refuse_recurrent_dropout(cell):
    """Refuses recurrent dropout, for cells whose state enters no kernel and no gate.

    Raises:
        ValueError: If `recurrent_dropout` is not 0.
    """
    if cell.recurrent_dropout:
        raise ValueError(
            f"{cell.__class__.__name__} {cell.name!r} has no recurrent kernel, so that recurrent_dropout must be 0, "
            f"got {cell.recurrent_dropout!r}; use dropout, or zoneout where there is some."
        )


def check_states(layer, states):
    """Checks that each entry of the cell's `state_size` has a state of shape `(batch, size)`.

    Raises:
        ValueError: If the number of states or a shape differs.
    """
    sizes = layer.cell.state_size
    shapes = [tuple(state.shape) for state in states]
    if len(shapes) != len(sizes) or any(
        len(shape) != 2 or shape[1] not in (None, size) for shape, size in zip(shapes, sizes, strict=False)
    ):
        raise ValueError(
            f"Received an invalid `initial_state` for {layer.__class__.__name__} {layer.name!r}, expected "
            f"{len(sizes)} tensor(s) of shape {', '.join(f'(batch, {size})' for size in sizes)}, "
            f"got {len(shapes)} of shape {', '.join(map(str, shapes))}."
        )


def check_unroll(layer, sequences_shape):
    """Checks that a layer that unrolls knows the number of time steps.

    Raises:
        ValueError: If it does not.
    """
    if layer.unroll and sequences_shape[1] is None:
        raise ValueError(
            f"{layer.__class__.__name__} {layer.name!r} cannot unroll if the time dimension is undefined: expected a "
            f"number of time steps, got sequences of shape {tuple(sequences_shape)}. Give it in `keras.Input`, or set "
            "unroll=False."
        )


def check_mask(layer, mask):
    """The mask, of shape `(batch, time)`; one of shape `(batch, time, 1)` loses its last axis.

    Raises:
        ValueError: If it has another rank.
    """
    if mask is not None and len(mask.shape) == 3 and mask.shape[2] == 1:
        mask = mask[:, :, 0]
    if mask is not None and len(mask.shape) != 2:
        raise ValueError(
            f"Received an invalid `mask` for {layer.__class__.__name__} {layer.name!r}, expected shape "
            f"(batch, time), got shape {tuple(mask.shape)}."
        )
    return mask
