"""Generated opinions: drawn alike by the same seed, balanced by their grammar, and not to be told by counting words."""

import random
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.sources import opinions

LANGUAGES = sorted(opinions.LANGUAGES)
COUNT, TRAINING = 5_000, 4_000
WORD = {"english": r"[\w']+", "chinese": r"\w"}
TOKEN = {language: word + r"|[^\w\s]" for language, word in WORD.items()}
TOLERANCE = 5.0  # standard deviations


@pytest.fixture(scope="module", params=LANGUAGES)
def drawn(request):
    return request.param, *opinions.load(COUNT, request.param)


def partners(language):
    pairs = [
        alternative.split("|")
        for alternatives in opinions.LANGUAGES[language].values()
        for alternative in alternatives
        if "|" in alternative
    ]
    return dict(pairs) | {positive: negative for negative, positive in pairs}


def swapped(text, language):
    known = partners(language)
    pattern = "|".join(sorted(known, key=len, reverse=True))
    return re.sub(rf"\b({pattern})\b" if language == "english" else pattern, lambda word: known[word[0]], text)


def test_same_seed_same_sentences(drawn):
    language, texts, labels = drawn
    assert (texts, labels) == opinions.load(COUNT, language)
    other, _ = opinions.load(500, language, seed=1)
    assert len(set(texts) & set(other)) < 100


def test_no_hash_seed_changes_the_sentences():
    code = "from keras_recurrent.pipelines.sources import opinions; print(opinions.load(50, 'english', 3))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {f"{opinions.load(50, 'english', 3)}\n"}


def test_sentences_are_many_different_and_neither_short_nor_long(drawn):
    language, texts, labels = drawn
    assert len(texts) == len(set(texts)) == len(labels) == COUNT
    shortest, longest = opinions.LENGTHS[language]
    lengths = [len(re.findall(WORD[language], text)) for text in texts]
    assert shortest <= min(lengths) < 10 < longest - 5 < max(lengths) <= longest
    words = {word for text in texts for word in re.findall(WORD[language], text.lower())}
    assert 150 <= len(words) <= 300


def test_half_of_the_sentences_are_negative(drawn):
    assert Counter(drawn[2]) == {"negative": COUNT // 2, "positive": COUNT // 2}
    assert Counter(opinions.load(7)[1]) == {"negative": 4, "positive": 3}


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_opinion_stand_in_one_pair_each(language):
    words = [
        word
        for alternatives in opinions.LANGUAGES[language].values()
        for alternative in alternatives
        if "|" in alternative
        for word in alternative.split("|")
    ]
    assert len(words) == len(set(words)) >= 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_with_each_word_of_opinion_changed_for_its_partner_a_sentence_has_the_other_label(language):
    for seed in range(300):
        negative, positive = (opinions.sentence(language, sign, random.Random(seed)) for sign in (0, 1))
        assert negative != positive
        assert swapped(negative, language) == positive


def test_no_word_and_no_pair_of_neighbours_tells_the_label(drawn):
    """Words of opinion lean to their side, less than by a quarter; all others not at all, but for chance."""
    language, texts, labels = drawn
    telling = set("".join(partners(language))) if language == "chinese" else set(partners(language))
    for length in (1, 2):
        found, positive = Counter(), Counter()
        for text, label in zip(texts, labels, strict=True):
            tokens = re.findall(TOKEN[language], text.lower())
            grams = set(zip(*(tokens[i:] for i in range(length)), strict=False))
            found.update(grams)
            positive.update(grams if label == "positive" else ())
        for gram, count in found.items():
            lean = abs(positive[gram] / count - 0.5)
            chance = TOLERANCE * 0.5 / np.sqrt(count)
            assert lean < chance + (0.25 if set(gram) & telling else 0), (gram, count, positive[gram])


@pytest.mark.parametrize(("length", "punctuation"), [(1, True), (2, True), (2, False)])
def test_counting_words_and_neighbours_fails(drawn, length, punctuation):
    """TF-IDF with logistic regression, and NBSVM (Wang and Manning 2012): all that a sceptic would try first."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    language, texts, labels = drawn
    pattern = TOKEN[language] if punctuation else WORD[language]
    counts = CountVectorizer(token_pattern=pattern, ngram_range=(1, length)).fit_transform(texts)
    positive = np.array([label == "positive" for label in labels])
    present = (counts > 0).astype(float)
    shares = [np.asarray(present[:TRAINING][positive[:TRAINING] == side].sum(0)) + 1 for side in (False, True)]
    ratio = np.log((shares[1] / shares[1].sum()) / (shares[0] / shares[0].sum()))
    for features in (TfidfTransformer().fit_transform(counts), present.multiply(ratio).tocsr()):
        model = LogisticRegression(max_iter=1000).fit(features[:TRAINING], positive[:TRAINING])
        assert model.score(features[TRAINING:], positive[TRAINING:]) < 0.65


def test_an_unknown_language_is_refused():
    with pytest.raises(UsageError, match=r"'englisch'.*Did you mean 'english'"):
        opinions.load(10, "englisch")
