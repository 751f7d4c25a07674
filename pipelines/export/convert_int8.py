"""Converts a SavedModel to a TensorFlow Lite file in 8-bit integers, in a process of its own.

Stand-alone script, run by its path as `convert_int8.py SAVED_MODEL SAMPLES FILE`. SAMPLES is an `.npz` file with an
array `signature/input` of shape `(examples, batch, ...)` for each input of each signature. If the converter ends its
process, the calling process goes on.
"""

import sys

import numpy as np


def main(saved_model, samples_path, path):
    import tensorflow as tf

    with np.load(samples_path) as file:
        samples = {name: file[name] for name in file.files}
    signatures = sorted({name.partition("/")[0] for name in samples})

    def examples():
        for signature in signatures:
            inputs = {name.partition("/")[2]: value for name, value in samples.items() if name.startswith(signature)}
            for number in range(len(next(iter(inputs.values())))):
                yield signature, {name: value[number] for name, value in inputs.items()}

    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, signature_keys=signatures)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = examples
    kinds = tf.lite.OpsSet
    converter.target_spec.supported_ops = [kinds.TFLITE_BUILTINS_INT8, kinds.TFLITE_BUILTINS]
    with open(path, "wb") as file:
        file.write(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
