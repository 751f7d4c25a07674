"""Scores of translations, against sacreBLEU's command, and numbers that its own tests and README state."""

import json
import os
import subprocess
import sys

import pytest

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sequences.translation_scores import chrf, corpus_bleu

# the example of sacreBLEU's README
HYPOTHESES = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
REFERENCES = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]
CHINESE = (
    ["今天天气很好，我们去公园散步。", "他在图书馆看书 2 小时。"],
    [["今天天气真好，我们去公园走走。"], ["他在图书馆读了2小时书。"]],
)


@pytest.mark.parametrize(("tokenize", "expected"), [("13a", 48.530827), ("none", 49.1919566), ("intl", 43.91623493)])
def test_bleu_equals_published_numbers(tokenize, expected):
    """sacreBLEU, test/test_bleu.py."""
    score, signature = corpus_bleu(HYPOTHESES, REFERENCES, tokenize)
    assert score == pytest.approx(expected, abs=1e-6)
    assert f"tok:{tokenize}|" in signature


@pytest.mark.parametrize(
    ("hypotheses", "references", "expected"),
    [(["a b c"], [["abc"]], 100), (["a", "b"], [["a"], ["c"]], 50), (["aa"], [["ab"]], 25), ([""], [["c"]], 0)],
)
def test_chrf_equals_published_numbers(hypotheses, references, expected):
    """sacreBLEU, test/test_chrf.py; precision equals recall in each, so that its beta of 3 changes nothing."""
    assert chrf(hypotheses, references)[0] == pytest.approx(expected, abs=1e-4)


def by_command(folder, hypotheses, references, *options):
    """What sacreBLEU's command prints: a score with ten digits, and the signature."""
    streams = [hypotheses, *zip(*references, strict=True)]
    paths = [folder / f"{number}.txt" for number in range(len(streams))]
    for path, stream in zip(paths, streams, strict=True):
        path.write_text("".join(f"{line}\n" for line in stream), encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", *paths[1:], "-i", paths[0], "-w", "10", "-f", "json", *options]
    environment = os.environ | {"SACREBLEU": str(folder), "PYTHONUTF8": "1"}
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, check=True)
    found = json.loads(done.stdout)
    return found["score"], found["signature"]


@pytest.mark.parametrize(
    ("score", "corpus", "keywords", "options"),
    [
        (corpus_bleu, (HYPOTHESES, REFERENCES), {}, ["-m", "bleu"]),
        (corpus_bleu, CHINESE, {"tokenize": "zh"}, ["-m", "bleu", "--tokenize", "zh"]),
        (corpus_bleu, CHINESE, {"tokenize": "char"}, ["-m", "bleu", "--tokenize", "char"]),
        (chrf, (HYPOTHESES, REFERENCES), {}, ["-m", "chrf"]),
        (chrf, CHINESE, {"word_order": 2}, ["-m", "chrf", "--chrf-word-order", "2"]),
    ],
)
def test_score_and_signature_equal_the_command(score, corpus, keywords, options, tmp_path):
    found, signature = score(*corpus, **keywords)
    expected, expected_signature = by_command(tmp_path, *corpus, *options)
    assert 0 < expected < 100
    assert found == pytest.approx(expected, abs=1e-9)
    assert signature == expected_signature


@pytest.mark.parametrize("score", [corpus_bleu, chrf])
def test_sources_may_have_different_numbers_of_references(score):
    """The same reference twice counts as once."""
    fewer, repeated = ([REFERENCES[0][1:] * times, *REFERENCES[1:]] for times in (1, 2))
    found, signature = score(HYPOTHESES, fewer)
    assert found == score(HYPOTHESES, repeated)[0] != score(HYPOTHESES, REFERENCES)[0]
    assert signature.startswith("nrefs:var|")


def test_what_cannot_be_scored_is_refused():
    for score in (corpus_bleu, chrf):
        with pytest.raises(DataError, match=r"Source 1 .* has no reference"):
            score(["a", "b"], [["a"], []])
        with pytest.raises(DataError, match="no translations to score"):
            score([], [])
        with pytest.raises(ValueError, match="2 hypotheses for the references of 1 sources"):
            score(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match=r"'flores' is unknown. Known: 13a, intl, zh, char, none"):
        corpus_bleu(["a"], [["a"]], "flores")
