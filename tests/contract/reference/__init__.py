"""Every recurrence as its paper writes it: plain NumPy in float64, one time step after the other.

`REFERENCES[name](w, x, states, **options)` takes the weights by name, inputs [B, T, d] and the initial states, each
[B, size], and gives the outputs [B, T, n] and the final states. Options that enter no equation (how weights start) are
ignored. `PARAMETERS[name](d, n, **options)` counts what is trained. Rows are samples, so that a map W x is `x @ W`.
"""

from . import gated, oscillating, parallel, simple, xlstm
from .counts import PARAMETERS

REFERENCES = {
    "elman": simple.elman,
    "jordan": simple.jordan,
    "lstm": gated.lstm,
    "gru": gated.gru,
    "ugrnn": gated.ugrnn,
    "peephole_lstm": gated.peephole_lstm,
    "layer_norm_lstm": gated.layer_norm_lstm,
    "layer_norm_gru": gated.layer_norm_gru,
    "mgu": gated.mgu,
    "janet": gated.janet,
    "fast_rnn": simple.fast_rnn,
    "fast_grnn": gated.fast_grnn,
    "antisymmetric_rnn": simple.antisymmetric_rnn,
    "ind_rnn": simple.ind_rnn,
    "co_rnn": oscillating.co_rnn,
    "lem": oscillating.lem,
    "cfc": oscillating.cfc,
    "min_gru": parallel.min_gru,
    "min_lstm": parallel.min_lstm,
    "sru": parallel.sru,
    "qrnn": parallel.qrnn,
    "lru": parallel.lru,
    "rg_lru": parallel.rg_lru,
    "slstm": xlstm.slstm,
    "mlstm": xlstm.mlstm,
    "nas_rnn": gated.nas_rnn,
    "echo_state": simple.echo_state,
}

__all__ = ["PARAMETERS", "REFERENCES"]
