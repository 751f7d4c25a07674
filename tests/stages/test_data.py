"""Splits, pairs, and the order in which training sees its examples."""

import numpy as np
import pytest

from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.mnist_rows import RowsConfig, RowsData, load, pairs
from keras_recurrent.pipelines.sequences.examples import Sequences
from keras_recurrent.pipelines.sequences.padding import as_objects
from keras_recurrent.pipelines.stages.data import Split, evaluation_batches, training_batches
from keras_recurrent.pipelines.tasks.classification.data import hold_out


@pytest.fixture
def split():
    return Split(np.arange(50, dtype=np.uint8).reshape(50, 1, 1), np.arange(50) % 5)


def batches(split, epochs, seed=3, batch_size=8):
    return [(x.numpy().ravel(), y.numpy()) for x, y in training_batches(split, batch_size, seed, epochs)]


def test_an_epoch_holds_every_example_once_with_its_label(split):
    seen = batches(split, range(1))
    assert [len(x) for x, _ in seen] == [8, 8, 8, 8, 8, 8, 2]
    x, y = (np.concatenate(part) for part in zip(*seen, strict=True))
    assert sorted(x) == list(range(50))
    assert (y == x % 5).all()


def test_the_order_depends_on_seed_and_epoch_alone(split):
    whole, resumed = batches(split, range(4)), batches(split, range(2, 4))
    assert all((a == b).all() for (a, _), (b, _) in zip(whole[14:], resumed, strict=True))
    orders = [np.concatenate([x for x, _ in whole[i : i + 7]]).tolist() for i in range(0, 28, 7)]
    orders.append(np.concatenate([x for x, _ in batches(split, range(1), seed=4)]).tolist())
    orders.append(list(range(50)))
    assert len({tuple(order) for order in orders}) == 6


@pytest.fixture
def sequences():
    """103 sequences of very unequal length, of which each repeats its number; the label is the number too."""
    lengths = np.random.default_rng(0).integers(1, 150, 103)
    rows = [np.full(length, number + 1, np.int32) for number, length in enumerate(lengths)]
    return Sequences(as_objects(rows), np.arange(103) + 1)


def read(batches):
    """The numbers and the lengths of the sequences in each batch, and how wide it is."""
    found = []
    for x, y in batches:
        x, y = x.numpy(), y.numpy()
        lengths = (x != 0).sum(axis=1)
        assert ((x == y[:, None]) == (np.arange(x.shape[1]) < lengths[:, None])).all(), "zeros at the end only"
        found.append((y, lengths, x.shape[1]))
    return found


def test_an_epoch_of_sequences_holds_each_once_and_ends_with_the_smaller_batch(sequences):
    for epoch in range(3):
        seen = read(training_batches(sequences, 8, 3, range(epoch, epoch + 1)))
        assert [len(numbers) for numbers, *_ in seen] == [8] * 12 + [7]
        assert sorted(np.concatenate([numbers for numbers, *_ in seen])) == list(range(1, 104))
        for numbers, lengths, _ in seen:
            assert [len(sequences.inputs[number - 1]) for number in numbers] == lengths.tolist()


def test_a_batch_holds_sequences_of_similar_length_and_batches_come_in_random_order(sequences):
    seen = read(training_batches(sequences, 8, 3, range(1)))
    ranges = [(lengths.min(), lengths.max()) for _, lengths, _ in seen]
    assert sum(longest - shortest for shortest, longest in ranges) < 150, "they do not overlap"
    assert ranges[:12] != sorted(ranges[:12])


@pytest.mark.parametrize("batch_size", [1, 8])
def test_the_order_of_sequences_depends_on_seed_and_epoch_alone(sequences, batch_size):
    def order(epochs, seed=3):
        return [tuple(numbers) for numbers, *_ in read(training_batches(sequences, batch_size, seed, epochs))]

    whole = order(range(4))
    of_epoch = [whole[start : start + len(whole) // 4] for start in range(0, len(whole), len(whole) // 4)]
    assert order(range(2, 4)) == of_epoch[2] + of_epoch[3]
    assert len({tuple(some) for some in [*of_epoch, order(range(1), seed=4)]}) == 5
    assert len({frozenset(some) for some in of_epoch}) == (1 if batch_size == 1 else 4), (
        "who stands beside whom changes"
    )


def test_sequences_are_padded_to_few_lengths():
    rows = [np.ones(length, np.int32) for length in range(1, 200)]
    seen = read(training_batches(Sequences(as_objects(rows), np.ones(199, int)), 1, 0, range(1)))
    for _, (length,), width in seen:
        step = 8 if length <= 32 else 64
        assert width == -(-length // step) * step
    assert {width for *_, width in seen} == {8, 16, 24, 32, 64, 128, 192, 256}


def test_evaluation_sees_each_sequence_once_in_the_order_of_their_lengths(sequences):
    seen = read(evaluation_batches(sequences, batch_size=10))
    assert sorted(np.concatenate([numbers for numbers, *_ in seen])) == list(range(1, 104))
    lengths = np.concatenate([lengths for _, lengths, _ in seen])
    assert (np.diff(lengths) >= 0).all()


def test_hold_out_keeps_the_shares_and_loses_nothing(split):
    rest, held_out = hold_out(split, 10, seed=1, key="data.test")
    assert np.bincount(held_out.labels).tolist() == [2] * 5
    assert sorted([*rest.inputs.ravel(), *held_out.inputs.ravel()]) == list(range(50))
    with pytest.raises(UsageError, match=r"data.test: 49 of 50"):
        hold_out(split, 49, seed=1, key="data.test")


def test_each_image_stands_on_both_sides_of_a_pair(split):
    made = pairs(split, np.random.default_rng(0), per_image=3)
    assert made.inputs.shape == (150, 1, 2)
    assert (made.labels == made.inputs[:, 0, :] % 5).all()
    for side in (0, 1):
        assert np.bincount(made.inputs[:, 0, side]).tolist() == [3] * 50


def configured(**data):
    return RowsConfig(pipeline="mnist_rows", preset="sample", data=RowsData(**data))


def test_digits_are_split_without_overlap_and_the_same_whatever_the_training_seed():
    data = load(configured())
    assert data.sizes() == {"train": 1257, "validation": 180, "test": 360}
    assert data.train.inputs.dtype == np.uint8
    assert data.train.inputs.max() == 255
    again = load(configured().model_copy(update={"training": configured().training.model_copy(update={"seed": 9})}))
    assert (again.test.inputs == data.test.inputs).all()
    other = load(configured(split_seed=1))
    assert not np.array_equal(other.test.labels, data.test.labels)


def test_pairs_never_mix_the_splits():
    single, double = load(configured()), load(configured(pairs=True))
    for name in ("train", "validation", "test"):
        images = {image.tobytes() for image in getattr(single, name).inputs}
        halves = np.concatenate(np.split(getattr(double, name).inputs, 2, axis=2))
        assert {half.tobytes() for half in np.ascontiguousarray(halves)} == images
    assert double.sizes() == {"train": 2 * 1257, "validation": 180, "test": 360}
    assert double.positions == ("left", "right")


def test_limit_takes_training_images_only():
    assert load(configured(limit=100)).sizes() == {"train": 100, "validation": 180, "test": 360}


def test_every_run_of_pairs_is_scored_on_the_same_ones():
    usual = load(configured(pairs=True))
    for other in (load(configured(pairs=True, pairs_per_image=1)), load(configured(pairs=True, limit=200))):
        assert (other.test.inputs == usual.test.inputs).all()
        assert (other.validation.inputs == usual.validation.inputs).all()
