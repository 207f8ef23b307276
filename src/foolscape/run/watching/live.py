"""live.html: a page of a command at work, which reloads itself, also from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from foolscape.disk import write_passing
from foolscape.records.places import LIVE
from foolscape.records.progress import Progress
from foolscape.report.pages.template import template
from foolscape.report.tables.table import duration
from foolscape.run.watching.words import far, of_crew, of_gone, of_part, of_whole, of_worker, title

EVERY: Final = 10
"""Seconds between two pages, and after which the page is loaded again."""

_WORKERS: Final = 64
"""As many have a line each."""


class LivePage:
    """Writes the page of a command to `directory`, every ten seconds and when it ends; a `Sink`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._written: float | None = None

    def __call__(self, progress: Progress) -> None:
        """Write it, if it is time."""
        early = self._written is not None and progress.seconds - self._written < EVERY
        if early and progress.state == "running":
            return
        self._written = progress.seconds
        page = live_page(progress, self._directory.name, has_report=(self._directory / "report.html").exists())
        write_passing(self._directory, LIVE, page.encode("utf-8", "backslashreplace"))


def live_page(progress: Progress, name: str, *, has_report: bool) -> str:
    """The page of a command at work in a directory of this name."""
    now = progress.phase if progress.state == "running" else progress.reason or "all is done"
    words = (now, far(progress))
    lines = [
        *([of_whole(progress)] if progress.whole is not None else []),
        f"{duration(progress.seconds)} so far on {progress.host}, begun {progress.started}",
        *([of_crew(progress.workers)] if progress.workers else []),
        *of_gone(progress.gone, progress.gone_count),
    ]
    workers = [of_worker(one) for one in progress.workers] if len(progress.workers) <= _WORKERS else []
    return template("live.html.j2").render(
        title=": ".join(word for word in (name, title(progress)) if word),
        command=progress.command,
        state=progress.state,
        share=round(100 * progress.share, 1),
        far="; ".join(word for word in words if word),
        lines=lines,
        tables=[("Parts", [of_part(one) for one in progress.parts]), ("Workers", workers)],
        has_report=has_report and progress.state != "running",
        refresh=EVERY if progress.state == "running" else 0,
        updated=progress.updated,
    )
