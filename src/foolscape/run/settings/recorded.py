"""The file of `--config`: YAML that a person wrote, or the `run.json` of a run, which is repeated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from foolscape.errors import SettingError
from foolscape.paths import path_of
from foolscape.records.schema import check_schema
from foolscape.regular import read_text
from foolscape.run.settings.yaml_file import read_mapping, reason_of

_MOST_BYTES: Final = 1 << 28
"""A record names every sample, with its hashes."""

_COMMANDS: Final = {None: "run", "run": "run", "transfer": "transfer", "universal": "universal", "harden": "harden"}
"""The command that makes a record of each kind."""


def settings_of_file(named: str | Path, command: str) -> dict[str, object]:
    """The settings in the file `named` for `foolscape COMMAND`.

    Args:
        named: a YAML file, or the run.json of a run of this command, or the directory that it is in.
        command: run, transfer, universal or harden.

    Raises:
        SettingError: it cannot be read, holds anything else, or is of another command, which is named.
        RunError: a record of another schema.
    """
    path = path_of(named)
    if path.is_dir():
        path = path / "run.json"
    return _recorded(path, command) if path.suffix == ".json" else read_mapping(path)


def _recorded(path: Path, command: str) -> dict[str, object]:
    """The settings that a run.json holds."""
    try:
        record = json.loads(read_text(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingError(f"config: expected the run.json of a run at {path}, got {reason_of(error)}") from error
    config = record.get("config") if isinstance(record, dict) else None
    if not isinstance(config, dict):
        raise SettingError(
            f"config: expected the run.json of a run, with its settings below config, at {path}, got none; a file of "
            "settings is YAML"
        )
    kind = record.get("kind")
    recorded_command = _COMMANDS.get(kind) if kind is None or isinstance(kind, str) else None
    if recorded_command is None:
        raise SettingError(f"config: expected the run.json of foolscape {command}, got one of the kind {kind!r}")
    if recorded_command != command:
        raise SettingError(
            f"config: expected the run.json of foolscape {command}, got that of foolscape {recorded_command}; "
            f"write foolscape {recorded_command} --config {path}"
        )
    check_schema(path, record)
    return {str(name): value for name, value in config.items()}
