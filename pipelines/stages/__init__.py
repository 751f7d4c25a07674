"""What a run goes through, one file a stage."""
