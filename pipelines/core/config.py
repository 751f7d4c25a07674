"""The schema of a configuration: typed sections, their defaults, and what each key means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from .cell_options import LayerOptions
from .cells import GATED_CELLS, WITHOUT_RECURRENT_KERNEL, CellName

SETS_BIASES = {"bias_initializer", "unit_forget_bias", "use_bias"}
Rate = Annotated[float, Field(ge=0, lt=1)]
FullPath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
"""A path that means the same from every folder, so that a run can be repeated from another one."""


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, about: ValidationInfo) -> Any:
        field = str(about.field_name)  # that a validator of fields always has
        if isinstance(value, bool) and cls.model_fields[field].annotation is not bool:
            raise PydanticCustomError(
                "truth", "expected a number or a text (YAML reads yes and on as true, no and off as false)"
            )
        return value


class DataSection(Section):
    """Where the data comes from. A pipeline adds its own keys and says which of them belong to which source."""

    only_for: ClassVar[dict[str, set[str]]] = {}
    """Keys that only some sources use, such as `{"path": {"idx"}}`; every other key is for all of them."""

    source: str
    """Name of the source that the data comes from."""


class RecurrentModel(Section):
    """Stacked recurrent layers."""

    cell: CellName = "keras.lstm"
    """Recurrent layer of the stack, by name; the LSTM of Keras by default, to which others are usually compared."""
    units: PositiveInt = 128
    """Units of each layer in each direction; 128 by default, a middling size: more units take more data and time."""
    depth: PositiveInt = 1
    """Number of layers, each of which reads the outputs of the layer below; 1 by default, the simplest stack."""
    bidirectional: bool = False
    """Reads the sequence in both directions and concatenates the outputs; off by default, since it doubles the weights
    of a layer and can answer only when the whole sequence is known."""
    dropout: Rate = 0.0
    """Rate, in [0, 1), at which training drops outputs of each recurrent layer; 0 by default, for data that a model
    does not overfit."""
    recurrent_dropout: Rate = 0.0
    """Rate, in [0, 1), at which training drops units of the hidden state inside the recurrence, the same ones at every
    time step of a sequence (Gal & Ghahramani 2016, arXiv 1512.05287); 0 by default, since cuDNN's kernels have none."""
    chrono: Annotated[int, Field(ge=3)] | None = None
    """Longest time, in steps, over which gates remember when training begins (chrono initialization: Tallec & Ollivier
    2018, arXiv 1804.11188); for cells whose gates can keep a state. Null by default: the layer's own biases."""
    options: LayerOptions = {}
    """Further arguments of the layer class that `cell` names, the same for every layer of the stack, such as
    {zoneout: 0.1} or {kernel_regularizer: l2}; initializers, regularizers, constraints and activations go by their
    names in Keras. The option `dropout` drops features of a layer's input, the same ones at every time step. Empty by
    default: what the layer's own defaults are."""

    @model_validator(mode="after")
    def _options_fit_the_cell(self) -> RecurrentModel:
        if self.chrono is not None and self.cell not in GATED_CELLS:
            cells = ", ".join(GATED_CELLS)
            raise PydanticCustomError("together", f"model.chrono needs one of {cells}; model.cell is {self.cell}")
        if self.chrono is not None and (both := sorted(self.options.keys() & SETS_BIASES)):
            text = f"model.chrono sets the biases, and so does model.options.{both[0]}; leave one of them out"
            raise PydanticCustomError("together", text)
        if self.recurrent_dropout and self.cell in WITHOUT_RECURRENT_KERNEL:
            text = f"model.recurrent_dropout has nothing to drop in {self.cell}, whose state enters no kernel"
            raise PydanticCustomError("together", text + "; use model.dropout")
        return self


class Training(Section):
    """How the model is fitted."""

    epochs: PositiveInt = 10
    """Passes over the training examples; 10 by default, to see whether a model learns at all."""
    batch_size: PositiveInt = 64
    """Training examples a step, over all devices together; 64 by default, between the noisy gradients of small batches
    and the few steps of large ones."""
    learning_rate: PositiveFloat = 1e-3
    """Peak learning rate of Adam; 1e-3 by default, as its paper suggests (Kingma & Ba 2014, arXiv 1412.6980)."""
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"
    """Course of the learning rate after the warm-up: `constant`; `cosine`, half a cosine down to zero; `exponential`,
    down to a hundredth; `plateau`, a fifth whenever three epochs bring no better validation score. Cosine by default,
    since it ends at zero for any number of epochs and has nothing to tune."""
    warmup_epochs: NonNegativeFloat = 0.0
    """Epochs, whole or not, over which the learning rate rises linearly from zero; 0 by default: lengthen it if the
    loss jumps in the first epochs."""
    weight_decay: NonNegativeFloat = 0.0
    """Share of each kernel that a step takes off, times the learning rate (AdamW: Loshchilov & Hutter 2017, arXiv
    1711.05101); biases are left alone. 0 by default, which is plain Adam."""
    clip_norm: PositiveFloat | None = 1.0
    """Global norm to which larger gradients are scaled down; 1 by default, since gradients through time can explode
    (Pascanu et al. 2012, arXiv 1211.5063); null scales none."""
    patience: PositiveInt | None = None
    """Epochs without a better validation score after which training stops; null by default, which trains all epochs,
    since most schedules reach their lowest rates at the end."""
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Precision of the computation in training; float32 by default, which is fast on every device, as mixed precision
    is not. The kept model is float32 in any case."""
    jit_compile: bool = False
    """Compiles the training step with XLA; off by default, since XLA takes time to compile and rules out cuDNN's
    recurrent kernels."""
    devices: list[str] | None = None
    """Devices to train on together, such as [GPU:0, GPU:1]; a batch is divided among them, so batch_size should be a
    multiple of their number. Null by default: every GPU there is, or else the CPU."""
    seed: NonNegativeInt = 0
    """Seed of the initial weights, the dropout masks, the order of the data and its augmentation; 0 by default, so that
    a run can be repeated, and as good as any other number."""

    @model_validator(mode="after")
    def _plateau_has_no_warmup(self) -> Training:
        if self.schedule == "plateau" and self.warmup_epochs:
            raise PydanticCustomError("together", "schedule 'plateau' takes no warm-up: set training.warmup_epochs=0")
        return self


class ClassifierTraining(Training):
    """How a classifier is fitted."""

    label_smoothing: Rate = 0.0
    """Share, in [0, 1), of the label's probability that is spread evenly over all classes (Szegedy et al. 2015, arXiv
    1512.00567); 0 by default, which trains on the labels as they are."""


class Evaluation(Section):
    """How the model is scored on the test split."""

    bootstrap: NonNegativeInt = 1000
    """Bootstrap resamples of the test split from which the 95% intervals are taken; 1000 by default, so that 25 of them
    lie beyond each end; 0 leaves the intervals out."""


class Export(Section):
    """What is exported, and how it is proven."""

    rows: Annotated[int, Field(ge=64)] = 64
    """Number of test rows, from the first on, that each exported file runs again one by one and in batches of seven; at
    least 64, the default, since every test row is compared once in any case."""
    quantization: tuple[Literal["dynamic_range", "float16", "int8"], ...] = ("dynamic_range", "float16")
    """Quantized TFLite files to write in addition to the float32 one; by default the two kinds that every model allows.
    `int8` is for sequences of up to 80 steps, and for models that can be run step by step."""


def has_options(section: Section) -> bool:
    """Whether a cell has options, in this section or in one below it."""
    below = [value for _, value in section if isinstance(value, Section)]
    return bool(getattr(section, "options", None)) or any(map(has_options, below))


class Config(Section):
    """A whole configuration; a pipeline narrows the sections and changes their defaults."""

    pipeline: str
    preset: str
    data: DataSection
    model: Section
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    export: Export = Export()

    def to_yaml(self) -> str:
        """The configuration as YAML that `--config` accepts."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
