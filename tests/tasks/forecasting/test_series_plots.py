"""Plots of forecasts: what is drawn, read from the figures."""

import matplotlib.dates
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from keras_recurrent.pipelines.stages.plots import save
from keras_recurrent.pipelines.tasks.forecasting import plots
from keras_recurrent.pipelines.tasks.forecasting.calendar import next_dates

KNOWN = 30


def fan(horizon=5, *, title="GOOG: close", came=True, coverages=(0.5, 0.8, 0.975)):
    random = np.random.default_rng(0)
    dates = np.arange("2024-01-01", "2024-01-31", dtype="datetime64[D]")
    forecast = random.normal(size=horizon)
    intervals = {coverage: (forecast - coverage, forecast + 2 * coverage) for coverage in coverages}
    future = random.normal(size=horizon) if came else None
    return plots.Fan(title, dates, random.normal(size=KNOWN), next_dates(dates, horizon), future, forecast, intervals)


def errors(horizon, **others):
    steps = np.arange(1.0, horizon + 1)
    return {"the $model": steps, "last_value": 2 * steps, "drift": 1.5 * steps} | others


def lines_of(axes):
    return {line.get_label(): line for line in axes.lines}


def legend_of(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def drawn(figure, tmp_path):
    """A figure as the gray picture that is saved of it."""
    save(figure, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("L"))


def as_numbers(dates):
    return matplotlib.dates.date2num(dates)


def numbers_of(line):
    return as_numbers(line.get_xdata()), np.asarray(line.get_ydata())


@pytest.mark.parametrize("horizon", [1, 5, 40])
def test_a_fan_begins_at_the_last_known_value(horizon):
    panel = fan(horizon)
    (axes,) = plots.fans([panel]).axes
    lines = lines_of(axes)
    assert set(lines) == {"known", "forecast", "what came"}
    np.testing.assert_array_equal(numbers_of(lines["known"])[1], panel.known)
    np.testing.assert_array_equal(numbers_of(lines["known"])[0], as_numbers(panel.known_dates))
    for name, values in (("forecast", panel.forecast), ("what came", panel.future)):
        dates, found = numbers_of(lines[name])
        np.testing.assert_array_equal(found, [panel.known[-1], *values])
        np.testing.assert_array_equal(dates[1:], as_numbers(panel.future_dates))
        assert dates[0] == as_numbers(panel.known_dates[-1])


def test_wide_intervals_lie_below_narrow_ones_and_are_lighter():
    panel = fan(coverages=(0.8, 0.5, 0.975))
    (axes,) = plots.fans([panel]).axes
    assert [band.get_label() for band in axes.collections] == ["97.5% interval", "80% interval", "50% interval"]
    light = [to_rgb(band.get_facecolor()[0]) for band in axes.collections]
    assert light == sorted(light, reverse=True)
    assert len(set(light)) == 3
    for band, coverage in zip(axes.collections, (0.975, 0.8, 0.5), strict=True):
        corners = band.get_paths()[0].vertices
        low, high = panel.intervals[coverage]
        assert corners[:, 1].min() == pytest.approx(min(low.min(), panel.known[-1]))
        assert corners[:, 1].max() == pytest.approx(max(high.max(), panel.known[-1]))
        assert corners[:, 0].max() == as_numbers(panel.future_dates[-1])
    assert all(line.get_zorder() > band.get_zorder() for line in axes.lines for band in axes.collections)


def test_what_has_not_come_is_not_drawn():
    figure = plots.fans([fan(came=False, coverages=())])
    assert legend_of(figure) == ["known", "forecast"]


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (3, 2), (6, 2)])
def test_panels_stand_in_two_columns_with_one_legend(count, columns):
    figure = plots.fans([fan(title=f"series {number}") for number in range(count - 1)] + [fan(came=False)])
    used = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in used] == [f"series {number}" for number in range(count - 1)] + ["GOOG: close"]
    assert {axes.get_subplotspec().get_gridspec().ncols for axes in figure.axes} == {columns}
    expected = ["97.5% interval", "80% interval", "50% interval", "known", "forecast"]
    assert legend_of(figure) == expected + ["what came"] * (count > 1)
    assert all(axes.get_legend() is None for axes in figure.axes)


def test_dates_are_few_and_short(tmp_path):
    for horizon in (1, 40, 700):
        figure = plots.fans([fan(horizon), fan(horizon)])
        drawn(figure, tmp_path)
        for axes in figure.axes:
            labels = [text.get_text() for text in axes.get_xticklabels()]
            assert 3 <= len(labels) <= 10
            assert all(len(label) <= 5 for label in labels)


def test_names_are_drawn_as_they_are(tmp_path):
    """What stands between dollars would be set as mathematics, or fail."""
    name = r"US$ a_b^ $\frac$"
    figures = [
        plots.fans([fan(title=name)]),
        plots.error_by_step({name: np.arange(5.0), "b": np.ones(5)}, name),
        plots.error_by_step({name: np.ones(1), "b": np.ones(1)}, name),
        plots.interval_calibration(np.array([0.1, 0.9]), np.array([0.2, 0.8]), name),
        plots.cumulated_difference(fan().future_dates, np.ones(5), (name, name), name),
    ]
    literal = name.replace("$", r"\$")
    for figure in figures:
        picture = drawn(figure, tmp_path)
        assert picture.std() > 10
        texts = [text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text"))]
        named = [text for text in texts if "frac" in text]
        assert named
        assert all(text.count(literal) == text.count("frac") for text in named)


def test_each_forecaster_has_a_line_over_the_steps():
    figure = plots.error_by_step(errors(24), "mae")
    (axes,) = figure.axes
    lines = lines_of(axes)
    assert legend_of(figure) == list(lines) == [r"the \$model", "last_value", "drift"]
    for line, error in zip(lines.values(), errors(24).values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 25))
        np.testing.assert_array_equal(line.get_ydata(), error)
    widths = [line.get_linewidth() for line in axes.lines]
    assert widths[0] > 2 * widths[1] == 2 * widths[2]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step of the horizon", "mae")


@pytest.mark.parametrize(("horizon", "marker"), [(2, "o"), (96, "None")])
def test_few_steps_have_dots(horizon, marker):
    (axes,) = plots.error_by_step(errors(horizon), "mae").axes
    assert {line.get_marker() for line in axes.lines} == {marker}


def test_one_step_has_a_bar_for_each_forecaster():
    (axes,) = plots.error_by_step(errors(1), "rmse").axes
    assert [bar.get_width() for bar in axes.patches] == [1.0, 2.0, 1.5]
    assert [text.get_text() for text in axes.get_yticklabels()] == [r"the \$model", "last_value", "drift"]
    assert [text.get_text() for text in axes.texts] == ["1", "2", "1.5"]
    assert axes.get_xlabel() == "rmse, one step ahead"
    assert axes.yaxis_inverted()
    model, *others = (bar.get_facecolor() for bar in axes.patches)
    assert model not in others


@pytest.mark.parametrize(("worst", "scale"), [(30.0, "linear"), (300.0, "log"), (0.0, "linear")])
def test_an_error_far_above_the_others_does_not_hide_them(worst, scale):
    (axes,) = plots.error_by_step(errors(4, mean_of_training=np.full(4, worst)), "mae").axes
    assert axes.get_yscale() == scale
    assert axes.get_ylabel() == ("mae (logarithmic)" if scale == "log" else "mae")


def test_calibration_stands_beside_the_diagonal():
    nominal, observed = np.array([0.1, 0.5, 0.9]), np.array([0.05, 0.4, 0.97])
    (axes,) = plots.interval_calibration(nominal, observed, "GOOG").axes
    diagonal, found = axes.lines
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    np.testing.assert_array_equal(found.get_xydata(), np.stack([nominal, observed], axis=1))
    assert (found.get_marker(), found.get_linestyle()) == ("o", "-")
    assert axes.get_title() == "GOOG"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("level of the quantile", "share of actual values below it")


def test_differences_are_summed_and_zero_is_marked(tmp_path):
    dates = np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]")
    figure = plots.cumulated_difference(dates, np.array([1.0, -3.0, 0.5, 4.0]), ("model", "last_value"), "mae")
    (axes,) = figure.axes
    zero, line = axes.lines
    np.testing.assert_array_equal(zero.get_ydata(), [0, 0])
    found = numbers_of(line)
    np.testing.assert_array_equal(found[0], as_numbers(dates))
    np.testing.assert_array_equal(found[1], [1, -2, -1.5, 2.5])
    assert axes.get_title() == "model against last_value: where the line rises, model is better"
    assert axes.get_ylabel() == "cumulated mae\nlast_value less model"
    assert drawn(figure, tmp_path).std() > 10
