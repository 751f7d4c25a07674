"""Help, lists and refusals come at once, since neither TensorFlow nor Keras is imported for them."""

import resource
import sys

import pytest

AT_ONCE = 0.5
TRIES = 5

QUICK = {
    "help": (["--help"], 0),
    "help of a verb": (["run", "--help"], 0),
    "list": (["list"], 0),
    "misspelt pipeline": (["run", "mnist_row"], 2),
    "misspelt preset": (["run", "mnist_rows", "--preset", "sampel"], 2),
    "misspelt verb": (["trian", "mnist_rows"], 2),
}


def seconds_of_children():
    """Processor time, which on an idle machine is the time that the user waits, and does not depend on its load."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", QUICK)
def test_answers_at_once(process, name):
    arguments, code = QUICK[name]
    fastest = float("inf")
    for _ in range(TRIES):
        before = seconds_of_children()
        result = process(*arguments)
        fastest = min(fastest, seconds_of_children() - before)
        assert result.exit_code == code
        if fastest <= AT_ONCE:
            break
    assert fastest <= AT_ONCE


def test_a_reader_that_closes_the_pipe_is_no_error(start):
    """As in `keras-recurrent show PIPELINE | head -1`."""
    child = start("show", "mnist_rows", "--schema")
    child.stdout.close()
    assert child.stderr.read() == ""
    assert child.wait() == 0
    child.stdout = None


SCRIPT = """
import sys
from keras_recurrent.pipelines import cli
try:
    cli.app(sys.argv[1:])
except SystemExit as end:
    heavy = {"tensorflow", "keras", "tensorflow_datasets", "sklearn"} & set(sys.modules)
    print(end.code, sorted(heavy))
"""


@pytest.mark.parametrize("name", QUICK)
def test_imports_no_framework(process, name):
    arguments, code = QUICK[name]
    result = process(*arguments, program=[sys.executable, "-c", SCRIPT])
    assert result.stdout.splitlines()[-1] == f"{code} []", result


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "mnist_rows", "--set", "training.epochs=5"],
        ["show", "mnist_rows", "--set", "model.cell=lru", "--set", "model.options={min_radius: 0.9}"],
        ["show", "mnist_rows", "--set", "model.options.zoneout=0.1"],
        ["show", "mnist_rows", "--schema"],
        ["run", "mnist_rows", "--set", "model.unist=5"],
    ],
)
def test_a_configuration_is_resolved_without_a_framework(process, arguments):
    result = process(*arguments, program=[sys.executable, "-c", SCRIPT])
    assert result.stdout.splitlines()[-1].endswith("[]"), result


def test_list_names_every_pipeline_and_preset_in_a_line_each(cli):
    lines = cli("list").stdout.splitlines()
    assert {line.split(":")[0] for line in lines if not line.startswith(" ")} >= {"mnist_rows", "captioning"}
    assert any(line.split()[:1] == ["sample"] for line in lines)


def test_a_pipeline_without_verb_or_with_help_only(process):
    result = process("--help", program=[sys.executable, "-m", "keras_recurrent.pipelines.mnist_rows"])
    assert result.exit_code == 0
    assert "--preset" in result.stdout
    assert result.stderr == ""
