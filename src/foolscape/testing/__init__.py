"""Contract checks for the models and data sets that users bring: what foolscape relies on, tried one by one."""

from foolscape.testing.data import check_data
from foolscape.testing.detector import check_detector
from foolscape.testing.segmenter import check_segmenter
from foolscape.testing.tracker import check_tracker
from foolscape.testing.verdicts import Check, ContractReport

__all__ = ["Check", "ContractReport", "check_data", "check_detector", "check_segmenter", "check_tracker"]
