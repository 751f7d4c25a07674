"""What every cell gives on the backend of Keras that `KERAS_BACKEND` names: values, and gradients of the weights.

    KERAS_BACKEND=jax python backend_run.py [weights.npz] out.npz

A process of its own, for a process has one backend. The results are under `case|way|number`, the ways being those of
`ways`: first the outputs and final states, then the gradients of a weighted sum of all those numbers. Where a way fails,
`case|way|error` is what Python said. `case|weight|name` are the weights, which a later run, on another backend, reads.
"""

import sys
import traceback

import keras_recurrent.layers  # isort: skip

IMPORTED = [name for name in ("tensorflow", "jax", "torch") if name in sys.modules]

import keras
import numpy as np
from cell_cases import CASES, ids, to_numpy
from keras import ops
from keras_recurrent.layers import paths

BATCH, TIME = 3, 6
MASK = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0], [1, 1, 0, 1, 1, 1]], dtype=bool)
RATES = {"dropout": 0.3, "recurrent_dropout": 0.3, "zoneout": 0.3}
