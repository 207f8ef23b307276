"""What an option of the command line is, and how typer takes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class Flag:
    """An option of the command line.

    Attributes:
        name: of its value among the settings; words joined by underscores.
        kind: of its value.
        help: a sentence.
        panel: of `run.settings.shown.PANELS`.
        option: its name on the command line, where it is not `name`.
        default: in words.
        metavar: what stands for the value.
        several: it may be repeated.
        commas: it gives several values, with commas between them.
        complete: from the beginning of a value to whole ones.
        one_way: a switch without its --no-.
        required: it must be given.
        positional: it is given without a name.
    """

    name: str
    kind: Any
    help: str
    panel: str
    option: str | None = None
    default: str | None = None
    metavar: str | None = None
    several: bool = False
    commas: bool = False
    complete: Callable[..., list[str]] | None = None
    one_way: bool = False
    required: bool = False
    positional: bool = False

    @property
    def word(self) -> str:
        """As it is typed."""
        return f"--{(self.option or self.name).replace('_', '-')}"

    def parameter(self, *, name: str | None = None) -> inspect.Parameter:
        """As typer takes it; hidden under another `name`."""
        # An address must come as it was written: a path has one slash where several are.
        kind = str if self.kind is Path else self.kind
        if self.positional:
            argument = typer.Argument(help=self.help, metavar=self.metavar, show_default=False)
            return inspect.Parameter(
                self.name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=Annotated[list[kind], argument],  # type: ignore[valid-type]
            )
        word = self.word if name is None else f"--{name.replace('_', '-')}"
        switch = self.kind is bool and not self.one_way
        declared = f"{word}/--no-{word[2:]}" if switch else word
        hint: Any = list[kind] if self.several else kind  # type: ignore[valid-type]
        about = typer.Option(
            declared, help=self.help, rich_help_panel=self.panel, metavar=self.metavar, hidden=name is not None,
            show_default=self.default or False, autocompletion=self.complete,
        )  # fmt: skip
        return inspect.Parameter(
            name or self.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if self.one_way else ... if self.required else None,
            annotation=Annotated[bool if self.one_way else hint | None, about],
        )
