"""Last stage: the model's card, the README.md of a run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..core import files
from ..core.pipeline import Pipeline, Run


def write_card(run: Run, parity: dict[str, Any] | None = None) -> None:
    """Writes the card from `metrics.json` and from the content of `parity.json`, which need not be written yet."""
    scores, task = run.metrics, run.pipeline.task()
    config = shlex.quote(str(run.path / "config.yaml"))
    sections = [
        f"# {run.pipeline.name}, preset {scores['preset']}",
        task.headline(scores),
        run.pipeline.about,
        f"**Data.** {run.pipeline.about_data(run.config)} " + _sizes(scores["examples"]),
        _training(run, scores),
        _verdict(scores, max if task.mode == "max" else min),
        task.tables(scores),
        _score_table(scores, task.metrics),
        _plots(run.path / "plots"),
        _export(parity, scores["primary"]) if parity else "",
        f"**Intended use.** {run.pipeline.about} For study, and as a starting point for similar data.",
        f"**Limits.** {run.pipeline.limits}",
        f"**Repeat it.**\n\n```\nkeras-recurrent run {run.pipeline.name} --config {config}\n```",
        _loading(run.pipeline),
    ]
    files.write_text(run.path / "README.md", "\n\n".join(section for section in sections if section) + "\n")


def _sizes(examples: dict[str, int]) -> str:
    return ", ".join(f"{count:,} for {split}" for split, count in examples.items()) + "."


def _training(run: Run, scores: dict[str, Any]) -> str:
    model = ", ".join(f"{key} {value}" for key, value in run.config.model.model_dump(mode="json").items())
    training = run.config.training
    return (
        f"**Model.** {model}: {scores['parameters']:,} parameters.\n\n"
        f"**Training.** {scores['epochs']['trained']} epochs of Adam, batch {training.batch_size}, learning rate "
        f"{training.learning_rate:g} ({training.schedule}), seed {training.seed}; the weights of epoch "
        f"{scores['epochs']['kept']} are kept, the best on the validation split. It took "
        f"{scores['seconds']['train']:.0f} s. Versions and machine are in `environment.json`, every setting in "
        "`config.yaml`."
    )


def _verdict(scores: dict[str, Any], best_of: Callable) -> str:
    primary = scores["primary"]
    whole = {name: b[primary] for name, b in scores["baselines"].items() if not in_part(scores, name)}
    best, score = best_of(whole.items(), key=lambda pair: pair[1])
    verdict = "better than every baseline" if scores["beats_baselines"] else "NOT better than every baseline"
    return (
        f"**Result.** Test {primary} {scores['test'][primary]:.4f}, {verdict} "
        f"(the best of them, {best.replace('_', ' ')}: {score:.4f}).{_alone(scores)}"
    )


def in_part(scores: dict[str, Any], baseline: str) -> bool:
    """Whether a baseline answered for only a part of the test split."""
    windows = {name: found.get("windows") for name, found in scores["comparisons"].items()}
    return windows[baseline] is not None and windows[baseline] < max(windows.values())


def _alone(scores: dict[str, Any]) -> str:
    """The scores of the parts of a combined model, each without the others, if there are several."""
    parts = ", ".join(f"{name} {score:.4f}" for name, score in scores.get("alone", {}).items())
    return f" Its parts alone: {parts}." if parts else ""


def _score_table(scores: dict[str, Any], about: Mapping[str, str]) -> str:
    names = list(scores["baselines"])
    heads = [name.replace("_", " ") + (" (on some examples)" if in_part(scores, name) else "") for name in names]
    lines = [
        "| metric | model | 95% interval | " + " | ".join(heads) + " | |",
        "|---" * (len(names) + 4) + "|",
    ]
    for metric, value in scores["test"].items():
        low, high = scores["intervals"].get(metric, (None, None))
        interval = "" if low is None else f"{low:.4f} to {high:.4f}"
        beside = " | ".join(number(scores["baselines"][name].get(metric)) for name in names)
        lines.append(f"| {metric} | {value:.4f} | {interval} | {beside} | {explained(about, metric)} |")
    return "\n".join(lines)


def explained(about: Mapping[str, str], metric: str) -> str:
    """The explanation of a metric; for a name such as `coverage_90`, the explanation of `coverage`."""
    return about.get(metric) or about.get(metric.rpartition("_")[0], "")


def number(value: float | None, form: str = ".4f") -> str:
    """A formatted number, or an empty string for a missing score."""
    return "" if value is None else format(value, form)


def _export(parity: dict[str, Any], primary: str) -> str:
    lines = [
        f"**Export.** Each file was run in a process of its own, without this package, on the whole test split "
        f"({parity['rows']} rows also at two batch sizes); differences are to the Keras model.",
        "",
        f"| file | bytes | largest difference | test {primary} | ms an example | proven |",
        "|---|---|---|---|---|---|",
    ]
    for artifact in parity["artifacts"].values():
        difference, accuracy, time = (
            number(value, form)
            for value, form in (
                (artifact["max_abs_diff"], ".1e"),
                ((artifact["test"] or {}).get(primary), ".4f"),
                (artifact["milliseconds_per_example"], ".3f"),
            )
        )
        proven = "yes" if artifact["passed"] else f"NO: {artifact['reason']}"
        lines.append(f"| {artifact['path']} | {artifact['bytes']:,} | {difference} | {accuracy} | {time} | {proven} |")
    return "\n".join(lines)


def _loading(pipeline: Pipeline) -> str:
    return f"""**Load it.**

```python
from keras_recurrent.pipelines import runs                 # with this package

{pipeline.loading}
```"""


def _plots(folder: Path) -> str:
    """Every image in the folder of plots, and links to its pages."""
    lines = [f"![{path.stem.replace('_', ' ')}](plots/{path.name})" for path in sorted(folder.glob("*.png"))]
    lines += [f"[{path.stem.replace('_', ' ')}](plots/{path.name})" for path in sorted(folder.glob("*.html"))]
    return "\n\n".join(lines)
