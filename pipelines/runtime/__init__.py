"""Runs exported files with NumPy and LiteRT alone: no TensorFlow, no Keras.

pip install ai-edge-litert numpy
"""

from .captions import Captioner
from .errors import ArtifactError
from .series import Forecaster
from .streaming import StreamingModel
from .text import TextClassifier

__all__ = ["ArtifactError", "Captioner", "Forecaster", "StreamingModel", "TextClassifier"]
