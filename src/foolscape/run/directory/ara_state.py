"""What an attack learns from image to image, kept in the run's directory so that a killed run goes on as if it had not
been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from safetensors.torch import load_file, save
from torch import Tensor

from foolscape.disk import in_words, remove_file, sync_folder
from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.records.places import Kind, place_of
from foolscape.records.row import Line
from foolscape.records.types import Files
from foolscape.run.directory.store import RunStore


class StoredNetwork:
    """Two tensors per model and bound, after the last image that was settled; an `attacks.zoo.ara_released.Keeper`.

    What was learnt from an image is written before its rows are, which name it. After a kill between the two, the image
    is attacked again, from what was there before it: so one older state is kept. `bound` is that of the attack where
    there are several, each of which learns by itself.
    """

    def __init__(self, store: RunStore, model: str, slug: str, bound: str | None = None) -> None:
        self._store, self._model, self._slug = store, model, slug
        self._condition = CLEAN if bound is None else ADVERSARIAL.at(bound)
        self._last: str | None = None
        self._saved: dict[str, Files] = {}

    def load(self) -> tuple[Tensor, Tensor] | None:
        """Of the image that was settled last; None if none was. The store has seen that the file is as it was."""
        for row in (lines[0] for lines in self._store.rows.newest(self._model)):
            if self._place(row.id) in row.learnt:
                self._last = self._place(row.id)
                tensors = load_file(self._store.directory / self._last)
                return tensors["weights"], tensors["memory"]
        return None

    def save(self, key: str, network: tuple[Tensor, Tensor]) -> None:
        """What was learnt up to and from the image `key`; the state before the last is dropped."""
        weights, memory = network
        place = self._place(key)
        content = save({"weights": weights, "memory": memory})
        self._saved = {key: {place: self._store.save_bytes(place, content)}}
        directory = self._store.directory
        current = {directory / one for one in (place, self._last) if one is not None}
        folder = directory / PurePath(place).parent
        for path in folder.glob("*.safetensors"):
            if path not in current:
                remove_file(path)
        with in_words(directory):
            sync_folder(folder)  # else a power cut would bring back what was removed
        self._last = place

    def named_in(self, key: str, rows: Sequence[Line]) -> list[Line]:
        """The rows of the image `key`, of which the first names what was learnt from it, if anything was."""
        first, *others = rows
        return [replace(first, learnt=self._saved.get(key, {})), *others]

    def _place(self, name: str) -> str:
        return place_of(Kind.LEARNT, name, self._slug, self._condition)


class Untouched:
    """A `Keeper` for an attack beside the run's own: begins with what was learnt, and leaves it as it is."""

    def __init__(self, stored: StoredNetwork) -> None:
        self._now = stored.load()

    def load(self) -> tuple[Tensor, Tensor] | None:
        """What the image before left behind; None at the first of a run that has learnt nothing."""
        return self._now

    def save(self, key: str, network: tuple[Tensor, Tensor]) -> None:
        """Keep what was learnt from the image `key` for the next one alone."""
        del key
        self._now = network
