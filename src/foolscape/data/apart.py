"""Whether a thread of its own may read a data set while a model is at work."""

from __future__ import annotations

from foolscape.data.own import Own


def can_be_read_apart(data: object) -> bool:
    """Whether reading `data` touches nothing but files: what users write may draw random numbers, or ask a network.

    So it is our own data sets, and what wraps one of them, that can; never what a user handed over.
    """
    if data is None or isinstance(data, Own) or not type(data).__module__.startswith("foolscape."):
        return False
    source = getattr(data, "source", None)
    return source is None or can_be_read_apart(source)
