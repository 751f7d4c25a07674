"""What everything stands on: configuration, catalogue, runs, files, errors, and what a pipeline declares."""
