"""Numbers that are added."""
