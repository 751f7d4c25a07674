"""Recurrent layers for Keras 3."""
