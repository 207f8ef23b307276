"""`--input`: one way to say for every network of a command that is a user's own how it wants its images."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from foolscape.errors import SettingError
from foolscape.spec import parse, text_of

_MODELS: Final = ("model", "models", "transfer_to")
"""Settings that hold specs of models."""


def wired(settings: Mapping[str, object]) -> dict[str, object]:
    """`settings` with all specs as text, and without `input`, which is written into those of the models it is for.

    Args:
        settings: by the names of a config; `model`, `models` and `transfer_to` hold specs, `ensembles` names of them.

    Raises:
        SettingError: none of the models is a user's own, or `input` is not what `models.common.wiring.with_input`
            takes.
    """
    converted = {name: _as_text(value) if name in (*_MODELS, "data") else value for name, value in settings.items()}
    short = converted.pop("input", None)
    if short is None:
        return converted
    from foolscape.models.common.wiring import is_own, with_input

    if not isinstance(short, str):
        raise SettingError(f"input: expected words such as bgr,255, got {short!r}")
    specs = [text for name in _MODELS for text in _texts(converted.get(name))]
    own = {text: with_input(text, short) for text in specs if is_own(parse(text))}
    if specs and not own:
        raise SettingError(
            f"input: expected a model of your own, from a file, a module or a plug-in, got {', '.join(specs)}; "
            "foolscape knows how those want their images"
        )
    for name in (*_MODELS, "ensembles"):
        value = converted.get(name)
        if isinstance(value, str):
            converted[name] = _renamed(value, own)
        elif isinstance(value, list | tuple):
            converted[name] = [_renamed(text, own) if isinstance(text, str) else text for text in value]
    return converted


def _as_text(value: object) -> object:
    """A setting that holds specs, with every one as text; see `spec.text_of`."""
    return [text_of(one) for one in value] if isinstance(value, list | tuple) else text_of(value)


def _texts(value: object) -> list[str]:
    """The specs in a setting."""
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def _renamed(text: str, own: Mapping[str, str]) -> str:
    """`text`, a spec or, of an ensemble, several with plus signs between them, with the new specs."""
    return own[text] if text in own else "+".join(own.get(part, part) for part in members_of(text, own))


def members_of(text: str, names: Collection[str]) -> list[str]:
    """The names in `text` with plus signs between them; one of the `names` may hold plus signs itself."""
    pieces, members = text.split("+"), list[str]()
    while pieces:
        joined = ("+".join(pieces[:end]).strip() for end in range(len(pieces), 0, -1))
        name = next((one for one in joined if one in names), pieces[0].strip())
        pieces = pieces[name.count("+") + 1 :]
        members.append(name)
    return members
