"""TensorFlow Datasets: a prepared data set is read, and a network that does not answer is not waited for."""

import socket
import time
from types import SimpleNamespace

import numpy as np
import pytest

from keras_recurrent.pipelines.core.errors import DataError
from keras_recurrent.pipelines.sources import tfds

SPLITS = {"train": 120, "test": 40}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data set in the form of the real builder `mnist`, with fewer and random pictures."""
    import tensorflow as tf
    import tensorflow_datasets

    rng = np.random.default_rng(0)
    arrays = {
        split: {"image": rng.integers(0, 256, (count, 28, 28, 1), np.uint8), "label": np.arange(count) % 10}
        for split, count in SPLITS.items()
    }
    folder = tmp_path_factory.mktemp("tfds")
    tensorflow_datasets.dataset_builders.store_as_tfds_dataset(
        name="mnist",
        version="3.0.1",
        features=tensorflow_datasets.features.FeaturesDict(
            {
                "image": tensorflow_datasets.features.Image(shape=(28, 28, 1)),
                "label": tensorflow_datasets.features.ClassLabel(num_classes=10),
            }
        ),
        split_datasets={split: tf.data.Dataset.from_tensor_slices(part) for split, part in arrays.items()},
        data_dir=folder,
    )
    return folder, arrays


def test_a_prepared_data_set_is_read(prepared):
    folder, arrays = prepared
    for split, part in zip(SPLITS, tfds.load("mnist", folder, tuple(SPLITS)), strict=True):
        assert part["image"].dtype == np.uint8
        assert sorted(part["label"]) == sorted(arrays[split]["label"])
        found = {image.tobytes(): label for image, label in zip(part["image"], part["label"], strict=True)}
        for image, label in zip(arrays[split]["image"], arrays[split]["label"], strict=True):
            assert found[image.tobytes()] == label


def test_the_command_line_trains_on_it(prepared, cli, tiny, tmp_path):
    options = ["--set", "data.source=tfds", "--set", f"data.data_dir={prepared[0]}", "--set", "data.validation=30"]
    options += [*tiny(training__epochs=1), "--output", tmp_path, "--name", "a", "--json"]
    result = cli("train", "mnist_rows", *options)
    assert result.exit_code == 0, result.stderr


def builder(*urls):
    return SimpleNamespace(url_infos=dict.fromkeys(urls))


def test_a_host_that_never_answers_is_given_up_once(monkeypatch):
    def hang(address, timeout):
        time.sleep(3 * timeout)
        raise TimeoutError

    monkeypatch.setattr(tfds, "NETWORK_SECONDS", 0.3)
    monkeypatch.setattr(socket, "create_connection", hang)
    began = time.perf_counter()
    assert not tfds._reachable(builder(*(f"https://host{n}.invalid/file" for n in range(6))))
    assert time.perf_counter() - began < 0.6


@pytest.mark.parametrize("through_proxy", [False, True])
def test_a_door_that_opens_is_seen(monkeypatch, through_proxy):
    with socket.create_server(("127.0.0.1", 0)) as server:
        door = f"http://127.0.0.1:{server.getsockname()[1]}"
        proxies = {"https": door} if through_proxy else {}
        monkeypatch.setattr("urllib.request.getproxies", lambda: proxies)
        assert tfds._reachable(builder("https://host.invalid/x" if through_proxy else f"{door}/x"))


def test_an_unknown_data_set():
    with pytest.raises(DataError, match="knows no data set 'mnits'"):
        tfds.ready("mnits", None)
