"""Texts that are given a class."""
