"""`--keep`: which pictures a run keeps. It is no setting of what is measured: figures are the same whatever is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from foolscape.errors import SettingError

if TYPE_CHECKING:
    from foolscape.records.run import Keep

KEEPS: Final[tuple[Keep, ...]] = ("all", "shown", "none")
"""From most to least."""


def keep_of(setting: object) -> Keep | None:
    """The value of the setting; None where there is none. Raises `SettingError`."""
    if setting is None:
        return None
    for keep in KEEPS:
        if setting == keep:
            return keep
    raise SettingError(f"keep: expected {', '.join(KEEPS[:-1])} or {KEEPS[-1]}, got {setting!r:.60}")
