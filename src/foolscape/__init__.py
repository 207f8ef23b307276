"""foolscape: how easily can a dense-prediction model be fooled, and where does it break?

Every public name is imported when it is first asked for, so that `import foolscape` costs nothing and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from foolscape.attacks.catalog import plan as plan
    from foolscape.attacks.engine.ascent import Ascent as Ascent
    from foolscape.attacks.engine.ascent import AtMost as AtMost
    from foolscape.attacks.engine.ascent import never as never
    from foolscape.attacks.engine.batch import AttackItem as AttackItem
    from foolscape.attacks.engine.driver import Outcome as Outcome
    from foolscape.attacks.engine.driver import ascend as ascend
    from foolscape.attacks.plan import Plan as Plan
    from foolscape.errors import FoolscapeError as FoolscapeError
    from foolscape.pixels import Levels as Levels
    from foolscape.pixels import to_image as to_image
    from foolscape.pixels import to_unit as to_unit
    from foolscape.problem import IGNORE as IGNORE
    from foolscape.problem import Problem as Problem
    from foolscape.seeds import generator_for as generator_for
    from foolscape.tasks.segmentation import Segmenter as Segmenter
    from foolscape.tasks.segmentation import problem as _problem

    segmentation_problem = _problem  # an import under another name is no public one
    __version__: str

_PUBLIC: Final = {
    "IGNORE": "problem",
    "Ascent": "attacks.engine.ascent",
    "AtMost": "attacks.engine.ascent",
    "AttackItem": "attacks.engine.batch",
    "FoolscapeError": "errors",
    "Levels": "pixels",
    "Outcome": "attacks.engine.driver",
    "Plan": "attacks.plan",
    "Problem": "problem",
    "Segmenter": "tasks.segmentation",
    "ascend": "attacks.engine.driver",
    "generator_for": "seeds",
    "never": "attacks.engine.ascent",
    "plan": "attacks.catalog",
    "segmentation_problem": "tasks.segmentation:problem",
    "to_image": "pixels",
    "to_unit": "pixels",
}
"""Every public name, and the module of foolscape that it comes from; `module:name` where that calls it otherwise."""

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> object:
    """A public name, from the module that it comes from; see PEP 562."""
    if name == "__version__":
        from importlib.metadata import version

        found: object = version("foolscape")
    elif name in _PUBLIC:
        module, _, inner = _PUBLIC[name].partition(":")
        found = getattr(import_module(f"foolscape.{module}"), inner or name)
    else:
        raise AttributeError(f"module 'foolscape' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, imported or not, beside what every module has."""
    return sorted({*globals(), *__all__, "__version__"})
