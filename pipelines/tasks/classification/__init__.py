"""Sequences that are given one class, or a few."""
