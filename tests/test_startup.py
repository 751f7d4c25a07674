"""Help, lists and refusals come at once, since neither TensorFlow nor Keras is imported for them."""

import json
import re
import resource
import sys

import pytest
import yaml

from keras_recurrent.pipelines.core import catalogue

AT_ONCE = 0.5
TRIES = 5
PIPELINES = catalogue.names()

QUICK = {
    "help": (["--help"], 0),
    "help of a verb": (["run", "--help"], 0),
    "list": (["list"], 0),
    "misspelt pipeline": (["run", "mnist_row"], 2),
    "misspelt verb": (["trian", "mnist_rows"], 2),
    **{f"misspelt preset of {name}": (["run", name, "--preset", "sampel"], 2) for name in PIPELINES},
}


def seconds_of_children():
    """Processor time, which on an idle machine is the time that the user waits, and does not depend on its load."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


SCRIPT = """
import json, sys
from keras_recurrent.pipelines import cli
codes = []
for arguments in json.loads(sys.argv[1]):
    try:
        cli.main(arguments)
    except SystemExit as end:
        codes.append(end.code)
    print("\\0", end="")
print(codes, sorted({"tensorflow", "keras", "tensorflow_datasets", "sklearn"} & set(sys.modules)))
"""


def without_a_framework(process, *commands):
    """What was printed by commands of one process, which must end with these codes and import no framework."""
    arguments, codes = zip(*commands, strict=True)
    result = process(json.dumps(arguments), program=[sys.executable, "-c", SCRIPT])
    *printed, end = result.stdout.split("\0")
    assert end.strip() == f"{list(codes)} []", result
    return printed


@pytest.mark.parametrize("name", QUICK)
def test_answers_at_once(process, name):
    fastest = float("inf")
    for _ in range(TRIES):
        before = seconds_of_children()
        without_a_framework(process, QUICK[name])
        fastest = min(fastest, seconds_of_children() - before)
        if fastest <= AT_ONCE:
            break
    assert fastest <= AT_ONCE


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_configuration_is_resolved_without_a_framework(process, pipeline):
    shown, schema, _ = without_a_framework(
        process,
        (["show", pipeline, "--set", "training.epochs=5"], 0),
        (["show", pipeline, "--schema"], 0),
        (["run", pipeline, "--set", "model.unist=5"], 2),
    )
    settings = yaml.safe_load(shown)
    assert (settings["pipeline"], settings["training"]["epochs"]) == (pipeline, 5)
    assert set(json.loads(schema)["properties"]) == set(settings)


def test_options_of_a_cell_are_checked_without_a_framework(process):
    without_a_framework(
        process,
        (["show", "mnist_rows", "--set", "model.cell=lru", "--set", "model.options={min_radius: 0.9}"], 0),
        (["show", "mnist_rows", "--set", "model.options.zoneuot=0.1"], 2),
    )


def test_a_reader_that_closes_the_pipe_is_no_error(start):
    """As in `keras-recurrent show PIPELINE | head -1`."""
    child = start("show", "mnist_rows", "--schema")
    child.stdout.close()
    assert child.stderr.read() == ""
    assert child.wait() == 0
    child.stdout = None


def test_list_names_every_pipeline_with_its_presets(cli):
    listed, name = {}, None
    for line in cli("list").stdout.splitlines():
        if preset := re.match(r"  (\S+)", line):
            listed[name].append(preset[1])
        elif not line.startswith(" "):
            name = re.match(r"\w+", line)[0]
            listed[name] = []
    assert listed == {name: ["preset", *catalogue.presets(name)] for name in PIPELINES}


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_help_of_a_module_is_that_of_run(process, pipeline):
    result = process("--help", program=[sys.executable, "-m", f"keras_recurrent.pipelines.{pipeline}"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: keras-recurrent run ")
    assert "--preset" in result.stdout
