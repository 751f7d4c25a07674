"""Recurrent layers for Keras 3. Each stands in for `keras.layers.LSTM` and has a cell of the same name plus `Cell`.

README.md in this folder shows all of them. `paths.use` forces the path on which they run over time.
"""

from . import paths
from .antisymmetric import AntisymmetricRNN, AntisymmetricRNNCell
from .cfc import CfC, CfCCell
from .co_rnn import CoRNN, CoRNNCell
from .echo_state import EchoState, EchoStateCell
from .elman import Elman, ElmanCell, Jordan, JordanCell
from .fast import FastGRNN, FastGRNNCell, FastRNN, FastRNNCell
from .gru import GRU, GRUCell, LayerNormGRU, LayerNormGRUCell
from .ind_rnn import IndRNN, IndRNNCell
from .janet import JANET, JANETCell
from .lem import LEM, LEMCell
from .lru import LRU, LRUCell
from .lstm import LSTM, LayerNormLSTM, LayerNormLSTMCell, LSTMCell, PeepholeLSTM, PeepholeLSTMCell
from .minimal import MinGRU, MinGRUCell, MinLSTM, MinLSTMCell
from .mlstm import MLSTM, MLSTMCell
from .nas import NASRNN, NASRNNCell
from .qrnn import QRNN, QRNNCell
from .rg_lru import RGLRU, RGLRUCell
from .single_gate import MGU, UGRNN, MGUCell, UGRNNCell
from .slstm import SLSTM, SLSTMCell
from .sru import SRU, SRUCell

__all__ = [
    "GRU",
    "JANET",
    "LEM",
    "LRU",
    "LSTM",
    "MGU",
    "MLSTM",
    "NASRNN",
    "QRNN",
    "RGLRU",
    "SLSTM",
    "SRU",
    "UGRNN",
    "AntisymmetricRNN",
    "AntisymmetricRNNCell",
    "CfC",
    "CfCCell",
    "CoRNN",
    "CoRNNCell",
    "EchoState",
    "EchoStateCell",
    "Elman",
    "ElmanCell",
    "FastGRNN",
    "FastGRNNCell",
    "FastRNN",
    "FastRNNCell",
    "GRUCell",
    "IndRNN",
    "IndRNNCell",
    "JANETCell",
    "Jordan",
    "JordanCell",
    "LEMCell",
    "LRUCell",
    "LSTMCell",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "MGUCell",
    "MLSTMCell",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "NASRNNCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "QRNNCell",
    "RGLRUCell",
    "SLSTMCell",
    "SRUCell",
    "UGRNNCell",
    "paths",
]
