"""What is said of progress, for terminal and page alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from foolscape.records.progress import Foreseen, PartProgress, Progress, WorkerGone, WorkerProgress
from foolscape.report.tables.table import duration


def size(count: float) -> str:
    """A number of bytes as a person says it."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 1e6) / 1e6:.0f} MB"


def rate(per_second: float) -> str:
    """How fast images are settled; slow ones by the seconds that each takes."""
    return f"{per_second:.2f} images/s" if per_second >= 0.1 else f"{1 / per_second:.0f} s an image"


def failures(count: int) -> str:
    """How many images failed; nothing where none did."""
    return "" if not count else f"{count} failure{'s' * (count != 1)}"


def how_far(progress: Progress) -> str:
    """In a line: what is done of the part under way, how fast, and what is left."""
    part = progress.part
    if part is None:
        return progress.phase
    words = (f"{part.done} of {part.total}", far(progress))
    phase = "" if progress.phase == part.title or progress.state == "finished" else f"; then: {progress.phase}"
    return f"{part.title}: {', '.join(word for word in words if word)}{phase}"


def of_whole(progress: Progress) -> str:
    """Of a command with several runs: how many are done, and the time that all take which are left; else nothing."""
    whole = progress.whole
    if whole is None:
        return ""
    told = f"{whole.done} of {whole.total} {whole.unit}"
    if progress.state != "running" or whole.ahead is None or (progress.left is None and whole.done < whole.total):
        return told
    return f"{told}, about {duration(whole.ahead + (progress.left or 0.0))} left for all"


def title(progress: Progress) -> str:
    """How much is done, in as few words as a title has; nothing where nothing has begun."""
    part, whole = progress.part, progress.whole
    if whole is not None:
        return f"{whole.done} of {whole.total} {whole.unit}"
    return "" if part is None else f"{part.done} of {part.total} images"


def far(progress: Progress) -> str:
    """Of the part under way: its failures, how fast it goes, and the time left."""
    words = (
        "" if progress.part is None else failures(progress.part.failures),
        "" if progress.rate is None else rate(progress.rate),
        "" if progress.left is None else f"about {duration(progress.left)} left",
    )
    return ", ".join(word for word in words if word)


def of_estimate(foreseen: Foreseen) -> str:
    """An estimate in a line, with how wrong the last ones were."""
    memory = "" if foreseen.memory is None else f", {size(foreseen.memory)}"
    told = f"about {duration(foreseen.seconds)}{memory}"
    if foreseen.low is None or foreseen.high is None:
        return f"{told}, at most; no run of this kind and length has finished here yet"
    count = f"last {foreseen.runs} estimates here were" if foreseen.runs > 1 else "last estimate here was"
    low, high = f"{foreseen.low:.2g}", f"{foreseen.high:.2g}"
    return f"{told}; the {count} {low if low == high else f'{low} to {high}'} of what it took"


def of_part(part: PartProgress) -> tuple[str, ...]:
    """A part in cells: what it is, how far, its failures, and the time that it took."""
    return part.title, f"{part.done} of {part.total}", failures(part.failures), duration(part.seconds)


def of_worker(worker: WorkerProgress) -> tuple[str, ...]:
    """A worker in cells: who, where, on what, how many images, how long each takes."""
    pace = "" if worker.pace is None else f"{worker.pace:.3g} s an image"
    return worker.worker, worker.node, worker.device, f"{worker.answered} image{'s' * (worker.answered != 1)}", pace


def of_crew(workers: Sequence[WorkerProgress]) -> str:
    """All workers in a line."""
    nodes = len({worker.node for worker in workers})
    where = f" on {nodes} nodes" if nodes > 1 else ""
    return f"{len(workers)} worker{'s' * (len(workers) != 1)}{where}"


def of_gone(gone: Sequence[WorkerGone], count: int) -> list[str]:
    """A line for each reason for which workers went, the most frequent first; `count` went, `gone` are the last."""
    if not count:
        return []
    reasons = Counter((one.event, one.reason) for one in gone)
    told = {"lost": "lost", "refused": "not let in"}
    lines = [f"{number} {told[event]}: {reason}" for (event, reason), number in reasons.most_common()]
    earlier = count - len(gone)
    return [*lines, *([f"{earlier} more before"] if earlier else [])]
