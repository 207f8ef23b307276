"""Data sets that do not come with foolscape: `mine.py:Photos`, `package.module:photos`, `maite:module:factory`."""

from __future__ import annotations

from foolscape.data.load import is_own, register
from foolscape.data.maite import PREFIX
from foolscape.data.own import data_set_of
from foolscape.models.common.file import imported
from foolscape.models.common.guard import guarded
from foolscape.spec import parse


def enter_data(text: str) -> None:
    """See to it that the data set that the spec `text` names is known, if it is a user's; else do nothing.

    What is named is a class or a function, which is called without arguments, or an object.

    Raises:
        SettingError: no such file or name, or something that is no data set.
        ModelError: importing or calling it failed.
    """
    if not is_own(text):
        return
    spec = parse(text.removeprefix(PREFIX), ())
    place, name = spec.scheme, spec.rest
    data_set = imported(place, name)
    if callable(data_set) and (isinstance(data_set, type) or not hasattr(data_set, "__getitem__")):
        with guarded(f"{place}:{name}()"):
            data_set = data_set()
    known_by = f"{PREFIX if text.startswith(PREFIX) else ''}{place}:{name}"
    register(known_by, data_set_of(known_by, data_set))
