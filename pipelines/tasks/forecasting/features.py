"""Features that a configuration declares: numbers for each row, made of that row and earlier ones of its series."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from ...core.config import Section

OF_POSITIVE = ("log_return", "absolute_return", "moving_deviation")
NOT_NEGATIVE = ("log_change",)
CALENDAR = ("hour", "day_of_week", "day_of_year")


class Feature(Section):
    """One feature; all are standardised by the training rows of each series, but for those of the calendar."""

    kind: Literal[
        "value",
        "change",
        "moving_mean",
        "log_return",
        "absolute_return",
        "moving_deviation",
        "log_change",
        "hour",
        "day_of_week",
        "day_of_year",
    ]
    """With x_t the column's value in row t and n the steps: `value` x_t; `change` x_t - x_(t-n); `moving_mean` the mean
    of the last n values less x_t; of positive columns `log_return` log(x_t / x_(t-n)), `absolute_return` its size,
    `moving_deviation` the root mean square of the last n log returns from row to row; of columns without negative
    numbers, such as volumes, `log_change` log((1 + x_t) / (1 + x_(t-n))). The calendar's are sine and cosine of their
    cycle: a day, a week, 365.2425 days."""
    column: str | None = None
    """Of which column; null for those of the calendar."""
    steps: PositiveInt = 1
    """How many rows it reaches back, or the rows of a moving one."""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Feature:
        calendar = self.kind in CALENDAR
        if calendar and (self.column is not None or self.steps != 1):
            raise PydanticCustomError("together", f"the feature {self.kind} is of the date; leave out column and steps")
        if not calendar and self.column is None:
            raise PydanticCustomError("together", f"the feature {self.kind} needs a column")
        return self

    @property
    def before(self) -> int:
        """Rows before a row that it is made of."""
        if self.kind in ("value", *CALENDAR):
            return 0
        return self.steps - 1 if self.kind == "moving_mean" else self.steps
