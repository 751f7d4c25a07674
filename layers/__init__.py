from .lstm import LSTM
from .minimal import MinGRU
