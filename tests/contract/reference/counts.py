"""How many numbers every recurrence trains: d input features, n units; one bias vector for every affine map."""


def elman(d, n, use_bias=True, **_):
    return n * (d + n + use_bias)


def jordan(d, n, hidden_units=None, **_):
    m = hidden_units or n
    return m * (d + n + 1) + n * (m + 1)


def lstm(d, n, use_bias=True, **_):
    return 4 * n * (d + n + use_bias)


def gru(d, n, reset_after=True, use_bias=True, **_):
    biases = (2 if reset_after else 1) if use_bias else 0
    return 3 * n * (d + n + biases)


def peephole_lstm(d, n, **_):
    return 4 * n * (d + n + 1) + 3 * n


def layer_norm_lstm(d, n, **_):
    return 4 * n * (d + n + 1) + 18 * n


def layer_norm_gru(d, n, **_):
    return 3 * n * (d + n + 1) + 12 * n


def one_gate(d, n, **_):
    """A gate and a candidate, each with its own map: UGRNN, MGU and JANET."""
    return 2 * n * (d + n + 1)


def fast_rnn(d, n, **_):
    return n * (d + n + 1) + 2


def fast_grnn(d, n, **_):
    return n * (d + n) + 2 * n + 2


def nas_rnn(d, n, **_):
    return 8 * n * (d + n) + 8 * n


def antisymmetric_rnn(d, n, **_):
    return n * (n - 1) // 2 + n * (d + 1)


def ind_rnn(d, n, **_):
    return n * (d + 2)


def echo_state(d, n, **_):
    return 0


def co_rnn(d, n, **_):
    return n * (d + 2 * n + 1)


def lem(d, n, **_):
    return 4 * n * (d + n + 1)


def cfc(d, n, backbone_units=None, time_column=False, **_):
    B = backbone_units or n
    return (d - time_column + n + 1) * B + 4 * n * (B + 1)


def min_gru(d, n, **_):
    return 2 * n * (d + 1)


def min_lstm(d, n, **_):
    return 3 * n * (d + 1)


def sru(d, n, **_):
    return (3 if d == n else 4) * n * d + 4 * n


def qrnn(d, n, kernel_size=2, **_):
    return 3 * kernel_size * n * d + 3 * n


def lru(d, n, state_units=None, **_):
    N = state_units or n
    skip = d if d == n else d * n
    return 3 * N + 2 * N * d + 2 * N * n + skip


def rg_lru(d, n, blocks=1, **_):
    projection = 0 if d == n else d * n
    return 2 * n * n // blocks + 3 * n + projection


def slstm(d, n, heads=1, **_):
    return 4 * n * d + 4 * n * n // heads + 4 * n


def mlstm(d, n, heads=1, **_):
    return 4 * n * (d + 1) + 2 * heads * (d + 1)


PARAMETERS = {
    "elman": elman,
    "jordan": jordan,
    "lstm": lstm,
    "gru": gru,
    "ugrnn": one_gate,
    "peephole_lstm": peephole_lstm,
    "layer_norm_lstm": layer_norm_lstm,
    "layer_norm_gru": layer_norm_gru,
    "mgu": one_gate,
    "janet": one_gate,
    "fast_rnn": fast_rnn,
    "fast_grnn": fast_grnn,
    "antisymmetric_rnn": antisymmetric_rnn,
    "ind_rnn": ind_rnn,
    "co_rnn": co_rnn,
    "lem": lem,
    "cfc": cfc,
    "min_gru": min_gru,
    "min_lstm": min_lstm,
    "sru": sru,
    "qrnn": qrnn,
    "lru": lru,
    "rg_lru": rg_lru,
    "slstm": slstm,
    "mlstm": mlstm,
    "nas_rnn": nas_rnn,
    "echo_state": echo_state,
}
