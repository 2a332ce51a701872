"""What this process takes of memory, now and at most."""

from __future__ import annotations

from pathlib import Path


def resident(line: str) -> int:
    """The process's memory in bytes: `VmRSS` now, `VmHWM` at most since `forget`."""
    for one in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if one.startswith(line):
            return int(one.split()[1]) << 10
    raise AssertionError(line)


def forget() -> None:
    """Begin the highest mark anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
