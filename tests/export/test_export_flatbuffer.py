"""The gate that reads which operations a TensorFlow Lite file needs."""

import pytest
import tensorflow as tf

from keras_recurrent.pipelines.export import ExportError, flatbuffer


@pytest.mark.parametrize("option", ["flex", "custom"])
def test_names_flex_and_custom_operations(option):
    function = tf.function(lambda x: tf.math.erf(x)).get_concrete_function(tf.TensorSpec((1, 2)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if option == "flex":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    else:
        converter.allow_custom_ops = True
    content = converter.convert()
    name = "FlexErf" if option == "flex" else "Erf"
    assert flatbuffer.custom_operations(content) == [name]
    with pytest.raises(ExportError, match=name):
        flatbuffer.require_builtin_only(content)


def test_refuses_what_is_no_flatbuffer():
    with pytest.raises(ExportError, match="identifier"):
        flatbuffer.custom_operations(b"")
    with pytest.raises(ExportError, match="not a whole"):
        flatbuffer.custom_operations(b"\x08\x00\x00\x7fTFL3")
