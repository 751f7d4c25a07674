"""Agreement of sentences with their references, against pycocoevalcap, SciPy, and numbers worked by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sequences import agreement

CANDIDATES = [
    "a brown dog runs on the grass",
    "two men play football",
    "a a a cat",
    "a boat on a lake near the trees with a man in it",
]
REFERENCES = [
    ["a dog runs over the green grass", "a brown dog running on grass", "the dog is on the grass"],
    ["two men are playing football on a field", "men play football"],
    ["a cat sleeps on a red sofa"],
    ["a small boat on a lake", "a man in a boat on a lake near trees", "someone rows a boat", "a lake with a boat"],
]
# what pycocoevalcap 1.2 gives for them
BLEU = [0.8928571428252551, 0.7952612628196707, 0.6324505133525982, 0.46668111850163635]
BLEU_2_OF_EACH = [0.9128709289035893, 0.9999999997083335, 0.23618327624257499, 0.7510676161386293]
CIDER_D = [2.82216504, 3.79385042, 1.54248157, 2.00616043]
ROUGE_L = [0.78005115, 0.87980769, 0.34659091, 0.68058655]


def split(text):
    return text.split()


@pytest.fixture
def small():
    return [*map(split, CANDIDATES)], [[*map(split, texts)] for texts in REFERENCES]


@pytest.fixture
def drawn():
    """200 pictures with one to six references, few words, and some empty candidates or ones like a reference."""
    rng = np.random.default_rng(5)
    words = [f"w{number}" for number in range(12)]

    def caption(least=1):
        return rng.choice(words, rng.integers(least, 14)).tolist()

    references = [[caption() for _ in range(rng.integers(1, 7))] for _ in range(200)]
    candidates = [caption(0) if rng.random() < 0.5 else of_picture[-1][:9] for of_picture in references]
    candidates[7] = []
    return candidates, references


def test_equals_numbers_of_pycocoevalcap(small):
    assert agreement.bleu(*small) == pytest.approx(BLEU, abs=1e-9)
    each = agreement.bleu_of(agreement.bleu_statistics(*small))
    np.testing.assert_allclose(each[:, 1], BLEU_2_OF_EACH, atol=1e-9)
    np.testing.assert_allclose(agreement.cider_d(*small), CIDER_D, atol=1e-8)
    np.testing.assert_allclose(agreement.rouge_l(*small), ROUGE_L, atol=1e-8)
    expected = dict(zip(("bleu_1", "bleu_2", "bleu_3", "bleu_4"), BLEU, strict=True))
    expected |= {"cider_d": np.mean(CIDER_D), "rouge_l": np.mean(ROUGE_L)}
    expected |= {"distinct_captions": 1.0, "vocabulary_used": 20}
    assert agreement.scores(*small) == pytest.approx(expected, abs=1e-8)


def test_equals_pycocoevalcap_on_drawn_captions(drawn):
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu")
    cider = pytest.importorskip("pycocoevalcap.cider.cider")
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge")
    candidates, references = drawn
    theirs = (
        {place: [" ".join(caption) for caption in captions] for place, captions in enumerate(references)},
        {place: [" ".join(caption)] for place, caption in enumerate(candidates)},
    )
    corpus, each = bleu.Bleu(4).compute_score(*theirs, verbose=0)
    assert agreement.bleu(*drawn) == pytest.approx(corpus, abs=1e-9)
    np.testing.assert_allclose(agreement.bleu_of(agreement.bleu_statistics(*drawn)), np.transpose(each), atol=1e-9)
    np.testing.assert_allclose(agreement.cider_d(*drawn), cider.Cider().compute_score(*theirs)[1], atol=1e-9)
    np.testing.assert_allclose(agreement.rouge_l(*drawn), rouge.Rouge().compute_score(*theirs)[1], atol=1e-9)


def test_bleu_by_hand():
    """Papineni's example of clipping, and a candidate that is too short."""
    the = [["the"] * 7], [[split("the cat is on the mat"), split("there is a cat on the mat")]]
    assert agreement.bleu_statistics(*the).tolist() == [[7, 7, 7, 6, 5, 4, 2, 0, 0, 0]]
    assert agreement.bleu(*the)[0] == pytest.approx(2 / 7)
    short = [split("a dog on grass")], [[split("a dog is on the grass"), split("a dog runs on the soft green grass")]]
    assert agreement.bleu(*short)[:2] == pytest.approx([math.exp(1 - 6 / 4), math.exp(1 - 6 / 4) * math.sqrt(1 / 3)])


def test_of_two_equally_close_references_bleu_takes_the_shorter():
    statistics = agreement.bleu_statistics([["a"] * 4], [[["b"] * 6, ["b"] * 2]])
    assert statistics[0, :2].tolist() == [4, 2]


def test_cider_d_by_hand():
    """Of two pictures `a` is in both, so it weighs nothing; all else that a reference has weighs log 2."""
    references = [[["a", "dog"]], [["a", "bird"], ["bird"]]]
    wholly = 10 * (1 + 1) / 4  # single words and pairs agree; there are no longer n-grams
    clipped = 10 / 4 * (1 * 1) / (2 * 1)  # twice the word, of which once counts
    halved = (10 / 4 * math.exp(-1 / 72) + wholly) / 2  # the mean over references, of which one is a word shorter
    for candidates, expected in (
        ([["a", "dog"], ["a", "cat"]], [wholly, 0]),
        ([["dog", "dog"], ["a", "bird"]], [clipped, halved]),
    ):
        np.testing.assert_allclose(agreement.cider_d(candidates, references), expected)


def test_rouge_l_takes_precision_and_recall_of_different_references():
    score = agreement.rouge_l([split("a b c d")], [[split("a b"), split("a c d x y z")]])
    assert score == pytest.approx([2.44 * 0.75 * 1 / (1 + 1.44 * 0.75)])


@pytest.mark.parametrize("length", [1, 5, 64, 150])
def test_longest_common_subsequence_by_table(length):
    rng = np.random.default_rng(length)
    one, other = (rng.choice(list("abcd"), size).tolist() for size in (length, length + 7))
    table = np.zeros((length + 1, length + 8), int)
    for i, j in np.ndindex(length, length + 7):
        table[i + 1, j + 1] = table[i, j] + 1 if one[i] == other[j] else max(table[i, j + 1], table[i + 1, j])
    precision, recall = table[-1, -1] / length, table[-1, -1] / (length + 7)
    expected = 2.44 * precision * recall / (recall + 1.44 * precision) if precision else 0
    assert agreement.rouge_l([one], [[other]]) == pytest.approx([expected])


def test_an_empty_candidate_scores_nothing():
    scores = agreement.scores([[], []], [[["a", "dog"]], [["a", "cat"], []]])
    assert scores == pytest.approx(dict.fromkeys(scores, 0) | {"distinct_captions": 0.5}, abs=1e-9)


def test_intervals_are_those_of_drawn_pictures(drawn):
    """BLEU anew of the captions that are drawn; CIDEr-D with the scores that pictures have in the whole split."""
    candidates, references = drawn
    found = agreement.intervals(*drawn, 60, seed=3)
    rng, cider, draws = np.random.default_rng(3), agreement.cider_d(*drawn), []
    for rows in (rng.integers(0, 200, 200) for _ in range(60)):
        scores = agreement.bleu([candidates[row] for row in rows], [references[row] for row in rows])
        draws.append([*scores, cider[rows].mean()])
    expected = np.quantile(draws, [0.025, 0.975], axis=0).T
    assert list(found) == ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider_d", "rouge_l"]
    np.testing.assert_allclose([*found.values()][:5], expected)
    assert found["rouge_l"][0] < agreement.rouge_l(*drawn).mean() < found["rouge_l"][1]
    assert agreement.intervals(*drawn, 0) == {}


def test_paired_equals_scipy():
    rng = np.random.default_rng(0)
    baseline = rng.gamma(2, size=12)
    model = baseline + rng.normal(0.3, 0.6, 12)

    def mean(ours, theirs, axis=-1):
        return (ours - theirs).mean(axis)

    found = agreement.paired(model, baseline, 20_000)
    exact = stats.permutation_test((model, baseline), mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert 0.02 < exact < 0.5
    assert found["p_value"] == pytest.approx(exact, abs=0.015)
    assert found["difference"] == pytest.approx((model - baseline).mean())
    interval = stats.bootstrap(
        (model, baseline), mean, paired=True, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    assert found["interval"] == pytest.approx(list(interval), abs=0.02)


def test_paired_when_nothing_or_everything_differs():
    same = agreement.paired(np.ones(5), np.ones(5), 50)
    assert same == {"difference": 0.0, "interval": [0.0, 0.0], "p_value": 1.0}
    assert agreement.paired(np.ones(40), np.zeros(40), 99)["p_value"] == 1 / 100
    with pytest.raises(ValueError, match="must both be"):
        agreement.paired(np.ones(5), np.ones(1), 10)


@pytest.mark.parametrize(
    "score",
    [
        agreement.bleu,
        agreement.bleu_statistics,
        agreement.cider_d,
        agreement.rouge_l,
        agreement.agreement,
        agreement.scores,
    ],
)
def test_candidates_without_references_are_refused(score):
    with pytest.raises(DataError, match=r"Example 1 .* has no reference"):
        score([["a"], ["b"]], [[["a"]], []])
    with pytest.raises(DataError, match="no sentences to score"):
        score([], [])
    with pytest.raises(ValueError, match="as many"):
        score([["a"]], [[["a"]], [["a"]]])


def test_diversity_by_hand():
    found = agreement.diversity([["a", "dog"], ["a", "dog"], ["dog", "a"], []])
    assert found == {"distinct_captions": 0.75, "vocabulary_used": 2}
    with pytest.raises(DataError, match="no sentences"):
        agreement.diversity([])
