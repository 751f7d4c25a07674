"""Recurrent layers for Keras 3. None yet: configurations name the layers that Keras has (`pipelines/cells.py`)."""
