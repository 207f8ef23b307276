"""The templates that pages are made from."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from foolscape.printable import printable


@cache
def template(name: str) -> Template:
    """The template `name` of this package; whatever is put into it is escaped."""
    environment = Environment(
        loader=PackageLoader("foolscape.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = lambda value: printable(str(value))
    return environment.get_template(name)
