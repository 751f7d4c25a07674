"""Images that are described in a sentence."""
