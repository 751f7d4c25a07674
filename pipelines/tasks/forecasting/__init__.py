"""Series whose next steps are forecast."""
