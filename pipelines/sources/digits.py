"""Loads the 1,797 handwritten digits that come with scikit-learn: real images of 8 x 8 pixels, no network needed.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998
(the 1,797 images are its test set).
"""

from __future__ import annotations

import numpy as np


def load() -> tuple[np.ndarray, np.ndarray]:
    """Loads images `[1797, 8, 8]` uint8, rescaled from 0..16 to 0..255, and labels `[1797]` int64.

    Example:

    >>> images, labels = load()
    >>> images.shape, images.dtype, int(images.max()), labels[:3].tolist()
    ((1797, 8, 8), dtype('uint8'), 255, [0, 1, 2])
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.round(digits.images * (255 / 16)).astype(np.uint8), digits.target.astype(np.int64)
