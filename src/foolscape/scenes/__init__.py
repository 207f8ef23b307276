"""A street drawn by lot: pictures with exact labels, as many as wanted, and nothing to download."""

from .layout import describe
from .painting import render
from .street import CLASSES, COLOURS, SceneFrame, Street

__all__ = ["CLASSES", "COLOURS", "SceneFrame", "Street", "describe", "render"]
