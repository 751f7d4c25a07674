"""Recurrent layers for Keras 3. None yet beside those that Keras has."""
