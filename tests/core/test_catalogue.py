"""Pipelines and presets as files tell them, and the second names that some have."""

import json

import pytest
import yaml

from keras_recurrent.pipelines import runs
from keras_recurrent.pipelines.core import catalogue

ALIASES = {"text_classification": "sentiment", "series_forecast": "stock_forecast"}


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_pipeline(cli, alias):
    shown = yaml.safe_load(cli("show", alias, "--set", "training.epochs=3").stdout)
    assert shown["pipeline"] == ALIASES[alias]
    assert shown["training"]["epochs"] == 3


@pytest.mark.parametrize("alias", ALIASES)
def test_list_says_the_aliases(cli, alias):
    assert f"{ALIASES[alias]} (also {alias}): " in cli("list").stdout
    assert json.loads(cli("list", "--json").stdout)[ALIASES[alias]]["aliases"] == [alias]


def test_a_configuration_may_name_the_alias(cli, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("pipeline: text_classification\ntraining: {epochs: 2}\n")
    assert yaml.safe_load(cli("show", "sentiment", "--config", file).stdout)["training"]["epochs"] == 2


def test_a_run_is_found_by_the_alias(tmp_path, cli):
    folder = tmp_path / "sentiment" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(cli("show", "sentiment").stdout)
    assert runs.open("text_classification/mine", tmp_path).path == folder
    assert runs.open("text_classification/latest", tmp_path).path == folder


def test_a_misspelt_alias_names_the_nearest(cli):
    result = cli("show", "text_clasification")
    assert result.exit_code == 2
    assert "Did you mean 'text_classification'?" in result.stderr


def test_aliases_are_those_that_the_pipelines_declare():
    for name in catalogue.names():
        assert catalogue.load(name).aliases == catalogue.aliases(name)
    every = [*catalogue.names(), *(alias for name in catalogue.names() for alias in catalogue.aliases(name))]
    assert len(every) == len(set(every))
