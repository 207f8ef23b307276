"""A network of transformers with its image processor: from the Hugging Face hub or a folder, whatever its task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from foolscape.errors import CheckpointError, ModelError, SettingError, unknown
from foolscape.models.common.class_map import ClassNames, shortly
from foolscape.models.common.huggingface import hub, kind_of_place, quiet
from foolscape.models.common.saved import check_quantised, portable, tell_saved

TRUST: Final = "remote-code"
"""What ?trust= says of a model whose own code is to be run."""


@dataclass(frozen=True)
class Place:
    """Where a network of transformers comes from.

    Attributes:
        name: an identifier of the hub, or a folder.
        weights: None: those that come with it; "none": random ones from seed 0, for which its configuration suffices.
        revision: of the hub: a branch, a tag or a commit; None: its newest.
        trusted: whether Python code that comes with it may be run.
    """

    name: str
    weights: str | None = None
    revision: str | None = None
    trusted: bool = False

    def config(self, what: str = "a network") -> Any:
        """Its configuration; `what` it is expected to be is said where there is none.

        Raises:
            ModelError: transformers is not installed, there is none, or it needs code of its own that is not trusted.
            CheckpointError: its weights are quantised.
        """
        config = self._read("AutoConfig", what)
        check_quantised(config, self.name)
        return config

    def processor(self) -> Any:
        """Its image processor; raises as `config`."""
        return self._read("AutoImageProcessor", "an image processor")

    def whole_processor(self) -> Any:
        """Its processor of images and words; raises as `config`."""
        return self._read("AutoProcessor", "a processor of images and words")

    def network(self, auto: str, config: Any, what: str) -> nn.Module:
        """The network of its `config`, by the class `auto` of transformers, in float32.

        That may be one of its `AutoModel..`, or the class of one family.

        Raises:
            CheckpointError: the weights are not those of the whole network.
            ModelError: it cannot be loaded as `what`.
        """
        library = hub()
        attention = portable(config)
        try:
            kind = getattr(library, auto)
            if self.weights == "none":
                return self._drawn(kind, config)
            # Sizes that do not match are ignored there, as they are refused by name below.
            more = {"output_loading_info": True, "ignore_mismatched_sizes": True, **self._source()}
            with quiet():
                module, info = kind.from_pretrained(self.name, config=config, dtype=torch.float32, **more)
        except Exception as error:  # transformers raises OSError, ValueError, ImportError and more
            raise self._error(what, error) from error
        self._check_complete(module, info)
        tell_saved(module, self.name, attention, self.revision)
        loaded: nn.Module = module
        return loaded

    def _drawn(self, kind: Any, config: Any) -> nn.Module:
        """A network with random weights from seed 0."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made: nn.Module = (
                kind.from_config(config, trust_remote_code=self.trusted)
                if hasattr(kind, "from_config")
                else kind(config)
            )
        return made

    def notes(self, config: Any) -> tuple[str, ...]:
        """What a table is to say of where it comes from."""
        commit = getattr(config, "_commit_hash", None)
        random = ("random weights, seed 0",) if self.weights == "none" else ()
        code = (f"Python code that comes with {self.name} was run, as ?trust={TRUST} asks",) if self.trusted else ()
        return (*random, *((f"revision {commit}",) if commit else ()), *code)

    def _read(self, auto: str, what: str) -> Any:
        library = hub()
        try:
            return getattr(library, auto).from_pretrained(self.name, **self._source())
        except Exception as error:  # transformers raises OSError, ValueError, ImportError and more
            raise self._error(what, error) from error

    def _source(self) -> dict[str, Any]:
        source: dict[str, Any] = {"trust_remote_code": self.trusted}
        return source if self.revision is None else {**source, "revision": self.revision}

    def _error(self, what: str, error: Exception) -> ModelError:
        kind = kind_of_place(self.name)
        if "trust_remote_code" in str(error):
            return ModelError(
                f"expected {kind} with {what} that transformers knows at {self.name}, got one that brings Python "
                f"code of its own; read that code, and add ?trust={TRUST} to run it"
            )
        first = (str(error).strip().splitlines() or [""])[0]
        return ModelError(
            f"expected {kind} with {what} and its image processor (config.json, preprocessor_config.json, "
            f"model.safetensors) at {self.name}, got {type(error).__name__}: {first}"
        )

    def _check_complete(self, module: nn.Module, info: Any) -> None:
        mismatched = {key: (tuple(there), tuple(here)) for key, there, here in info["mismatched_keys"]}
        lost = sorted([*info["missing_keys"], *mismatched])
        if lost:
            key = min(mismatched, default=None)
            shapes = "" if key is None else f", for {key} is {mismatched[key][0]} there, not {mismatched[key][1]}"
            raise CheckpointError(
                f"expected all weights of {type(module).__name__} in {self.name}, got none for {len(lost)} "
                f"({', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''}){shapes}; these weights are another "
                "network's, or config.json says another number of classes (id2label)"
            )


def remember(network: Any, processor: Any) -> None:
    """Keep the settings of its image `processor` with the `network`, as a text, which is part of a model's identity."""
    network.image_processor_settings = processor.to_json_string()


def place_of(name: str, weights: str | None, revision: str | None = None, trust: str | None = None) -> Place:
    """Where the options of a spec say that a network comes from.

    Raises:
        UnknownNameError: there are no such `weights`.
        SettingError: something else is to be trusted.
    """
    if weights not in (None, "none"):
        raise unknown(f"weights of transformers:{name} (a folder holds its own)", str(weights), ["none"])
    if trust not in (None, TRUST):
        raise SettingError(f"trust: expected {TRUST}, got {trust!r}")
    return Place(name, weights, revision, trust is not None)


def own_names(config: Any, names: ClassNames) -> ClassNames:
    """`names`, with the network's own: those of the channels in its `config`, in their order.

    Raises:
        ModelError: the configuration names none, and nothing else does but the data, whose order may be another.
    """
    labels: dict[int, str] = config.id2label
    own = tuple(labels[i] for i in sorted(labels))
    if is_unnamed(own):
        if names.option is None and names.file is None:
            raise ModelError(
                f"expected class names in the network's config.json (id2label), got {shortly(own)}; give the "
                f"{len(own)} names of its channels with ?classes=FILE, one per line"
            )
        return names
    return ClassNames(names.option, own, names.file, names.data)


def is_unnamed(labels: tuple[str, ...]) -> bool:
    """Whether `labels` are what transformers writes where nobody gave names."""
    return labels == tuple(f"LABEL_{i}" for i in range(len(labels)))
