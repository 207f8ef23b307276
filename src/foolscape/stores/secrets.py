"""Keys and passwords: none may stand in an address, none may get into a message."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Final

from foolscape.errors import SettingError

_SECRET: Final = (
    r"token|secret|passw|pwd|signature|credential|access_?-?key|api_?-?key|private_?-?key|auth|x-amz|x-goog|session"
)
_NAME: Final = re.compile(rf"(?i){_SECRET}|^(sig|key|sas|sv)$")
_VARIABLE: Final = re.compile(r"(?i)secret|token|passw|access_?key|api_?key|private_?key")
_OPTION: Final = re.compile(r"[?&]\"?([\w.-]+)=")
_AUTHORITY: Final = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]*)://([^/\s\"?&]*)")
_USER: Final = re.compile(r"(://)[^/\s'\"]*@")
_QUERY: Final = re.compile(r"(\b[\w+.-]+://[^\s'\"?]*)\?[^\s'\"]*")
_FIELD: Final = re.compile(
    rf"(?i)((?:\bauthorization['\"]?\s*[:=]|[\w-]*(?:{_SECRET})[\w-]*(?:=|['\"]\s*:))\s*)"
    r"(?:(?:['\"]?(?:bearer|basic|aws4\S*)\s+)?['\"]?[^\s,;&'\"}]+['\"]?)"
)
_LEAST: Final = 6
"""Characters that a value must have to be searched for in messages."""

WHERE: Final = (
    "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for s3://, GOOGLE_APPLICATION_CREDENTIALS for gs://, "
    "HF_TOKEN for hf://, FSSPEC_PROTOCOL_OPTION or a file in ~/.config/fsspec for any other"
)
"""Where keys belong."""


def refuse_secrets(text: str) -> None:
    """Raise `SettingError` if the address or spec `text` holds a key or password; the message does not repeat it."""
    if "://" not in text:
        return
    for protocol, authority in _AUTHORITY.findall(text):
        if protocol.lower() in ("zip", "tar", "file", "local", "memory"):
            continue
        _, at, _ = authority.partition("@")
        before, colon, behind = authority.partition(":")
        is_port = behind.isdigit() or before == "arn"
        if at and protocol.lower() != "hf":
            raise _refusal(f"a user or key before the @ of {protocol}://")
        if colon and not is_port and not behind.startswith(":"):
            raise _refusal(f"a user or key before the colon in {protocol}://")
    for name in _OPTION.findall(text):
        if _NAME.search(name):
            raise _refusal(f"the option {name}")


def _refusal(what: str) -> SettingError:
    return SettingError(
        f"expected an address without keys in it, since it is written to run.json and pages, got {what}; leave that "
        f"out and set the environment variables instead: {WHERE}"
    )


def scrubbed(text: object) -> str:
    """`text`, such as an exception, on one line, without users and queries of addresses, and without keys it knows."""
    told = " ".join(str(text).split())
    for value in _known():
        told = told.replace(value, "***")
    return _FIELD.sub(r"\1***", _QUERY.sub(r"\1?***", _USER.sub(r"\1***@", told)))


def _known() -> list[str]:
    """The values of secrets in the environment and in fsspec's configuration, the longest first."""
    found = {value for name, value in os.environ.items() if _VARIABLE.search(name)}
    config = sys.modules.get("fsspec.config")
    found |= _secret_values(getattr(config, "conf", {}))
    return sorted((value for value in found if len(value) >= _LEAST), key=len, reverse=True)


def _secret_values(settings: Any) -> set[str]:
    found: set[str] = set()
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if isinstance(value, dict):
            found |= _secret_values(value)
        elif isinstance(value, str) and _NAME.search(str(name)):
            found.add(value)
    return found
