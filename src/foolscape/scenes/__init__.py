"""A street drawn by lot: pictures with exact labels, as many as wanted, and nothing to download."""

from .layout import describe
from .painting import render
from .street import CLASSES, COLOURS, Frame, Street

__all__ = ["CLASSES", "COLOURS", "Frame", "Street", "describe", "render"]
