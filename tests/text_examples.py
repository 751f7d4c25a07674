"""Texts that are hard to read, and what reads the files of a run."""

import csv
import json

CLASSES = ("$_$ & <good>", "bad", "so-so 👌")
TEXTS = [
    "I did not like it, I loved it.",
    "",
    "不好，真的。👍🏽",
    "I’m NOT amused!<br />",
    "عالم",
    "the film " * 300,
    "?",
]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def table(path, delimiter=","):
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file, delimiter=delimiter)]
