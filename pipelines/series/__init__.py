"""Forecasts of time series: windows, naive forecasts, scores, tests of significance, and guards against leaks."""
