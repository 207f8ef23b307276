"""The options of the commands, made from where their settings are stated: configs and the signatures of attacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from foolscape.attacks.names import TASK_OPTIONS, task_of_option
from foolscape.cli.completion import completer, of_attacks, of_data, of_losses, of_models, of_splits
from foolscape.cli.flag import Flag
from foolscape.cli.manners import FailOn, Manners, floors_of
from foolscape.option import Option
from foolscape.pixels import Levels
from foolscape.run.settings.attack_options import known_options
from foolscape.run.settings.bounds import EPS
from foolscape.run.settings.former_names import FORMER_NAMES
from foolscape.run.settings.given_resources import seconds_of
from foolscape.run.settings.shown import (
    DATA,
    OPTIONS,
    OUTPUT,
    PANELS,
    RESOURCES,
    WATCHING,
    Setting,
    of_task,
    settings_of,
)


@dataclass(frozen=True)
class CommandArguments:
    """What a command was given.

    Attributes:
        settings: those that were given, by name.
        out: the directory to write to.
        config: a file with further settings.
        manners: what has no part in what is measured.
    """

    settings: dict[str, object]
    out: str | None = None
    config: str | None = None
    manners: Manners = field(default_factory=Manners)


INPUT: Final = Flag(
    "input", str,
    "How every model of yours wants its images and counts classes, by commas: bgr, 255, 1/255, -1..1, imagenet, "
    "undo-imagenet, offset=1, and boxes as xywh, cxcywh, yxyx, shares. Short for ?input=bgr&range=255.",
    DATA, metavar="WORD,WORD",
)  # fmt: skip

SLICES: Final = Flag(
    "slices", Path, "Table of what is known of images, to show scores by: a line id,night,camera, then theirs.",
    DATA,    metavar="FILE.csv", default="their light, contrast, crowding, folders, and what the data set says",
)  # fmt: skip

KEEP: Final = Flag(
    "keep", str, "Which pictures stay: all, those that the page shows, or none. Figures are the same, and the same "
    "command with --keep all makes the others again.", OUTPUT, metavar="all|shown|none",
    default="all, or as the run was begun",
)  # fmt: skip

RETRY: Final = Flag(
    "retry_failed", bool, "Try the images again that failed, say because a store did not answer; the result is that of "
    "a run in which they had not. Without --out: of the newest run of the same settings.", OUTPUT, one_way=True,
)  # fmt: skip

CONFIG: Final = Flag(
    "config", Path, "File of settings, YAML or the run.json of a run, which repeats it; options given here win.", DATA,
    metavar="FILE",
)  # fmt: skip

_MANNERS: Final = (
    Flag("out", Path, "Directory for everything the command writes, or the address of one in a store.", OUTPUT,
         metavar="DIR",
         default="runs/NAME-N: the newest unfinished run of the same settings, else the next N"),
    Flag("dry_run", bool, "Print what would be done and what it would cost, and write nothing.", OUTPUT, one_way=True),
    Flag("new", bool, "Without --out: begin the next N even where an unfinished run could go on.", OUTPUT,
         one_way=True),
    Flag("quiet", bool, "Print errors, the result and the verdict alone.", OUTPUT, one_way=True),
    Flag("json", bool, "Print the summary as JSON to standard output, all else to standard error.", OUTPUT,
         one_way=True),
    Flag("footnotes", bool, "Print the conventions below the tables, as on the page.", OUTPUT, one_way=True),
    Flag("strict", bool, "End with 3 at the first image, frame or annotation that cannot be used, instead of counting "
         "it.", OUTPUT, one_way=True),
    Flag("fail_under", str, "Exit with 5 where less than this is left of a score under attack, such as mIoU=40; "
         "several by commas.", OUTPUT, metavar="SCORE=NUMBER"),
    Flag("time_budget", str, "Stop at the next whole image, or epoch, after this time, such as 30m or 1h30m, and exit "
         "with 6; the same command goes on.", RESOURCES, metavar="TIME", default="none"),
    Flag("live", bool, "Keep live.html in the run's directory, a page of the progress that reloads itself.", WATCHING,
         one_way=True),
    Flag("metrics", Path, "Keep a file of figures of the progress for Prometheus, as its node exporter takes it.",
         WATCHING, metavar="FILE.prom"),
    Flag("log", Path, "Append a line of JSON to this file for every image, phase, worker and the end.", WATCHING,
         metavar="FILE.jsonl"),
    Flag("fail_on", FailOn, "Exit with 4 where the verdict is not trusted; undecided: or not decided.", OUTPUT),
)  # fmt: skip
"""Where a command writes and how it behaves; no part of what is measured."""

FOOTNOTES: Final = next(flag for flag in _MANNERS if flag.name == "footnotes")

_COMPLETERS: Final[dict[str, Callable[..., list[str]]]] = {
    "model": of_models,
    "models": of_models,
    "transfer_to": of_models,
    "data": of_data,
    "attack": of_attacks,
    "loss": of_losses,
    "split": of_splits,
    "train_split": of_splits,
    "test_split": of_splits,
}
"""By setting, what knows the names that it can have."""

_METAVARS: Final[dict[type, str | None]] = {Levels: "LEVELS", int: "N", float: "NUMBER", bool: None, str: "TEXT",
                                            Path: "PATH"}  # fmt: skip
"""What stands for a value of a kind."""


def flags_of(config: type[BaseModel]) -> list[Flag]:
    """An option for each setting of a config that the help shows."""
    return [_flag(setting) for setting in settings_of(config)]


def _flag(setting: Setting) -> Flag:
    display = setting.shown
    choices = f": {', '.join(display.words)}" if display.choices else ""
    return Flag(
        setting.name, setting.kind, _sentence(display.help, choices), display.panel, display.flag, setting.default,
        display.metavar or _METAVARS.get(setting.kind), setting.several, display.commas,
        completer(display.words) if display.words else _COMPLETERS.get(setting.name),
    )  # fmt: skip


def attack_flags() -> list[Flag]:
    """An option for each option of any of our attacks, and for those of what an attack does to a task."""
    return [_of_attacks(name, dict(owners)) for name, owners in known_options().items()]


def _of_attacks(name: str, owners: dict[str, Option]) -> Flag:
    """One option of several attacks: what it is, for whom, and its defaults."""
    first = next(iter(owners.values()))
    choices = tuple(dict.fromkeys(choice for option in owners.values() for choice in option.choices))
    texts = [f"{_whose(names)}{text}" for text, names in _grouped(owners, lambda option: option.help.text)]
    several = "; foolscape run takes several, by commas" if name == EPS else ""
    whose = f" ({', '.join(owners)})" if name not in TASK_OPTIONS and len(owners) <= _FEW else ""
    words = f": {', '.join(choices)}" if choices else ""
    return Flag(
        name, bool if first.kind is bool else str, _sentence("; ".join(texts), words + several + whose), _panel(name),
        default=_defaults(owners), metavar="WORD" if choices else _METAVARS[first.kind],
        complete=completer(choices) if choices else _COMPLETERS.get(name),
    )  # fmt: skip


def _panel(name: str) -> str:
    task = task_of_option(name)
    return OPTIONS if task is None else of_task(task)


_FEW: Final = 4
"""Attacks that are named with an option of theirs."""


def _defaults(owners: dict[str, Option]) -> str:
    """The default, and those of the attacks that have another."""
    (common, _), *others = _grouped(owners, lambda option: _text(option))
    return "; ".join([common, *(f"{_whose(names)}{value}" for value, names in others)])


def _text(option: Option) -> str:
    default = option.default
    if isinstance(default, bool):
        return "yes" if default else "no"
    return option.help.unset if default is None else f"{default:g}" if isinstance(default, float) else str(default)


def _grouped(owners: dict[str, Option], text_of: Callable[[Option], str]) -> list[tuple[str, list[str]]]:
    """What `text_of` says of an option, with the attacks of which it does; what most have comes first, without any."""
    groups: dict[str, list[str]] = {}
    for attack, option in owners.items():
        groups.setdefault(text_of(option), []).append(attack)
    (common, _), *others = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [(common, []), *others]


def _whose(attacks: Sequence[str]) -> str:
    return f"{', '.join(attacks)}: " if attacks else ""


def _sentence(text: str, more: str = "") -> str:
    """`text`, with a capital and a full stop, and `more` before the stop."""
    return f"{text[0].upper()}{text[1:].removesuffix('.')}{more}."


def command(act: Callable[[CommandArguments], None], flags: Iterable[Flag]) -> Callable[..., None]:
    """What typer takes for a command that measures: its options are `flags` and those of all such commands."""
    own = (*flags, *_MANNERS)
    # What a command that is given files does is settled by them.
    settled = any(flag.positional for flag in own)
    ordered = sorted(own if settled else (*own, CONFIG), key=lambda flag: PANELS.index(flag.panel))

    def call(**values: Any) -> None:
        floors, fail_on = floors_of(values.pop("fail_under")), values.pop("fail_on")
        switches, seconds = {name: values.pop(name) for name in _SWITCHES}, seconds_of(values.pop("time_budget"))
        metrics, log = values.pop("metrics"), values.pop("log")
        manners = Manners(**switches, floors=floors, fail_on=fail_on, seconds=seconds, metrics=metrics, log=log)
        out, config = values.pop("out"), values.pop("config", None)
        act(CommandArguments(dict(settings_in(ordered, values)), out, config, manners))

    call.__name__, call.__doc__ = act.__name__, act.__doc__
    return signed(call, ordered)


def signed(call: Callable[..., None], flags: Sequence[Flag]) -> Callable[..., None]:
    """`call` with `flags` for its parameters, and their former names hidden, for typer to read."""
    former = [flag.parameter(name=old) for flag in flags for old, new in FORMER_NAMES.items() if new == flag.name]
    call.__signature__ = inspect.Signature([*(flag.parameter() for flag in flags), *former])  # type: ignore[attr-defined]
    return call


_SWITCHES: Final = ("dry_run", "new", "quiet", "json", "footnotes", "strict", "live")


def settings_in(flags: Iterable[Flag], values: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The settings that were given, of all `values` by name."""
    commas = {flag.name for flag in flags if flag.commas}
    for name, value in values.items():
        if value is not None and value != []:
            yield name, [part.strip() for part in value.split(",")] if name in commas else value
