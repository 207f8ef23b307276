"""The networks of a run compiled by torch.compile, tried on its first image."""

from __future__ import annotations

from dataclasses import replace

from foolscape.memory import halving
from foolscape.models.common.compiled import compile_networks
from foolscape.run.batch_size import trial
from foolscape.run.checks.firsts import first_usable
from foolscape.run.setup import LoadedModel, Setup


def compiled(setup: Setup, batch: int) -> Setup:
    """The setup with its networks compiled, where that goes well; the notes of the models say whether it did."""

    def one(entry: LoadedModel) -> LoadedModel:
        attack = trial(entry, setup.ids)

        def attempt() -> None:
            first_usable(setup.data, setup.ids, entry.subject.load)
            if attack is not None:  # a batch that memory does not hold is halved in the run, too
                halving(attack, batch, lambda *_: None)

        return replace(entry, notes=(*entry.notes, compile_networks(entry.scorer, attempt)))

    return replace(setup, entries=tuple(one(entry) for entry in setup.entries))
