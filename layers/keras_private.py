"""The only module in `layers` that uses private names of Keras; every other module takes them from here."""

from keras.src import backend
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

__all__ = ["DropoutRNNCell", "backend"]
