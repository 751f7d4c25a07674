"""What the pipeline of captions shares: scores of sentences about pictures, and baselines to compare them with."""
