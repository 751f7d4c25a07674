"""The code that tasks on sequences share."""
