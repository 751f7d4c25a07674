"""Declared pipelines: from data to a proven, exported model."""
