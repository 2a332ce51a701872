"""From a selection to a plan. Pure: no I/O, and no vendor by name."""
