"""Draws docs/images/runs.png, the picture of README.md, from two finished runs.

    keras-recurrent run mnist_rows --name picture
    keras-recurrent run stock_forecast --name picture
    python benchmarks/picture.py saved_models/mnist_rows/picture saved_models/stock_forecast/picture

Both runs use the preset `sample`, so everything in the picture comes from real digits and real prices.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter
from matplotlib.figure import SubFigure

from keras_recurrent.pipelines.core import runs

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "runs.png"
ROWS, COLUMNS = 2, 3
FORECAST = "tab:blue"
INTERVALS = (("q0.05", "q0.95", 0.22, "90% interval"), ("q0.25", "q0.75", 0.45, "50% interval"))


def main() -> None:
    """Draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits", help="a run of mnist_rows, preset sample")
    parser.add_argument("prices", help="a run of stock_forecast, preset sample")
    given = parser.parse_args()
    figure = plt.figure(figsize=(11, 4.3), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.45), wspace=0.03)
    draw_mistakes(left, runs.open(given.digits))
    draw_forecasts(right.subplots(), runs.open(given.prices))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=140, pil_kwargs={"optimize": True})


def draw_mistakes(figure: SubFigure, run: runs.Run) -> None:
    """Draws the first mistakes on the test images, and the accuracy with that of logistic regression."""
    answers = pd.read_csv(run.path / "predictions.csv")
    wrong = answers[~answers["correct"]]
    images = run.pipeline.load(run.config).test.inputs
    accuracy, baselines = run.metrics["test"]["accuracy"], run.metrics["baselines"]
    figure.suptitle(
        f"Digits: {len(answers) - len(wrong)} of {len(answers)} test images right\n"
        f"accuracy {accuracy:.3f}, logistic regression {baselines['logistic_regression']['accuracy']:.3f}",
        fontsize=12,
    )
    panels = figure.subplots(ROWS, COLUMNS).ravel()
    for axes in panels:
        axes.axis("off")
    for axes, mistake in zip(panels, wrong.itertuples(), strict=False):
        axes.imshow(images[mistake.row], cmap="gray_r")
        axes.set_title(f"a {mistake.label}, taken for {mistake.predicted_label}", fontsize=10)


def draw_forecasts(axes: Axes, run: runs.Run) -> None:
    """Draws forecasts of the test split that follow one another, each from the day it was made."""
    table = pd.read_csv(run.path / "predictions.csv", parse_dates=["made_on", "date"])
    price = table.set_index("date")["actual"]
    axes.plot(price.index, price, color="black", linewidth=1.2, label="price", zorder=3)
    for made_on, steps in table.groupby("made_on"):

        def joined(column: str, day: pd.Timestamp = made_on, steps: pd.DataFrame = steps) -> np.ndarray:
            """Steps of a forecast behind the price of the day it was made, where the table has that price."""
            return np.append(price.get(day, np.nan), steps[column])

        dates = np.append(made_on.to_datetime64(), steps["date"].to_numpy())
        for low, high, alpha, label in INTERVALS:
            axes.fill_between(dates, joined(low), joined(high), color=FORECAST, alpha=alpha, linewidth=0, label=label)
        axes.plot(dates, joined("forecast"), color=FORECAST, linewidth=1.2, label="forecast")
    scores = run.metrics
    verdict = "better" if scores["beats_baselines"] else "no better"
    axes.set_title(
        "Prices: Google in 2008, forecast 5 days ahead\n"
        f"squared error {scores['test']['mse']:.2f}, "
        f"{verdict} than the last value's {scores['baselines']['last_value']['mse']:.2f}",
        fontsize=12,
    )
    named = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(named.values(), named.keys(), loc="upper right")
    axes.xaxis.set_major_formatter(DateFormatter("%b"))
    axes.set_ylabel("US dollars")
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
