"""`--input`: one way to say for every network of a command that is a user's own how it wants its images."""

from __future__ import annotations

from collections.abc import Mapping

from foolscape.errors import SettingError
from foolscape.models.wiring import is_own, with_input
from foolscape.spec import parse


def wired(settings: Mapping[str, object]) -> dict[str, object]:
    """`settings` without `input`, which is written into the specs of the models that it is for.

    Args:
        settings: by the names of a config; `model`, `models` and `transfer_to` hold specs, `ensembles` names of them.

    Raises:
        SettingError: none of the models is a user's own, or `input` is not what `models.wiring.with_input` takes.
    """
    done = dict(settings)
    short = done.pop("input", None)
    if short is None:
        return done
    if not isinstance(short, str):
        raise SettingError(f"input: expected words such as bgr,255, got {short!r}")
    specs = [text for name in ("model", "models", "transfer_to") for text in _texts(done.get(name))]
    own = {text: with_input(text, short) for text in specs if is_own(parse(text))}
    if specs and not own:
        raise SettingError(
            f"input: expected a model of your own, from a file, a module or a plug-in, got {', '.join(specs)}; "
            "foolscape knows how those want their images"
        )
    for name in ("model", "models", "transfer_to", "ensembles"):
        value = done.get(name)
        if isinstance(value, str):
            done[name] = _renamed(value, own)
        elif isinstance(value, list | tuple):
            done[name] = [_renamed(text, own) if isinstance(text, str) else text for text in value]
    return done


def _texts(value: object) -> list[str]:
    """The specs in a setting."""
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def _renamed(text: str, own: Mapping[str, str]) -> str:
    """`text`, a spec or, of an ensemble, several with plus signs between them, with the new specs."""
    return own[text] if text in own else "+".join(own.get(part, part) for part in text.split("+"))
