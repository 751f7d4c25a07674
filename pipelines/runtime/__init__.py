"""Runs exported files with NumPy and LiteRT alone: no TensorFlow, no Keras.

pip install ai-edge-litert numpy
"""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import DataError
from ..tasks.forecasting.calendar import minutes
from . import caption_files as runtime_files
from . import tokens

STATE = re.compile(r"state_\d+")


class StreamingModel:
    """A TensorFlow Lite file that is given one time step after the other, and remembers the states between them.

    Args:
        path: A file with the signature `step`, as `export_tflite` writes it for models that can be stepped.
        num_threads: How many threads the interpreter may use.

    Raises:
        DataError: If there is no such file, it is not a TensorFlow Lite file, or it has no signature `step`.

    Example:

    ```python
    model = StreamingModel("model.tflite")
    for sample in sensor:  # each of shape (features,)
        scores = model.step(sample[None])

    left, right = model.stream(), model.stream()  # independent of each other and of `model`
    ```
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        self._interpreter = _open(Path(path), num_threads)
        if "step" not in self._interpreter.get_signature_list():
            raise DataError(
                f"{str(path)!r} has no signature 'step'. Export a model that can be stepped: recurrent layers that "
                "read forwards, and no layer that needs the whole sequence."
            )
        self._begin(self._interpreter.get_signature_runner("step"))

    def _begin(self, runner: Any) -> None:
        self._run = runner
        details = runner.get_input_details()
        self._states = {name: detail for name, detail in details.items() if STATE.fullmatch(name)}
        self._inputs = {name: detail for name, detail in details.items() if name not in self._states}
        self.reset()

    def step(self, x: np.ndarray | dict[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
        """The answer to one more time step.

        Args:
            x: Array of shape `(batch, ...)` without an axis of time; or, of a model with several inputs, a dict of
                them. Each row is a sequence of its own.

        Returns:
            Array of shape `(batch, ...)`; or, of a model with several outputs, a dict of them.

        Raises:
            ValueError: If an input is missing or unknown, has another shape than the model takes, another batch size
                than the steps before or the other inputs, or values that are none of its type.
        """
        inputs = self._checked(x)
        batch = len(next(iter(inputs.values())))
        carried = self._carried or {
            name: np.zeros((batch, *detail["shape_signature"][1:]), detail["dtype"])
            for name, detail in self._states.items()
        }
        results = self._run(**inputs, **carried)
        self._carried = {name: results.pop(name) for name in self._states}
        return next(iter(results.values())) if len(results) == 1 else results

    def reset(self) -> None:
        """Forgets everything: the next step is the first of a sequence."""
        self._carried: dict[str, np.ndarray] | None = None

    def stream(self) -> StreamingModel:
        """Another stream through the same weights, at its beginning, with states of its own."""
        other = object.__new__(type(self))
        other._interpreter = self._interpreter
        other._begin(self._run)
        return other

    def _checked(self, x: np.ndarray | dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        named = x if isinstance(x, dict) else dict.fromkeys(self._inputs, x) if len(self._inputs) == 1 else {}
        if set(named) != set(self._inputs):
            raise ValueError(f"The model takes a dict of {sorted(self._inputs)}, got {sorted(named) or type(x)}.")
        before = None if self._carried is None else len(next(iter(self._carried.values())))
        inputs: dict[str, np.ndarray] = {}
        for name, detail in self._inputs.items():
            value, shape = np.asarray(named[name]), tuple(detail["shape_signature"])
            known = [size in (-1, got) for size, got in zip(shape, value.shape, strict=False)]
            if value.ndim != len(shape) or not all(known):
                wanted = tuple("batch" if axis == 0 else int(size) for axis, size in enumerate(shape))
                raise ValueError(f"Input {name!r} has shape {value.shape}, expected {wanted}, without an axis of time.")
            others = {len(other) for other in inputs.values()} - {len(value)}
            if before not in (None, len(value)):
                raise ValueError(f"Input {name!r} has a batch of {len(value)}, the steps before had {before}; reset.")
            if others:
                raise ValueError(f"Input {name!r} has a batch of {len(value)}, another input one of {others.pop()}.")
            inputs[name] = value.astype(detail["dtype"])
            if np.issubdtype(detail["dtype"], np.integer) and not np.array_equal(inputs[name], value):
                raise ValueError(f"Input {name!r} takes {np.dtype(detail['dtype'])}; some of the values given are not.")
        return inputs


class TextClassifier:
    """An exported classifier of texts: a TensorFlow Lite file with its vocabulary and its labels beside it.

    Args:
        path: `model.tflite` (or a quantised one) in the folder `export/` of a run, where `vocabulary.txt`, `text.json`
            and `labels.txt` lie too.
        num_threads: How many threads the interpreter may use.

    Raises:
        DataError: If one of the files is missing, or the first is no TensorFlow Lite file.

    Example:

    ```python
    model = TextClassifier("saved_models/sentiment/latest/export/model.tflite")
    model.label(["I hated it.", "I loved it."])  # a name for each
    model.predict(["I hated it.", "I loved it."])  # probabilities [2, classes], in the order of model.classes
    ```
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        path = Path(path)
        self._interpreter = _open(path, num_threads)
        try:
            self.vocabulary, self._reading = tokens.read(path.parent)
            self.classes = (path.parent / "labels.txt").read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise DataError(f"{path.parent} lacks what turns texts into ids, or labels into names: {error}") from error
        self._run = self._interpreter.get_signature_runner("sequence")

    def predict(self, texts: list[str]) -> np.ndarray:
        """Probabilities `[texts, classes]` float32."""
        if not len(texts):
            return np.zeros((0, len(self.classes)), np.float32)
        ids = tokens.to_ids(texts, self.vocabulary, **self._reading)
        return self._run(ids=tokens.padded(ids))["probabilities"]

    def label(self, texts: list[str]) -> list[str]:
        """The name of the most probable class of each text."""
        return [self.classes[number] for number in self.predict(texts).argmax(-1)]


class Forecaster:
    """An exported model that forecasts: a TensorFlow Lite file with `forecast.json` beside it.

    Args:
        path: `model.tflite` (or a quantised one) in the folder `export/` of a run.
        num_threads: How many threads the interpreter may use.

    Attributes:
        columns: Names of the columns of a row, in their order.
        rows: Steps that a forecast is made of.
        series: Names of the series that the model knows.
        targets: Names of the columns that are forecast.
        horizon: Steps that are forecast.
        quantiles: Their levels, or none if a forecast is one number.

    Raises:
        DataError: If there is no such file, or what should be beside it is missing or damaged.

    Example:

    ```python
    model = Forecaster("export/model.tflite")
    model.forecast(values, dates)      # values [rows, columns] -> [horizon, targets], or [horizon, targets, quantiles]
    for day, row in live:              # row [columns]
        model.step(row, day)           # None until `rows` days are known, then the next forecast
    ```
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        path = Path(path)
        interpreter = _open(path, num_threads)
        about = path.with_name("forecast.json")
        try:
            known = json.loads(about.read_text(encoding="utf-8"))
            self.columns, self.rows, self.series = known["columns"], known["rows"], known["series"]
            self.targets, self.horizon, self.quantiles = known["targets"], known["horizon"], known["quantiles"]
            self._inputs = known["inputs"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"{about} is missing or damaged; it says what {path.name} takes: {error}.") from None
        self._run = interpreter.get_signature_runner("sequence")
        self._known: dict[str | None, deque] = {}

    def forecast(self, values: np.ndarray, dates: np.ndarray | None = None, series: str | None = None) -> np.ndarray:
        """The steps that follow the last row.

        Args:
            values: Rows in the order of time, `[rows or more, columns]`, in the units of the data.
            dates: Of the rows, datetime64; for a model that reads the calendar.
            series: Which series, if the model knows several.

        Returns:
            `[horizon, targets]` in the units of the data, or `[horizon, targets, quantiles]`.

        Raises:
            ValueError: If there are too few rows, the columns differ, dates are missing or no series has that name.
        """
        values = np.asarray(values, np.float32)
        if values.ndim != 2 or values.shape[1] != len(self.columns) or len(values) < self.rows:
            wanted = f"{self.rows} or more rows of {', '.join(self.columns)}"
            raise ValueError(f"The values have shape {values.shape}, expected {wanted}.")
        inputs = {"values": values[-self.rows :][None]}
        if "minutes" in self._inputs:
            if dates is None or len(dates) != len(values):
                raise ValueError("The model reads the calendar: give the date of each row.")
            inputs["minutes"] = minutes(np.asarray(dates, "datetime64[s]"))[-self.rows :][None]
        self._check_series(series)
        if "series" in self._inputs:
            inputs["series"] = np.array([self.series.index(series)], np.int32)
        (answer,) = self._run(**inputs).values()
        return answer[0]

    def step(
        self, row: np.ndarray, date: np.datetime64 | str | None = None, series: str | None = None
    ) -> np.ndarray | None:
        """One more row in, the next forecast out; None as long as fewer rows are known than a forecast is made of.

        Args:
            row: `[columns]`, of the step after the last one.
            date: Of the row, for a model that reads the calendar.
            series: Which series, if the model knows several; each is remembered by itself.

        Raises:
            ValueError: If the row has another shape, its date is missing, or no series has that name; it is then not
                kept.
        """
        row = np.asarray(row, np.float32)
        if row.shape != (len(self.columns),):
            raise ValueError(f"A row has the columns {', '.join(self.columns)}, not the shape {row.shape}.")
        self._check_series(series)
        if "minutes" in self._inputs and date is None:
            raise ValueError("The model reads the calendar: give the date of each row.")
        known = self._known.setdefault(series, deque(maxlen=self.rows))
        known.append((row, np.datetime64(date or 0, "s")))
        if len(known) < self.rows:
            return None
        rows, dates = zip(*known, strict=True)
        return self.forecast(np.stack(rows), np.array(dates) if date is not None else None, series)

    def _check_series(self, series: str | None) -> None:
        if "series" in self._inputs and series not in self.series:
            raise ValueError(f"The model knows no series {series!r}; it knows {', '.join(self.series)}.")

    def reset(self) -> None:
        """Forgets all rows that `step` was given."""
        self._known.clear()


class Captioner:
    """Writes captions of pictures by a TensorFlow Lite file.

    Args:
        path: The file, with `vocabulary.txt` and `captions.json` beside it, as `keras-recurrent` exports a captioner.
        num_threads: How many threads the interpreter may use.

    Raises:
        DataError: If a file is missing or is not what it should be.

    Example:

    ```python
    model = Captioner("export/model.tflite")
    model.captions(pixels)             # uint8 [n, side, side, 3] -> n captions; greedy=True without the beam
    model.read("photo.jpg")            # needs Pillow, which resizes the picture
    ```
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        path = Path(path)
        interpreter = _open(path, num_threads)
        try:
            self.vocabulary, known = runtime_files.read(path.parent)
            self.side, self._between = int(known["side"]), " " if known["level"] == "word" else ""
        except (OSError, ValueError, TypeError, KeyError) as error:
            names = f"{runtime_files.VOCABULARY} and {runtime_files.SETTINGS}"
            raise DataError(f"{names} beside {path} are missing or damaged: {error}.") from None
        signatures = interpreter.get_signature_list()
        if "decode" not in signatures:
            raise DataError(f"{str(path)!r} has no signature 'decode'; it is no captioner.")
        self._decode = interpreter.get_signature_runner("decode")
        self._greedy = interpreter.get_signature_runner("greedy") if "greedy" in signatures else self._decode

    def captions(self, pixels: np.ndarray, greedy: bool = False) -> list[str]:
        """The best caption of each picture.

        Args:
            pixels: uint8 `[n, side, side, 3]`, RGB.
            greedy: Whether to search greedily instead of by the beam; without a beam the file is greedy anyway.

        Raises:
            ValueError: If the pixels have another shape or type.
        """
        pixels = np.asarray(pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (self.side, self.side, 3):
            raise ValueError(
                f"The pixels are {pixels.dtype} of shape {pixels.shape}; expected uint8 of shape "
                f"(n, {self.side}, {self.side}, 3)."
            )
        if not len(pixels):
            return []
        tokens = (self._greedy if greedy else self._decode)(image=pixels)["tokens"]
        return [self._line(row[0] if row.ndim == 2 else row) for row in tokens]

    def read(self, path: str | Path, greedy: bool = False) -> str:
        """The caption of a picture file.

        Raises:
            DataError: If it can't be read.
        """
        from PIL import Image, ImageOps

        try:
            with Image.open(path) as opened:
                picture = ImageOps.exif_transpose(opened).convert("RGB")
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"{path} can't be read: {error}.") from None
        if picture.size != (self.side, self.side):
            picture = picture.resize((self.side, self.side), Image.Resampling.BILINEAR)
        return self.captions(np.asarray(picture, np.uint8)[None], greedy)[0]

    def _line(self, tokens: np.ndarray) -> str:
        """Tokens up to the first 0, as one line."""
        ended = np.flatnonzero(tokens == 0)
        kept = tokens[: ended[0]] if len(ended) else tokens
        return self._between.join(self.vocabulary[token] for token in kept)


def _open(path: Path, num_threads: int) -> Any:
    """The interpreter of a file."""
    from ai_edge_litert.interpreter import Interpreter

    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}.")
    try:
        return Interpreter(str(path), num_threads=num_threads)
    except ValueError as error:
        raise DataError(f"{str(path)!r} is not a TensorFlow Lite file: {error}") from error
