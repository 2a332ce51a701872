"""Public JavaScript clients and suites, installed for a test outside the checkout."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder to its end."""
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )


def install(source: Path, folder: Path) -> Path:
    """Copy the files of `source` to `folder` and install its packages there; the folder.

    Skips the test where npm is not installed, or its registry cannot be reached.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is not installed: the public {source.name} need it")
    for path in source.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    installed = run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    if any(code in installed.stderr for code in UNREACHABLE):
        pytest.skip(f"the npm registry cannot be reached: the public {source.name} need it")
    assert installed.returncode == 0, installed.stderr
    return folder
