"""How many examples property tests run: few by default, many with `PLAIT_TEST_DEPTH=20`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

DEPTH = int(os.environ.get("PLAIT_TEST_DEPTH", "1"))


def examples(number: int) -> settings:
    """`number` examples, times the depth; without a deadline, for the machine is shared."""
    return settings(
        max_examples=number * DEPTH,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
