"""Run folders, for use from Python.

>>> from keras_recurrent.pipelines import runs
>>> run = runs.open("saved_models/mnist_rows/latest")      # doctest: +SKIP
>>> run.metrics["test"]["accuracy"]                        # doctest: +SKIP
>>> run.predict(images)                                    # doctest: +SKIP
"""

from .core.pipeline import Run
from .core.runs import open

__all__ = ["Run", "open"]
