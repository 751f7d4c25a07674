"""Third stage: `fit`, with checkpoints from which a killed training continues."""

from __future__ import annotations

import contextlib

import keras
import tensorflow as tf
from rich.console import Console

from ...layers import paths
from ..core import files
from ..core.config import Training
from ..core.data import Data
from ..core.errors import UsageError
from ..core.pipeline import Run
from .checkpoint import BEST, Checkpoint, assign, read
from .data import evaluation_batches, steps_of_epoch, training_batches
from .divergence import StopOnNaN
from .preprocessing import preprocessed, with_preprocessor
from .progress import ShowProgress
from .streams import KeepStreams

PLATEAU = {"factor": 0.2, "patience": 3}
EXPONENTIAL_END = 0.01


def train(run: Run, data: Data, console: Console) -> None:
    """Trains from the last completed epoch on, and writes `model.keras` with the weights of the best epoch.

    Trains the model in the configured precision and saves it in float32, the dtype of its weights in any precision.

    Raises:
        UsageError: If each row of a batch is a stream, and a split has fewer examples than a batch has rows.
        PipelineError: If the loss becomes NaN, or the folder can't be written.
        DataError: If a checkpoint is damaged.
    """
    keras.backend.clear_session()
    settings, task = run.config.training, run.pipeline.task()
    keras.utils.set_random_seed(settings.seed)
    _check_streams(data, settings.batch_size)
    steps = steps_of_epoch(data.train, settings.batch_size)
    with strategy(settings.devices).scope():
        model = run.pipeline.build(run.config, data, settings.precision)
        model.compile(
            optimizer(settings, steps),
            **task.compiled(run.config),
            jit_compile=settings.jit_compile,
        )
        model.optimizer.build(model.trainable_variables)
    counters = _scheduling_callbacks(settings, task.monitor, task.mode)
    checkpoint = Checkpoint(run.path / "checkpoints", run.path / "history.csv", task.monitor, task.mode, counters)
    checkpoint.restore(model)
    if checkpoint.epochs < settings.epochs and not checkpoint.stopped:
        _fit(run, data, model, checkpoint, ShowProgress(console, steps, settings.epochs, checkpoint.epochs))
    best = run.path / "checkpoints" / BEST
    trained = run.pipeline.build(run.config, data, "float32")
    assign(trained.weights, read(best)["variables"], best)
    final = with_preprocessor(
        run.pipeline.finish(run.config, data, trained), run.pipeline.preprocessor(run.config, data)
    )
    run.write_names(data.names)
    with files.whole(run.path / "model.keras") as temporary:
        final.save(temporary)


def _check_streams(data: Data, batch_size: int) -> None:
    splits = {"training": data.train, "validation": data.validation}
    for name, split in splits.items():
        if split.order == "streams" and len(split) < batch_size:
            raise UsageError(
                f"training.batch_size={batch_size}: each row of a batch is a stream of its own, and the {name} split "
                f"has {len(split):,} pieces; take at most as many."
            )


def _fit(run: Run, data: Data, model: keras.Model, checkpoint: Checkpoint, progress: ShowProgress) -> None:
    settings = run.config.training
    epochs = range(checkpoint.epochs, settings.epochs)
    task, augment = run.pipeline.task(), run.pipeline.augment(run.config)
    preprocessor = run.pipeline.preprocessor(run.config, data)
    train, validation = (preprocessed(split, preprocessor) for split in (data.train, data.validation))
    batches = training_batches(train, settings.batch_size, settings.seed, epochs, augment)
    streams = data.train.order == "streams"
    validation_batches = evaluation_batches(validation, settings.batch_size if streams else task.together)
    run.note_start([device.name for device in tf.config.list_logical_devices()])
    with contextlib.closing(progress), paths.few_lengths():
        model.fit(
            batches,
            validation_data=validation_batches,
            initial_epoch=epochs.start,
            epochs=epochs.stop,
            steps_per_epoch=progress.steps,
            callbacks=[
                StopOnNaN(settings),
                *([KeepStreams()] if streams else []),
                *task.callbacks(run.config, data, validation_batches),
                keras.callbacks.TensorBoard(run.path / "tensorboard", write_graph=False),
                *checkpoint.counters,
                progress,
                checkpoint,
            ],
            shuffle=False,
            verbose=0,
        )


def optimizer(settings: Training, steps: int) -> keras.optimizers.Optimizer:
    """Adam with clipping by the global norm, decoupled weight decay, and the configured schedule.

    Args:
        settings: The section `training`.
        steps: Number of steps in an epoch.
    """
    adam = keras.optimizers.Adam(
        schedule(settings, steps), weight_decay=settings.weight_decay or None, global_clipnorm=settings.clip_norm
    )
    adam.exclude_from_weight_decay(var_names=["bias"])
    return keras.optimizers.LossScaleOptimizer(adam) if settings.precision == "mixed_float16" else adam


def schedule(settings: Training, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as a function of the step.

    >>> rate = schedule(Training(epochs=10, learning_rate=0.1, warmup_epochs=2), steps=5)
    >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 30, 50)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    warmup = round(settings.warmup_epochs * steps)
    total = max(settings.epochs * steps - warmup, 1)
    match settings.schedule:
        case "cosine":
            return keras.optimizers.schedules.CosineDecay(
                0.0 if warmup else settings.learning_rate,
                total,
                warmup_target=settings.learning_rate if warmup else None,
                warmup_steps=warmup,
            )
        case "exponential":
            after = keras.optimizers.schedules.ExponentialDecay(settings.learning_rate, total, EXPONENTIAL_END)
        case _:
            after = settings.learning_rate
    return WarmUp(after, warmup) if warmup else after


@keras.saving.register_keras_serializable("keras_recurrent")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise of the learning rate from zero over some steps, then another schedule from its start.

    Args:
        after: Learning rate or schedule after the warm-up.
        steps: Number of warm-up steps.
    """

    def __init__(self, after: float | keras.optimizers.schedules.LearningRateSchedule, steps: int) -> None:
        self.after, self.steps = after, steps

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """The learning rate at a step."""
        step = keras.ops.cast(step, "float32")
        later = keras.ops.maximum(step - self.steps, 0.0)
        rate = self.after(later) if callable(self.after) else self.after
        return rate * keras.ops.minimum(step / self.steps, 1.0)

    def get_config(self) -> dict:
        """For serialisation."""
        return {"after": keras.saving.serialize_keras_object(self.after), "steps": self.steps}


def _scheduling_callbacks(
    settings: Training, monitor: str, mode: str
) -> dict[keras.callbacks.Callback, tuple[str, ...]]:
    """Callbacks that control the training, each with the counters that a checkpoint must keep."""
    chosen: dict[keras.callbacks.Callback, tuple[str, ...]] = {}
    if settings.patience is not None:
        early = keras.callbacks.EarlyStopping(monitor, patience=settings.patience, mode=mode)
        chosen[early] = ("wait", "best", "best_epoch", "stopped_epoch")
    if settings.schedule == "plateau":
        plateau = keras.callbacks.ReduceLROnPlateau(monitor, mode=mode, **PLATEAU)
        chosen[plateau] = ("wait", "best", "cooldown_counter")
    return chosen


def strategy(devices: list[str] | None) -> tf.distribute.Strategy:
    """The distribution strategy: several devices together (MirroredStrategy), or a single one.

    Args:
        devices: Names such as `GPU:0`; None for all available GPUs.

    Raises:
        UsageError: If a device does not exist.
    """
    present = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices()]
    chosen = devices if devices is not None else [name for name in present if name.startswith("GPU")]
    if missing := set(chosen) - set(present):
        raise UsageError(f"training.devices: there is no {', '.join(sorted(missing))}; there are {', '.join(present)}.")
    if len(chosen) > 1:
        return tf.distribute.MirroredStrategy(chosen)
    return tf.distribute.OneDeviceStrategy(f"/{chosen[0]}") if chosen else tf.distribute.get_strategy()
