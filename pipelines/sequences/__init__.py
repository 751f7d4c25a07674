"""What tasks on sequences share."""
