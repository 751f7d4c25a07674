"""Recurrent layers for Keras 3, and declared pipelines from data to a proven, exported model.

`keras_recurrent.layers` and `keras_recurrent.pipelines` are imported by themselves.
"""

__version__ = "0.1.0"
