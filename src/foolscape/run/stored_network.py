"""What an attack learns from image to image, kept in the run's directory so that a killed run goes on as if it had not
been."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save
from torch import Tensor

from foolscape.run.store import RunStore, safe_name


class StoredNetwork:
    """Two tensors per model, those after the last image that was settled; an `attacks.ara_released.Keeper`.

    What was learnt from an image is written before its rows are. After a kill between the two, the image is attacked
    again, from what was there before it: so one older state is kept.
    """

    def __init__(self, store: RunStore, model: str, slug: str) -> None:
        self._store, self._model = store, model
        self._folder = Path("learnt") / slug
        self._last: str | None = None

    def load(self) -> tuple[Tensor, Tensor] | None:
        """Of the image that was settled last; None if none was."""
        settled = [row["id"] for row in self._store.rows if row["model"] == self._model]
        for key in reversed(settled):
            path = self._path(key)
            if path.exists():
                tensors = load_file(path)
                self._last = key
                return tensors["weights"], tensors["memory"]
        return None

    def save(self, key: str, network: tuple[Tensor, Tensor]) -> None:
        """What was learnt up to and from the image `key`; the state before the last is dropped."""
        weights, memory = network
        self._store.save_bytes(str(self._place(key)), save({"weights": weights, "memory": memory}))
        kept = {self._path(key), *([] if self._last is None else [self._path(self._last)])}
        for path in (self._store.directory / self._folder).glob("*.safetensors"):
            if path not in kept:
                path.unlink()
        self._last = key

    def _place(self, key: str) -> Path:
        return self._folder / f"{safe_name(key)}.safetensors"

    def _path(self, key: str) -> Path:
        return self._store.directory / self._place(key)


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
