"""foolscape: how easily can a dense-prediction model be fooled, and where does it break?"""

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.ascent import Ascent, AtMost, never
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.plan import Plan
from foolscape.errors import FoolscapeError
from foolscape.pixels import Levels, to_image, to_unit
from foolscape.problem import IGNORE, Problem
from foolscape.seeds import generator_for
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.segmentation import problem as segmentation_problem

__all__ = [
    "IGNORE",
    "Ascent",
    "AtMost",
    "AttackItem",
    "FoolscapeError",
    "Levels",
    "Outcome",
    "Plan",
    "Problem",
    "Segmenter",
    "ascend",
    "generator_for",
    "never",
    "plan",
    "segmentation_problem",
    "to_image",
    "to_unit",
]
