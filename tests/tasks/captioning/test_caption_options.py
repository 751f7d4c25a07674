"""Options of the cell that writes captions."""

import keras
import numpy as np
import pytest

from keras_recurrent.pipelines.captioning import PIPELINE
from keras_recurrent.pipelines.core import settings
from keras_recurrent.pipelines.core.errors import UsageError
from keras_recurrent.pipelines.tasks.captioning.model import caption_model


def configured(*assignments):
    return settings.resolve(PIPELINE.config, "captioning", assignments=assignments).model


def test_options_reach_the_cell_and_its_file(tmp_path):
    options = "model.options={zoneout: [0.1, 0.2], kernel_regularizer: l2}"
    small = ["model.units=4", "model.embedding=4", "model.attention=4", "model.widths=[4, 4]"]
    config = configured("model.cell=lstm", options, *small)
    model = caption_model(config, vocabulary=9, side=32, length=5, precision="float32")
    decoder = model.get_layer("decoder")
    assert decoder.cell.zoneout == [0.1, 0.2]
    kernel = np.asarray(decoder.cell.kernel)
    assert float(sum(decoder.losses)) == pytest.approx(0.01 * (kernel**2).sum(), rel=1e-5)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").get_layer("decoder").cell.zoneout == [0.1, 0.2]


@pytest.mark.parametrize("option", ["unroll", "zero_output_for_mask", "dropout", "recurrent_dropout", "units"])
def test_options_that_only_a_whole_layer_has_are_refused(option):
    with pytest.raises(UsageError, match=rf"model\.options\.{option} "):
        configured(f"model.options.{option}=true")


def test_a_value_that_the_cell_refuses(refused, tmp_path):
    words = ["model.options {heads: 3} of the cell slstm", "a divisor of units=8"]
    changes = ["data.count=100", "model.cell=slstm", "model.units=8", "model.options.heads=3"]
    typed = [part for change in changes for part in ("--set", change)]
    refused(2, words, "train", "captioning", *typed, "--quiet", "--output", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
