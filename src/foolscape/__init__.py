"""foolscape: how easily can a dense-prediction model be fooled, and where does it break?

Every public name is imported when it is first asked for, so that `import foolscape` costs nothing and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from foolscape.api.attack import attack as attack
    from foolscape.api.checking import CheckReport as CheckReport
    from foolscape.api.checking import check as check
    from foolscape.api.data import Dataset as Dataset
    from foolscape.api.data import Sample as Sample
    from foolscape.api.data import load_data as load_data
    from foolscape.api.evaluate import evaluate as evaluate
    from foolscape.api.finding import Finding as Finding
    from foolscape.api.merging import merge as merge
    from foolscape.api.model import Model as Model
    from foolscape.api.model import load_model as load_model
    from foolscape.api.planning import plan as plan
    from foolscape.api.report import Report as Report
    from foolscape.api.result import Result as Result
    from foolscape.api.rows import ImageRow as ImageRow
    from foolscape.api.stream import evaluate_stream as evaluate_stream
    from foolscape.api.sweeping import Sweep as Sweep
    from foolscape.api.sweeping import sweep as sweep
    from foolscape.api.written import load_run as load_run
    from foolscape.attacks.catalog import register as register  # where our own names are taken
    from foolscape.attacks.engine.ascent import Ascent as Ascent
    from foolscape.attacks.engine.ascent import AtMost as AtMost
    from foolscape.attacks.engine.ascent import never as never
    from foolscape.attacks.engine.batch import AttackItem as AttackItem
    from foolscape.attacks.engine.driver import Outcome as Outcome
    from foolscape.attacks.engine.driver import ascend as ascend
    from foolscape.attacks.parts.constraints import L2 as L2
    from foolscape.attacks.parts.constraints import Linf as Linf
    from foolscape.attacks.parts.objectives import ObjectiveValue as ObjectiveValue
    from foolscape.attacks.parts.objectives import cross_entropy as cross_entropy
    from foolscape.attacks.parts.updates import Sign as Sign
    from foolscape.attacks.plan import Plan as Plan
    from foolscape.attacks.registry import Recipe as Recipe
    from foolscape.attacks.typed import alma_prox as alma_prox
    from foolscape.attacks.typed import annealed as annealed
    from foolscape.attacks.typed import apgd as apgd
    from foolscape.attacks.typed import ara as ara
    from foolscape.attacks.typed import dag as dag
    from foolscape.attacks.typed import dag_min as dag_min
    from foolscape.attacks.typed import fgsm as fgsm
    from foolscape.attacks.typed import mi_fgsm as mi_fgsm
    from foolscape.attacks.typed import pgd as pgd
    from foolscape.attacks.typed import pgd_min as pgd_min
    from foolscape.attacks.typed import segpgd as segpgd
    from foolscape.attacks.typed import square as square
    from foolscape.attacks.typed import square_labels as square_labels
    from foolscape.attacks.typed import worst_case as worst_case
    from foolscape.errors import FoolscapeError as FoolscapeError
    from foolscape.pixels import Levels as Levels
    from foolscape.pixels import levels as levels
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
    "Ascent": "attacks.engine.ascent",
    "AtMost": "attacks.engine.ascent",
    "AttackItem": "attacks.engine.batch",
    "CheckReport": "api.checking",
    "Dataset": "api.data",
    "Finding": "api.finding",
    "FoolscapeError": "errors",
    "IGNORE": "problem",
    "ImageRow": "api.rows",
    "L2": "attacks.parts.constraints",
    "Levels": "pixels",
    "Linf": "attacks.parts.constraints",
    "Model": "api.model",
    "ObjectiveValue": "attacks.parts.objectives",
    "Outcome": "attacks.engine.driver",
    "Plan": "attacks.plan",
    "Problem": "problem",
    "Recipe": "attacks.registry",
    "Report": "api.report",
    "Result": "api.result",
    "Sample": "api.data",
    "Segmenter": "tasks.segmentation",
    "Sign": "attacks.parts.updates",
    "Sweep": "api.sweeping",
    "alma_prox": "attacks.zoo.alma",
    "annealed": "attacks.zoo.annealed",
    "apgd": "attacks.zoo.apgd",
    "ara": "attacks.zoo.ara",
    "ascend": "attacks.engine.driver",
    "attack": "api.attack",
    "check": "api.checking",
    "cross_entropy": "attacks.parts.objectives",
    "dag": "attacks.zoo.dag",
    "dag_min": "attacks.zoo.dag_min",
    "evaluate": "api.evaluate",
    "evaluate_stream": "api.stream",
    "fgsm": "attacks.zoo.fgsm",
    "generator_for": "seeds",
    "levels": "pixels",
    "load_data": "api.data",
    "load_model": "api.model",
    "load_run": "api.written",
    "merge": "api.merging",
    "mi_fgsm": "attacks.zoo.mi_fgsm",
    "never": "attacks.engine.ascent",
    "pgd": "attacks.zoo.pgd",
    "pgd_min": "attacks.zoo.pgd_min",
    "plan": "api.planning",
    "register": "attacks.catalog",
    "segmentation_problem": "tasks.segmentation:problem",
    "segpgd": "attacks.zoo.segpgd",
    "square": "attacks.zoo.square",
    "square_labels": "attacks.zoo.square_labels",
    "sweep": "api.sweeping",
    "to_image": "pixels",
    "to_unit": "pixels",
    "worst_case": "attacks.zoo.worst_case",
}
"""Every public name, and the module of foolscape that it comes from; `module:name` where that calls it otherwise."""

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> object:
    """A public name, from the module that it comes from; see PEP 562."""
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("foolscape")
    elif name in _PUBLIC:
        module, _, inner = _PUBLIC[name].partition(":")
        value = getattr(import_module(f"foolscape.{module}"), inner or name)
    else:
        raise AttributeError(f"module 'foolscape' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, imported or not, beside what every module has."""
    return sorted({*globals(), *__all__, "__version__"})
