"""What every task must declare, so that each saved model can be read again, by whatever reads it."""

import ast
from pathlib import Path

import numpy as np
import pytest

import keras_recurrent.pipelines
from keras_recurrent.pipelines.core import catalogue, settings

ROOT = Path(keras_recurrent.pipelines.__file__).parent
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))
}
IN_NO_MODEL = {
    "WarmUp": "a schedule of the learning rate: models are loaded without their optimizer",
    "SequenceSearch": "the base of `CaptionSearch`; no task keeps a model with the base itself yet",
}
LOADER = "core/loading.py"


def registered():
    """The classes that Keras is told the names of."""
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and "register_keras_serializable" in "".join(
                map(ast.unparse, node.decorator_list)
            ):
                yield node.name


def test_every_registered_class_belongs_to_a_task():
    found = sorted(registered())
    assert "TextToIds" in found
    declared = {layer.__name__ for layer in catalogue.layers()}
    assert set(found) - declared == set(IN_NO_MODEL)


def test_models_are_read_in_one_place():
    """Others call `core.loading.load_model`, which knows the layers of this package; none calls that of Keras."""
    loaders = set()
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr
            imported = isinstance(node, ast.ImportFrom) and not node.level and [each.name for each in node.names]
            if called == "load_model" or "load_model" in (imported or ()):
                loaders.add(path)
    assert loaders == {LOADER}


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", catalogue.names())
def test_a_model_of_every_pipeline_converts_or_is_told_what_to_use(pipeline, cli, tmp_path):
    from keras_recurrent.pipelines.stages.preprocessing import with_preprocessor

    declared = catalogue.load(pipeline)
    config = settings.resolve(declared.config, pipeline, catalogue.DEFAULT_PRESET)
    data = declared.load(config)
    trained = declared.build(config, data, "float32")
    model = with_preprocessor(declared.finish(config, data, trained), declared.preprocessor(config, data))
    model.save(tmp_path / "model.keras")
    inputs = data.test[:20].inputs
    named = inputs if isinstance(inputs, dict) else {model.inputs[0].name: inputs}
    plain = {name: np.array([*value]) for name, value in named.items()}  # texts and bytes are objects
    np.savez(tmp_path / "examples.npz", **plain)
    for to in ("saved_model", "tflite"):
        result = cli("convert", tmp_path / "model.keras", "--to", to, "--data", tmp_path / "examples.npz")
        assert result.exit_code == 0 or (to == "tflite" and "keras-recurrent export" in result.stderr), result
