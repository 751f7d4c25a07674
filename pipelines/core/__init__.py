"""The base of all other packages: configuration, catalogue, runs, files, errors, and the declaration of a pipeline."""
