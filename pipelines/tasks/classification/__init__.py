"""Classification of sequences, with one label each or several."""
