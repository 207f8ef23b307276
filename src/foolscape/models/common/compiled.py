"""`torch.compile` for the networks of a model, and a way back where it fails."""

from __future__ import annotations

from collections.abc import Callable

from foolscape.memory import is_short
from foolscape.models.common.guard import in_words, raised
from foolscape.models.common.wrappers import modules_of


def compile_networks(model: object, attempt: Callable[[], object]) -> str:
    """Compile the forward pass of every network in `model` with torch.compile, in place, and try it.

    Each shape of images is compiled on its own: code for sizes in general would be made when the second size comes,
    and which one that is differs between a run and its continuation.

    Args:
        model: a network, or what has networks among its attributes.
        attempt: calls the model as it will be called; compilers come into play only then.

    Returns:
        What came of it, for the notes. Where it failed the networks are as they were.
    """
    modules = modules_of(model)
    if not modules:
        return "no network was found in it for torch.compile"
    for module in modules:
        module.compile(dynamic=False)
    try:
        attempt()
    except Exception as error:  # compilers raise anything
        if is_short(error):
            raise
        for module in modules:
            module._compiled_call_impl = None
        return f"runs as it is, for torch.compile failed with {in_words(raised(error))}"
    return "its forward pass is made by torch.compile"


def is_compiled(model: object) -> bool:
    """Whether the forward pass of a network in `model` is compiled: every new shape then costs a compilation."""
    return any(module._compiled_call_impl is not None for module in modules_of(model))
