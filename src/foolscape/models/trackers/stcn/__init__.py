"""STCN, as a tracker."""
