"""From rows to scores and the summary."""
