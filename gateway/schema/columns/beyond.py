"""Times that SQL knows and Python has no value for: infinite, before the year 1, after 9999."""

from __future__ import annotations

import datetime as dt
import enum
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_DISTANT = re.compile(r"(?=[0-9]{5}|.* BC)(?P<year>[0-9]{4,7})(?P<rest>-.+?)(?P<bc> BC)?")


class Endless(enum.Enum):
    """A time or duration before or after all others, for which Python has no value."""

    PAST = "-infinity"
    FUTURE = "infinity"


ENDLESS = {end.value: end for end in Endless}
"""As SQL writes them."""


def or_distant(bind: Callable[[Any, str], Any], unit: dt.timedelta) -> Callable[[Any, str], Any]:
    """As `bind`, and where SQL wrote a day that Python has no name for.

    Such a day is a number in a tuple: the `unit`s since the beginning of 2000. The calendar repeats
    itself every 400 years.
    """
    cycle = dt.timedelta(days=146_097) // unit

    def parse(text: Any, name: str) -> Any:
        far = _DISTANT.fullmatch(text)
        if far is None:
            return bind(text, name)
        year = 1 - int(far["year"]) if far["bc"] else int(far["year"])
        cycles, into = divmod(year - 2000, 400)
        since = bind(f"{2000 + into}{far['rest']}", name) - bind("2000-01-01", name)
        return (since // unit + cycles * cycle,)

    return parse
