"""Baselines of captions, against scikit-learn and numbers worked by hand."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sequences import agreement
from keras_recurrent.pipelines.tasks.captioning import baselines

DOG, CAT, BIRD = ["a", "dog", "runs"], ["a", "cat", "sleeps"], ["a", "bird"]


def test_most_frequent_takes_the_first_of_equals():
    assert baselines.most_frequent([[DOG, CAT], [BIRD], [CAT, BIRD]]) == CAT
    assert baselines.most_frequent([[DOG], [BIRD, CAT], [BIRD]]) == BIRD
    with pytest.raises(DataError, match="no captions"):
        baselines.most_frequent([[]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nearest_is_the_highest_cosine_of_all_blocks(dtype):
    rng = np.random.default_rng(2)
    train, test = rng.normal(size=(2500, 8)).astype(dtype), rng.normal(size=(1100, 8)).astype(dtype)
    train *= rng.uniform(0.5, 4, (2500, 1)).astype(dtype)  # a longer row is no nearer one
    expected = cosine_similarity(test.astype(float), train.astype(float)).argmax(1)
    found = baselines.nearest(train, test, [[[str(row)]] for row in range(2500)])
    assert [int(caption[0]) for caption in found] == expected.tolist()
    assert len(set(expected // 1024)) == 3


def test_of_equally_near_pictures_the_first_counts_in_whatever_block():
    train = np.tile([1.0, 0.0], (2500, 1))
    assert baselines.nearest(train, np.array([[3.0, 4.0]]), [[[str(row)]] for row in range(2500)]) == [["0"]]


def test_nearest_takes_the_caption_closest_to_the_others():
    """Against the others, as candidates: 0 and 0; 0 and ROUGE-L of 2 in 2 and 3; 0 and that of 2 in 3 and 2."""
    captions = [["one", "picture"], ["a", "dog"], ["a", "dog", "runs"]]
    second, third = (agreement.rouge_l([captions[i]], [[captions[j]]])[0] for i, j in ((1, 2), (2, 1)))
    assert (second, third) == pytest.approx((2.44 * 2 / 3 / (2 / 3 + 1.44), 2.44 * 2 / 3 / (1 + 1.44 * 2 / 3)))
    train = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    found = baselines.nearest(train, np.array([[5.0, 1.0], [0.1, 0.2]]), [captions, [CAT, BIRD], [DOG]])
    assert found == [captions[2], CAT]  # equals: the first picture, and a picture's first caption


def test_nearest_refuses_what_has_no_direction_or_no_caption():
    features, captions = np.ones((2, 3)), [[DOG], [CAT]]
    for wrong in (0.0, np.nan, np.inf):
        spoilt = features.copy()
        spoilt[1] = wrong
        with pytest.raises(DataError, match="training picture 1 "):
            baselines.nearest(spoilt, features, captions)
        with pytest.raises(DataError, match="test picture 1 "):
            baselines.nearest(features, spoilt, captions)
    with pytest.raises(DataError, match=r"Training picture 0 .* has no caption"):
        baselines.nearest(features, features, [[], [CAT]])
    with pytest.raises(DataError, match="no pictures"):
        baselines.nearest(features[:0], features, [])
    with pytest.raises(ValueError, match="as many"):
        baselines.nearest(features, features, [[DOG]])


def test_human_agreement_by_hand():
    """One word of `a dog` and `a cat` agrees, in either direction; the third picture has nothing to compare."""
    found = baselines.human_agreement([[["a", "dog"], ["a", "cat"]], [["x", "y"], ["x", "y"]], [["z"]]])
    expected = {"bleu_1": 3 / 4, "bleu_2": np.sqrt(3 / 4 * 1 / 2), "rouge_l": (1 / 2 + 1) / 2}
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    cosine = 1 / 2  # both words weigh log 2, and one of them is shared
    assert found["cider_d"] == pytest.approx(10 / 4 * (cosine + (1 + 1)) / 2)
    assert list(found) == ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider_d", "rouge_l"]
    assert baselines.human_agreement([[DOG], [CAT]]) == {}


def test_human_agreement_with_unequal_numbers_of_references():
    one, two = [DOG, CAT, BIRD], [CAT, DOG]
    rounds = [
        ([DOG, CAT], [[CAT, BIRD], [DOG]]),
        ([CAT, DOG], [[DOG, BIRD], [CAT]]),
        ([BIRD, CAT], [[DOG, CAT], [DOG]]),
    ]
    expected = {
        name: np.mean([agreement.agreement(*of_round)[name] for of_round in rounds]) for name in ("bleu_1", "rouge_l")
    }
    found = baselines.human_agreement([one, two])
    assert {name: found[name] for name in expected} == pytest.approx(expected)
