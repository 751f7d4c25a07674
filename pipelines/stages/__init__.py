"""What a run goes through: data (with augmentation), model, training, evaluation, export, report."""
