"""What every pipeline must do; a new one is found by its file alone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from keras_recurrent.pipelines.core import catalogue, config, settings

PIPELINES = catalogue.names()
PRESETS = [(pipeline, preset) for pipeline in PIPELINES for preset in catalogue.presets(pipeline)]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_declaration_is_complete(pipeline):
    declared = catalogue.load(pipeline)
    assert declared.name == pipeline
    assert issubclass(declared.config, config.Config)
    assert len(catalogue.summary(pipeline)) > 20
    assert len(declared.about) > 20
    assert len(declared.limits) > 20
    assert declared.baselines, "a score without a baseline says nothing"
    assert catalogue.DEFAULT_PRESET in catalogue.presets(pipeline)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_key_that_belongs_to_a_source_exists(pipeline):
    section = catalogue.load(pipeline).config.model_fields["data"].annotation
    assert issubclass(section, config.DataSection)
    sources = set(section.model_fields["source"].annotation.__args__)
    for key, users in section.only_for.items():
        assert key in section.model_fields
        assert users < sources


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_key_is_explained(pipeline):
    def unexplained(schema, prefix=""):
        for name, field in schema.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, config.Section):
                yield from unexplained(inner, f"{prefix}{name}.")
            elif prefix and not field.description:
                yield prefix + name

    assert list(unexplained(catalogue.load(pipeline).config)) == []


@pytest.mark.parametrize(("pipeline", "preset"), PRESETS)
def test_presets_resolve_and_say_what_they_are(pipeline, preset, tmp_path):
    path = catalogue.presets(pipeline)[preset]
    assert path.read_text().startswith("# ")
    header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert len(catalogue.preset_summary(path)) > 20
    assert f"keras-recurrent run {pipeline}" in header, "the command"
    assert preset == catalogue.DEFAULT_PRESET or f"--preset {preset}" in header
    assert re.search(r"\b0\.\d{2,}", header), "the score"
    assert re.search(r"\d+ (s|seconds|minutes|hours)\b", header), "the time"
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", header), "the date"
    schema = catalogue.load(pipeline).config
    resolved = settings.resolve(schema, pipeline, preset)
    assert resolved.preset == preset
    written = tmp_path / "config.yaml"
    written.write_text(resolved.to_yaml())
    assert settings.resolve(schema, pipeline, file=written) == resolved


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_importing_a_pipeline_imports_neither_tensorflow_nor_keras(pipeline):
    code = f"import sys, keras_recurrent.pipelines.{pipeline}; print({{'tensorflow', 'keras'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_stages_and_export_know_no_pipeline():
    here = Path(catalogue.__file__).parent
    for path in [*here.glob("stages/*.py"), *here.glob("export/*.py"), *here.glob("callbacks/*.py")]:
        assert not [name for name in PIPELINES if name in path.read_text()], path


def test_layers_know_no_pipeline():
    layers = Path(catalogue.__file__).parents[1] / "layers"
    assert not [path for path in layers.rglob("*.py") if "pipelines" in path.read_text()]


def test_dates_and_numbers_in_presets_are_yaml():
    for pipeline, preset in PRESETS:
        assert isinstance(yaml.safe_load(catalogue.presets(pipeline)[preset].read_text()), dict)
