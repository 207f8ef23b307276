"""The measurements as Markdown, which reads as plain text too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from comparison.adversary import Pass
from comparison.contender import Absent, Contender
from comparison.cost import BARE, Cost
from comparison.strength import Score, Verdict


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in [list(head), rule, *map(list, lines)])


def strength(scores: Sequence[Score], clean: tuple[float, float]) -> str:
    """mIoU in float and at 8 bits, by attack and bound."""
    bounds = list(dict.fromkeys(score.eps for score in scores))
    head = ["mIoU %, float / 8 bits", *(f"{eps:g}/255" for eps in bounds), "forward, gradient"]
    lines = [["clean", *[f"{clean[0]:.2f}"] * len(bounds), ""]]
    for name in dict.fromkeys(score.attack for score in scores):
        of_attack = [score for score in scores if score.attack == name]
        used = f"{max(s.forwards for s in of_attack):.0f}, {max(s.backwards for s in of_attack):.0f}"
        lines.append([name, *(f"{s.miou_float:.2f} / {s.miou:.2f}" for s in of_attack), used])
        if any(score.within < 1 for score in of_attack):
            kept = [f"- / {s.miou_within:.2f} ({s.within:.0%})" for s in of_attack]
            lines.append([f"{name}, where within eps", *kept, ""])
    return table(head, lines)


def verdict(found: Sequence[Verdict], where: str) -> str:
    """A line per bound: does worst-case leave at most what every other library leaves?"""
    lines = []
    for one in found:
        against = "no other library took part"
        if one.theirs is not None:
            word = "yes" if one.holds else "NO"
            against = f"at or below every other library: {word} ({one.best} {one.theirs:.2f})"
        beside = "" if one.least is None else f"; best of our others: {one.ours_best} {one.least:.2f}"
        lines.append(f"{where}, {one.eps:g}/255: worst-case {one.ours:.2f}; {against}{beside}")
    return "\n".join(lines)


def cost(costs: Sequence[Cost]) -> str:
    """Time over the bare loop."""
    lines = [[one.attack, f"{one.ratio:.2f}", f"{one.low:.2f} to {one.high:.2f}"] for one in costs]
    return table(["time over forward + gradient", "median", "quartiles"], lines)


def memory(peaks: Mapping[str, float | None]) -> str:
    """Peak memory, the bare loop's first."""
    base = peaks[BARE]
    lines = []
    for name, peak in peaks.items():
        known = ["broke off", ""] if peak is None else [f"{peak:.0f}", f"{peak / base:.2f}" if base else ""]
        lines.append([name, *known])
    return table(["peak memory", "MiB", "over the bare loop's"], lines)


def adversary(passes: Sequence[Pass]) -> str:
    """DAG in its ways."""
    head = ["DAG", "seconds, best", "worst", "fooled", "forward passes", "steps", "Linf, levels", "L2"]
    lines = []
    for one in passes:
        steps = f"{min(one.iterations)} to {max(one.iterations)}" if one.iterations else ""
        figures = [f"{min(one.seconds):.1f}", f"{max(one.seconds):.1f}", f"{one.fooled:.0%}", f"{one.forwards:.0f}"]
        lines.append([one.way, *figures, steps, f"{one.linf:.1f}", f"{one.l2:.2f}"])
    return table(head, lines)


def taking_part(contenders: Sequence[Contender], absent: Sequence[Absent], versions: Mapping[str, str]) -> str:
    """Versions, notes, and who does not take part."""
    lines = [", ".join(f"{name} {version}" for name, version in versions.items())]
    lines += [f"- {one.name}: {one.note}" for one in contenders if one.note]
    lines += [f"- not run: {one.name}: {one.reason}" for one in absent]
    return "\n".join(lines)
