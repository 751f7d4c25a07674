"""Image captioning: a sentence that describes an image."""
