"""What every pipeline must do; a new one is found by its file alone."""

import re
from itertools import takewhile

import pytest

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
def test_a_preset_resolves_and_its_configuration_is_its_own_again(pipeline, preset, tmp_path):
    schema = catalogue.load(pipeline).config
    resolved = settings.resolve(schema, pipeline, preset)
    assert resolved.preset == preset
    written = tmp_path / "config.yaml"
    written.write_text(resolved.to_yaml())
    assert settings.resolve(schema, pipeline, file=written) == resolved


@pytest.mark.parametrize(("pipeline", "preset"), PRESETS)
def test_a_preset_says_what_it_reached_in_a_whole_run(pipeline, preset):
    """With the primary metric by its name, as `metrics.json` has it, before its number."""
    path, declared = catalogue.presets(pipeline)[preset], catalogue.load(pipeline)
    assert len(catalogue.preset_summary(path)) > 20
    lines = path.read_text(encoding="utf-8").splitlines()
    header = " ".join(line.lstrip("# ") for line in takewhile(lambda line: line.startswith("#"), lines))
    assert f"keras-recurrent run {pipeline}" in header, "the command"
    assert preset == catalogue.DEFAULT_PRESET or f"--preset {preset}" in header
    unmeasured = re.search(r"not (yet )?run|expected", header, re.IGNORECASE)
    assert not unmeasured, f"the preset was never run in full: {unmeasured[0]}"
    metric = declared.primary(settings.resolve(declared.config, pipeline, preset)).replace("_", "[ _-]")
    assert re.search(rf"\b{metric}\b[^.\d]*\b\d+\.\d{{2,}}\b", header, re.IGNORECASE), f"no number behind {metric}"
    assert re.search(r"\b\d+ (s|seconds|minutes|hours)\b", header), "the time"
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", header), "the date"
