"""The stages of a run: data (with augmentation), model, training, evaluation, export, report."""
