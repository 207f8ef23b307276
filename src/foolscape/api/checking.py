"""`foolscape.check`: what `foolscape check` does, as an object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foolscape.api.data import AnyData, size_text, sized
from foolscape.api.evaluate import config_of
from foolscape.api.finding import Finding
from foolscape.api.given import check_ids, check_texts, check_whole
from foolscape.api.model import AnyModel, Model, models_of
from foolscape.api.showing import notebook
from foolscape.api.subjects import subjects_of
from foolscape.api.wording import in_its_words
from foolscape.attacks.names import NONE
from foolscape.errors import SettingError
from foolscape.pixels import to_unit
from foolscape.report.tables.table import Cell, Table
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.words import in_python
from foolscape.run.setup import open_setup
from foolscape.run.wiring.check import examine
from foolscape.run.wiring.reasons import wiring_reasons
from foolscape.testing.command import check_made
from foolscape.testing.verdicts import ContractReport as Contract
from foolscape.verdict import ANSWERS, Reason

SIZE = (160, 256)
"""(H, W) at which a model is tried where nothing says another."""


@dataclass(frozen=True, repr=False)
class CheckReport:
    """What was found of a model.

    Attributes:
        model: its spec.
        findings: one for each thing that was tried.
    """

    model: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; hints cannot."""
        return all(one.ok is not False for one in self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        """A line for each finding."""
        return "\n".join(map(str, self.findings))

    def __repr__(self) -> str:
        failed = [one.id for one in self.findings if one.ok is False]
        result = "ok" if self.ok else f"failed: {', '.join(failed)}"
        return f"<CheckReport of {self.model}: {result}, {len(self)} checks>"

    def _repr_html_(self) -> str:
        """For a notebook: a table of what was found."""
        rows = tuple(
            (Cell(one.check), Cell(ANSWERS[one.ok]), Cell(one.seen, (one.advice,) if one.advice else ()))
            for one in self.findings
        )
        table = Table("check", "What was tried", (Cell("check"), Cell("holds"), Cell("what was seen")), rows, texts=3)
        return notebook(f"{self.model}: {'ok' if self.ok else 'not ok'}", tables=[table])


@in_its_words
def check(
    model: AnyModel,
    data: AnyData | None = None,
    *,
    task: str | None = None,
    split: str | None = None,
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    sample: int | None = None,
    size: tuple[int, int] | str | None = None,
    class_map: str | Path | None = None,
    eval_classes: Sequence[str] | None = None,
    batch_size: int = 2,
    seed: int = 0,
    device: str = "auto",
) -> CheckReport:
    """Try whether a model keeps its side of the contract, above all that its input gradient is right.

    Args:
        model: as of `evaluate`, one.
        data: images, with labels or without, as of `evaluate`: the model is tried at their size, and on up to 16 of
            them it is also checked that its clean predictions are right; None: random images alone.
        task: segmentation, detection or video, where model and data do not tell.
        split, ids, limit, sample: which images of a spec, as of `evaluate`.
        size: (height, width) or "384x512"; None: that of the images, else 160 x 256.
        class_map, eval_classes: as of `evaluate`; clean predictions are judged over these classes.
        batch_size: of the images in the checks of the gradient.
        seed: of the `sample`.
        device: as PyTorch names it, or auto.

    Raises:
        FoolscapeError: model or data cannot be opened. What is wrong with the model is a finding.
    """
    torch_device, batch = ready_device(device), check_whole("batch_size", batch_size, 1)
    if isinstance(model, list | tuple):
        raise SettingError(f"model: expected one, got a {type(model).__name__}; check each by itself")
    if data is None:
        (opened,) = models_of(model, None, task)
        return _report(opened, check_made(opened.made, size=sized(size) or SIZE, batch=batch, device=torch_device))
    subjects = subjects_of(model, data, task, device)
    (opened,) = subjects.models.values()
    settings = {
        "split": split,
        "ids": check_ids(ids),
        "limit": limit,
        "sample": sample,
        "size": size_text(size),
        "class_map": None if class_map is None else str(class_map),
        "eval_classes": check_texts("eval_classes", eval_classes),
        "seed": seed,
        "device": device,
    }
    config = config_of(subjects, NONE, settings)
    with subjects.offered():
        setup = open_setup(config, torch_device)
        first = to_unit(setup.first)
        resolution = (first.shape[2], first.shape[3])
        contract = check_made(opened.made, size=resolution, batch=batch, device=torch_device)
        reasons = wiring_reasons(examine(setup.entries[0].subject, setup.ids, config.seed, config.eval_classes))
    return _report(opened, contract, reasons, live=subjects.held is not None)


def _report(model: Model, contract: Contract, reasons: tuple[Reason, ...] = (), *, live: bool = False) -> CheckReport:
    of_contract = [Finding(id=c.id, check=c.name, ok=c.passed, seen=c.seen, advice=c.advice) for c in contract.checks]
    on_data = [Finding(id=r.id, check=r.check, ok=r.ok, seen=r.seen, advice=r.advice) for r in reasons]
    findings = (replace(one, advice=in_python(one.advice, live=live)) for one in (*of_contract, *on_data))
    return CheckReport(model.spec, tuple(findings))
