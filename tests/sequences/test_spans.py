"""Spans and their F1, against seqeval, on labels that follow their scheme and on ones that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval import scheme as schemes
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sequences.spans import span_f1, spans

SCHEMES = ("IOB2", "IOBES")
KINDS = ("", "-PER", "-LOC", "-a-b")


def labels(scheme):
    prefixes = scheme.replace("2", "").replace("O", "")
    return st.sampled_from(["O", *(prefix + kind for prefix in prefixes for kind in KINDS)])


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_spans_equal_seqeval(scheme, data):
    drawn = data.draw(st.lists(labels(scheme), max_size=12))
    theirs = schemes.Tokens(drawn, getattr(schemes, scheme)).entities
    assert spans(drawn, scheme) == [(each.tag, each.start, each.end) for each in theirs]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_span_f1_equals_seqeval(scheme, data):
    pairs = st.lists(st.tuples(labels(scheme), labels(scheme)) | labels(scheme).map(lambda label: (label, label)))
    drawn = data.draw(st.lists(pairs, min_size=1, max_size=4))
    predicted, actual = ([[pair[side] for pair in sequence] for sequence in drawn] for side in (0, 1))
    strict = {"mode": "strict", "scheme": getattr(schemes, scheme), "zero_division": 0}
    found = span_f1(predicted, actual, scheme)
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert found[name] == pytest.approx(score(actual, predicted, **strict), abs=1e-12)
    if not found["by_kind"]:
        return  # seqeval's report needs a span
    report = classification_report(actual, predicted, output_dict=True, **strict)
    by_kind = {kind: row for kind, row in report.items() if not kind.endswith(" avg")}
    assert found["support"] == report["micro avg"]["support"]
    assert set(found["by_kind"]) == set(by_kind)
    for kind, row in by_kind.items():
        expected = {"precision": row["precision"], "recall": row["recall"], "f1": row["f1-score"]}
        assert found["by_kind"][kind] == pytest.approx(expected | {"support": row["support"]}, abs=1e-12)


def test_labels_of_another_scheme_are_refused():
    with pytest.raises(DataError, match=r"label 'S-PER' of token 1 .* IOB2: O, B-KIND, I-KIND"):
        spans(["O", "S-PER"], "IOB2")
    for label in ("PER", "BI-PER", "b-PER", ""):
        with pytest.raises(DataError, match="IOBES"):
            span_f1([[label]], [["O"]], "IOBES")
    with pytest.raises(ValueError, match=r"'BILOU' is unknown. Known: IOB2, IOBES"):
        spans(["O"], "BILOU")


def test_labels_of_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="Sequence 1"):
        span_f1([["O"], ["O"]], [["O"], ["O", "B-PER"]], "IOB2")
