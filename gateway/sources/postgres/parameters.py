"""Parameters in compiled SQL: `$1`, `$2`, and so on, and other numbers for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PARAMETER = re.compile(r"""\"(?:[^"]|"")*"|'(?:[^']|'')*'|(?<![\w$])\$(\d+)""")
"""A parameter as `$1`; quoted text, and names such as `cost$1`, are met but not taken for one.

Enough for what SQLAlchemy writes: no dollar quotes, no comments, no backslash before a quote.
"""


def renumbered(sql: str, place: Callable[[int], int]) -> str:
    """The same SQL, each parameter's number given by `place` of the one it had."""
    return _PARAMETER.sub(lambda found: f"${place(int(found[1]))}" if found[1] else found[0], sql)
