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

from .cells import GATED_CELLS, WITHOUT_RECURRENT_KERNEL, CellName

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
    """Where the data comes from."""


class RecurrentModel(Section):
    """Stacked recurrent layers."""

    cell: CellName = "keras.lstm"
    """Which recurrent layer."""
    units: PositiveInt = 128
    """Units of each layer, per direction."""
    depth: PositiveInt = 1
    """Layers on top of each other."""
    bidirectional: bool = False
    """Reads the sequence from both ends and concatenates."""
    dropout: Rate = 0.0
    """Rate after each recurrent layer."""
    recurrent_dropout: Rate = 0.0
    """Rate on the hidden state inside the recurrence, one mask a sequence (Gal & Ghahramani 2016)."""
    chrono: Annotated[int, Field(ge=3)] | None = None
    """Chrono initialisation: gates begin with memories of up to that many time steps (Tallec & Ollivier 2018, arXiv
    1804.11188); null for the layer's own biases. For cells whose gates can keep a state."""

    @model_validator(mode="after")
    def _options_fit_the_cell(self) -> RecurrentModel:
        if self.chrono is not None and self.cell not in GATED_CELLS:
            cells = ", ".join(GATED_CELLS)
            raise PydanticCustomError("together", f"model.chrono needs one of {cells}; model.cell is {self.cell}")
        if self.recurrent_dropout and self.cell in WITHOUT_RECURRENT_KERNEL:
            text = f"model.recurrent_dropout has nothing to drop in {self.cell}, whose state enters no kernel"
            raise PydanticCustomError("together", text + "; use model.dropout")
        return self


class Training(Section):
    """How the model is fitted."""

    epochs: PositiveInt = 10
    """Times that every training example is seen."""
    batch_size: PositiveInt = 64
    """Examples a step, over all devices together."""
    learning_rate: PositiveFloat = 1e-3
    """Peak learning rate of Adam."""
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = "cosine"
    """After the warm-up: constant; a half cosine down to zero; exponential, down to a hundredth; or a fifth of the
    rate whenever three epochs brought no better validation score (plateau)."""
    warmup_epochs: NonNegativeFloat = 0.0
    """Epochs over which the rate rises linearly from zero."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled weight decay (AdamW) of the kernels; biases are left alone."""
    clip_norm: PositiveFloat | None = 1.0
    """Global norm to which gradients are clipped; null for no clipping."""
    patience: PositiveInt | None = None
    """Epochs without a better validation score after which training stops; null never stops early."""
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Of the computation in training; the kept model is float32 in any case."""
    jit_compile: bool = False
    """Compiles the training step with XLA (then without cuDNN's recurrent kernels, which XLA does not know)."""
    devices: list[str] | None = None
    """Devices to train on together, such as [GPU:0, GPU:1]; null takes every GPU there is, or else the CPU. A batch is
    divided among them, so batch_size should be a multiple of their number."""
    seed: NonNegativeInt = 0
    """Of the first weights, the dropout masks, the order of the data and its augmentation."""

    @model_validator(mode="after")
    def _plateau_has_no_warmup(self) -> Training:
        if self.schedule == "plateau" and self.warmup_epochs:
            raise PydanticCustomError("together", "schedule 'plateau' takes no warm-up: set training.warmup_epochs=0")
        return self


class ClassifierTraining(Training):
    """How a classifier is fitted."""

    label_smoothing: Rate = 0.0
    """Share of the label's probability that is spread over all classes (Szegedy et al. 2015, arXiv 1512.00567)."""


class Evaluation(Section):
    """How the model is scored on the test split."""

    bootstrap: NonNegativeInt = 1000
    """Resamples for the 95% intervals."""


class Export(Section):
    """What is exported, and how it is proven."""

    rows: Annotated[int, Field(ge=64)] = 64
    """Test rows that are checked at two batch sizes; every test row is checked once."""
    quantization: tuple[Literal["dynamic_range", "float16", "int8"], ...] = ("dynamic_range", "float16")
    """Quantised TFLite files to write beside the float32 one. `int8` is for sequences of up to 80 steps, and for models
    that can be run step by step."""


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
