"""What a sample costs to attack beside the others of its data set: an optional method of `Data`."""

from __future__ import annotations

import math

from foolscape.errors import DataError


def cost_of(data: object, sample_id: str) -> float:
    """What `data.cost(sample_id)` says, in units of its own, such as the frames of a clip; 1 where there is none.

    Nothing large is read for it: no more than names of files, or what a list of the data set says.

    Raises:
        DataError: the method raises, or gives no number above 0.
    """
    method = getattr(data, "cost", None)
    if not callable(method):
        return 1.0
    try:
        cost = float(method(sample_id))
    except Exception as error:
        raise DataError(
            f"expected cost({sample_id!r}) of {type(data).__name__} to be a number, got {type(error).__name__}: "
            f"{error}; mend it, or leave the method out"
        ) from error
    if not 0 < cost < math.inf:
        raise DataError(f"expected cost({sample_id!r}) of {type(data).__name__} to be above 0, got {cost}")
    return cost
