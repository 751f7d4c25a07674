"""Features that a configuration declares: values for each row from that row and earlier rows of its series."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from ...core.config import Section

OF_POSITIVE = ("log_return", "absolute_return", "moving_deviation")
NOT_NEGATIVE = ("log_change",)
CALENDAR = ("hour", "day_of_week", "day_of_year")


class Feature(Section):
    """One feature; the training rows of each series standardise it, except for calendar features."""

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
    """Kind of feature, where x_t is the value of the column in row t and n is `steps`. `value` is x_t; `change` is
    x_t - x_(t-n); `moving_mean` is the mean of the last n values minus x_t. For positive columns, `log_return` is
    log(x_t / x_(t-n)), `absolute_return` its absolute value, and `moving_deviation` the root mean square of the last n
    log returns from row to row. For columns without negative values, such as volumes, `log_change` is
    log((1 + x_t) / (1 + x_(t-n))). The calendar features `hour`, `day_of_week` and `day_of_year` are sine and cosine of
    a cycle of a day, a week or 365.2425 days."""
    column: str | None = None
    """Column of the feature; null for calendar features."""
    steps: PositiveInt = 1
    """Number of rows that the feature reaches back, or that a moving feature covers."""

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
        """Number of earlier rows that the feature of a row needs."""
        if self.kind in ("value", *CALENDAR):
            return 0
        return self.steps - 1 if self.kind == "moving_mean" else self.steps
