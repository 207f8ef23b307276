"""Label propagation over features, as a tracker."""
