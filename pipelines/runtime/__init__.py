"""Runs exported files with NumPy and LiteRT alone, without TensorFlow and Keras.

Install the two with `pip install ai-edge-litert numpy`.
"""

from .captions import Captioner
from .errors import ArtifactError
from .series import Forecaster
from .streaming import StreamingModel
from .text import TextClassifier

__all__ = ["ArtifactError", "Captioner", "Forecaster", "StreamingModel", "TextClassifier"]
