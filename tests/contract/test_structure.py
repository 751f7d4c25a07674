"""Imports point one way, inside functions and for type checkers alone too; there is no circle."""

import ast
import graphlib
from pathlib import Path

import pytest

import keras_recurrent.pipelines

ROOT = Path(keras_recurrent.pipelines.__file__).parent
DECLARED = "pipelines"  # the modules of the folder itself: what a user opens
ORDER = [DECLARED, "cli", "tasks", "sequences", "stages", "sources", "core"]
"""Each may import those behind it."""
LIFTED = {"export": {"export", "core.errors", "core.files"}, "runtime": {"runtime"}}
"""What can be taken out whole, and all that it may import of this package beside `layers`."""
FRAMEWORKS = {"tensorflow", "keras"}


def modules():
    """The dotted name of each module below `pipelines`, and what it imports: dotted names, of this package from
    `pipelines` or `layers` on.
    """
    files = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.rglob("*.py")}
    names = {name.removesuffix(".__init__") for name in files.values()}
    for path, name in files.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= set(imported(node, name.split("."), names))
        yield name.removesuffix(".__init__"), found


def imported(node, of, names):
    """The modules that a `from` statement in module `of` reaches."""
    if not node.level:
        return [node.module]
    base = ["", *of][: len(of) + 1 - node.level]
    if not base:  # beyond `pipelines`: layers
        return [".".join(filter(None, ["layers", (node.module or "layers").partition(".")[2]]))]
    base = ".".join(filter(None, [*base[1:], node.module]))
    below = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
    return [each if each in names else base for each in below]


GRAPH = dict(modules())


def room(name):
    """The folder that a module stands in, below `pipelines`."""
    return name.partition(".")[0] if "." in name or (ROOT / name).is_dir() else DECLARED


def test_the_rooms_are_those_that_the_order_names():
    assert {room(name) for name in GRAPH} == {*ORDER, *LIFTED}


@pytest.mark.parametrize("of", ORDER)
def test_imports_point_one_way(of):
    before = set(ORDER[: ORDER.index(of)])
    upward = {
        f"{name} -> {target}"
        for name, targets in GRAPH.items()
        for target in targets & GRAPH.keys()
        if room(name) == of and room(target) in before
    }
    assert upward == set()


@pytest.mark.parametrize("of", LIFTED)
def test_what_can_be_lifted_out_stands_alone(of):
    needed = {
        f"{name} -> {target}"
        for name, targets in GRAPH.items()
        for target in targets & GRAPH.keys()
        if room(name) == of and not any(target == each or target.startswith(f"{each}.") for each in LIFTED[of])
    }
    assert needed == set()


def test_the_runtime_needs_neither_framework_nor_layers():
    needed = {
        target.partition(".")[0] for name, targets in GRAPH.items() if room(name) == "runtime" for target in targets
    }
    assert needed & {*FRAMEWORKS, "layers", "pandas", "sklearn", "scipy"} == set()


def test_tasks_that_stand_on_one_another_do_so_one_way():
    between = {
        (name.split(".")[1], target.split(".")[1])
        for name, targets in GRAPH.items()
        for target in targets
        if name.startswith("tasks.") and target.startswith("tasks.")
    }
    assert {(one, other) for one, other in between if one != other and (other, one) in between} == set()


def test_there_is_no_circle():
    graph = {name: {target for target in targets & GRAPH.keys() if target != name} for name, targets in GRAPH.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_layers_know_no_pipeline():
    layers = ROOT.parent / "layers"
    assert not [path for path in layers.rglob("*.py") if "pipelines" in path.read_text(encoding="utf-8")]
