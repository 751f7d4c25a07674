"""Zoneout: units keep their previous state at random time steps (Krueger et al. 2016, arXiv 1606.01305)."""

import itertools

import keras
from keras import ops

from .checks import invalid, rate


def check_zoneout(cell, zoneout):
    """The rate, or the list of rates, one for each state that zoneout can keep.

    Raises:
        ValueError: If a rate is outside [0, 1), or the number of rates differs from that of the states.
    """
    if not isinstance(zoneout, list | tuple):
        zoneout = rate(cell, "zoneout", zoneout)
        given = [zoneout]
    else:
        given = zoneout = [rate(cell, "zoneout", value) for value in zoneout]
        if len(zoneout) != cell.zoneout_states:
            raise invalid(cell, "zoneout", f"a rate or a list of {cell.zoneout_states}, one for each state", zoneout)
    if cell.zoneout_states == 0 and any(given):
        raise ValueError(
            f"{cell.__class__.__name__} {cell.name!r} has no state whose units zoneout could keep; "
            f"expected zoneout=0, got {zoneout!r}."
        )
    return zoneout


def draw_zoneout(cell, shape):
    """Draws which units keep their state: booleans of shape `(*shape, units of these states)`; None without zoneout."""
    sizes, rates = _sizes_and_rates(cell)
    if not any(rates):
        return None
    return ops.concatenate(
        [
            keras.random.uniform((*shape, size), seed=cell.seed_generator) < keep
            for size, keep in zip(sizes, rates, strict=True)
        ],
        axis=-1,
    )


def draw_zoneout_for_one_step(cell, inputs):
    """The same for a single call of a cell, from a foreign loop or from none.

    Raises:
        ValueError: In a loop of JAX, which cannot draw random numbers.
    """
    rates = _sizes_and_rates(cell)[1]
    if any(rates) and keras.backend.backend() == "jax":
        import jax

        if isinstance(inputs, jax.core.Tracer):
            name = cell.__class__.__name__
            raise ValueError(
                f"{name} {cell.name!r} draws its zoneout at every time step, which a compiled function of JAX does not "
                f"allow: take the layer {name.removesuffix('Cell')} instead of keras.layers.RNN, or zoneout=0."
            )
    return draw_zoneout(cell, ops.shape(inputs)[:-1])


def zone_out(cell, old, new, keep):
    """The new states, with old ones where `keep` is true; if `keep` is None, their expectation."""
    sizes, rates = _sizes_and_rates(cell)
    if not any(rates):
        return list(new)
    if keep is None:
        zoned = [r * h_old + (1 - r) * h for r, h_old, h in zip(rates, old, new, strict=False)]
    else:
        ends = list(itertools.accumulate(sizes))
        parts = [keep[..., end - size : end] for end, size in zip(ends, sizes, strict=True)]
        zoned = [ops.where(part, h_old, h) for part, h_old, h in zip(parts, old, new, strict=False)]
    return zoned + list(new[len(zoned) :])


def _sizes_and_rates(cell):
    count = cell.zoneout_states
    rates = cell.zoneout if isinstance(cell.zoneout, list) else [cell.zoneout] * count
    return list(cell.state_size)[:count], rates
