"""Data sources, one file for each."""
