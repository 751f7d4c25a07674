"""What pipelines of texts share: tokens, n-grams, baselines, findings, and the command that predicts."""
