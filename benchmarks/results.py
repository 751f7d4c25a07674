"""Writes a section of RESULTS.md: each benchmark owns one, and replaces only that."""

from __future__ import annotations

import os
import platform
import re
import time
from importlib import metadata
from pathlib import Path

from keras_recurrent.pipelines.core.environment import processor

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = "# Results\n\nThe scripts in this folder write this page. Each section gives the command to measure it again.\n"


def write(title: str, command: str, about: str, body: str) -> None:
    """Replaces the section of that title, with command, machine, versions and date."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("tensorflow", "keras", "numpy"))
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    section = f"## {title}\n\n`{command}`\n\n{about}\n\n{body}\n\n{machine}; {versions}; {time.strftime('%Y-%m-%d')}.\n"
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    kept = [part for part in re.split(r"(?m)^(?=## )", text) if not part.startswith(f"## {title}\n")]
    RESULTS.write_text("\n".join([part.rstrip() + "\n" for part in kept] + [section]), encoding="utf-8")
    print(section)
