"""Keras callbacks that training uses."""
