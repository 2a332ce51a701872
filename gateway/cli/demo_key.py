"""The API key of the demo: made at its first run, kept beside the engines' data, told at the start.

Its bearer may write and see everything in a demo that listens on loopback alone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE = "api.key"
SUBJECT = "demo"
ROLES = "editor admin"


def use_key(folder: Path) -> str:
    """The key of the demo in `folder`, which the settings of this process know from now on."""
    path = folder / FILE
    try:
        key = path.read_text("ascii").strip()
    except FileNotFoundError:
        key = f"plait_{secrets.token_urlsafe(32)}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - by descriptor, so that the file never was readable by others
            file.write(f"{key}\n")
    os.environ |= {
        "PLAIT_API_KEY_DEMO_HASH": hashlib.sha256(key.encode()).hexdigest(),
        "PLAIT_API_KEY_DEMO_SUBJECT": SUBJECT,
        "PLAIT_API_KEY_DEMO_ROLES": ROLES,
    }
    return key
