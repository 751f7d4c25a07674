"""One folder a task, with everything that only this task knows."""
