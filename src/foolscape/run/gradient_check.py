"""Whether a run's models have the input gradient that their attack goes by: looked at once, kept in run.json."""

from __future__ import annotations

from dataclasses import asdict

from torch import Tensor

from foolscape.errors import GradientError
from foolscape.models.checks.gradient import GradientVerdict, check_gradient, raise_unless_ok
from foolscape.models.common.bf16 import likeness
from foolscape.records.types import Object
from foolscape.run.directory.store import RunStore, run_record
from foolscape.run.listener import Listener
from foolscape.run.setup import LoadedModel
from foolscape.run.tasks.base import running_of


def check_input_gradient(
    first: Tensor, seed: int, store: RunStore, listener: Listener, entry: LoadedModel, batch: int
) -> None:
    """Refuse a model whose input gradient is wrong: it would look robust. The verdict goes into run.json.

    A verdict on the same batch that is there already stands. An attack in bfloat16 is refused where its gradient has
    another direction than the float32 one. An attack that takes no gradient needs none that is right.
    """
    if entry.plan is None or entry.plan.ascent.blind:
        return
    spec, record = entry.subject.spec, run_record(store)
    if record.gradient.get(spec, {}).get("batch") == batch:
        return
    images = first.expand(batch, -1, -1, -1).contiguous()
    verdict = _verdict(images, seed, entry, record.task)
    try:
        raise_unless_ok(verdict)
    except GradientError as error:
        raise GradientError(f"{error}. Or attack it without: --attack square") from error
    listener.say(f"{spec}: {verdict.message}")
    fields: Object = asdict(verdict)
    if entry.plan.ascent.bf16:
        cosine = fields["bf16_cosine"] = entry.known.of(("bf16", batch), lambda: likeness(entry.scorer, images))
        agreement = "not finite" if cosine is None else f"cosine {cosine:.3f} with the one in float32"
        listener.say(f"{spec}: input gradient in bfloat16: {agreement}")
    store.keep(gradient={**record.gradient, spec: fields})


def is_right_alone(first: Tensor, seed: int, store: RunStore, entry: LoadedModel, batch: int) -> bool:
    """Whether images may be attacked one by one in a run whose gradient was found right with a batch of `batch`.

    Not in bfloat16, whose gradient alone is not looked at. Arguments as of `check_input_gradient`.
    """
    if batch == 1 or entry.plan is None or entry.plan.ascent.blind:
        return True
    return not entry.plan.ascent.bf16 and _verdict(first, seed, entry, run_record(store).task).ok


def _verdict(images: Tensor, seed: int, entry: LoadedModel, task: str) -> GradientVerdict:
    """On the gradient with this batch of images."""
    clamps = running_of(task).clamps
    verdict: GradientVerdict = entry.known.of(
        ("gradient", seed, len(images)), lambda: check_gradient(entry.scorer, images, seed=seed, clamps=clamps)
    )
    return verdict
