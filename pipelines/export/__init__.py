"""Exports Keras models to SavedModel and TensorFlow Lite, and proves that the exported files agree with the models."""

from .errors import ExportError
from .parity import check_export
from .saved_model import export_saved_model
from .seq2seq import export_decoder
from .tflite import export_tflite

__all__ = ["ExportError", "check_export", "export_decoder", "export_saved_model", "export_tflite"]
