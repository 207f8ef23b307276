"""Specs: the one-line names of models and data sets, `scheme:rest?option=value&option=value`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from foolscape.errors import SettingError, unknown


@dataclass(frozen=True)
class Spec:
    """A parsed spec.

    Attributes:
        text: as the user wrote it.
        scheme: what stands before the last colon of the part before `?`; "" if there is no colon.
        rest: what stands behind it.
        options: the options behind `?`, in order.
    """

    text: str
    scheme: str
    rest: str
    options: dict[str, str] = field(default_factory=dict)

    def only(self, *allowed: str) -> Spec:
        """This spec, if it has no other options than `allowed`; else `UnknownNameError` naming near misses."""
        for name in self.options:
            if name not in allowed:
                raise unknown(f"option in {self.text!r}", name, allowed)
        return self


def parse(text: str) -> Spec:
    """Split `text`; raises `SettingError` if it is empty or an option has no value."""
    body, _, query = text.partition("?")
    if not body.strip():
        raise SettingError(f"expected a spec such as bundled:scenes-unet or camvid:DIR, got {text!r}")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise SettingError(f"expected options as ?name=value&name=value in {text!r}, got ?{query}") from None
    head, _, tail = body.rpartition(":")
    return Spec(text, head, tail, options)
