"""HTML pages of a run, written from Jinja templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def page(template: Path, **values: Any) -> str:
    """Renders the template at a path, such as `Path(__file__).with_name("captions.html.jinja")`, as a page.

    Every value is escaped, so that no text of the data becomes markup; a value that the template needs and does not
    receive raises `jinja2.UndefinedError`.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)
