"""What goes wrong in PostgreSQL or on the way to it, as the errors of the gateway.

Messages are fit for a client: no SQL, no values, no names of hosts or roles; at most the SQLSTATE
in the details. The driver's own exception stays behind as `__cause__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

from gateway.errors import (
    Code,
    ConfigurationError,
    PlaitError,
    SourceDataError,
    SourceError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.postgres.reads.gaps import CROWDED

if TYPE_CHECKING:
    from gateway.sources.postgres.connections.connect import Connection

_DATA = "The database could not compute with these values."
_LONG = "A text is longer than its column allows."
_BEYOND = "A number is beyond the range of its column."
_STORED = (
    "The database holds a value that the API cannot show, such as an enum's label that it lacks."
)
_UNFIT = '"unfit '
"""In what PostgreSQL says of a cast that `gateway.sources.postgres.reads.scalars` has fail."""
_CROWDED = (
    "`fill` makes more groups than a list may have; narrow it by `from` and `to` or by `where`, or "
    "truncate to a longer unit."
)
LATE = "The database did not answer in time."
GONE = "The database cannot be reached."
_FULL = "The database is at its limits; try again later."
_BARRED = "The database does not allow this."
_REFUSED = "The database refused the request."

_BY_STATE: dict[str, tuple[type[SourceError], str]] = {
    "57014": (SourceTimeout, LATE),  # query_canceled: by us, or by statement_timeout
    "57P": (SourceUnavailable, GONE),  # shutting down, crashed, starting up, dropped
    "08": (SourceUnavailable, GONE),  # connection exceptions
    "28": (SourceUnavailable, GONE),  # the login is refused: nothing a client could mend
    "40": (SourceUnavailable, GONE),  # rolled back: deadlock, recovery conflict of a standby
    "53": (SourceOverloaded, _FULL),  # too many connections, out of memory or disk
    "21": (SourceDataError, _DATA),  # a subselect met more rows than one
    "22001": (SourceDataError, _LONG),
    "22003": (SourceDataError, _BEYOND),
    "22": (SourceDataError, _DATA),
}
"""By SQLSTATE or the head of one: five characters, then three, then two."""

_MISCONFIGURED = ("28", "3D", "3F", "42704", "22023")
"""SQLSTATEs (or heads) of a failed login that only another setting can mend."""
_WRONG_SETTING = {
    "28": "PostgreSQL refuses the login: check user and password.",
    "3D": "PostgreSQL has no database of the name that is set.",
}


def fault(error: Exception) -> SourceError:
    """What a failed statement means to the gateway. A `SourceError` is given back as it is."""
    if isinstance(error, SourceError):
        return error
    if isinstance(error, asyncpg.PostgresError):
        return _of_state(error.sqlstate or "", str(error))
    if isinstance(error, TimeoutError):  # before OSError, of which it is one
        return SourceTimeout(LATE)
    if isinstance(error, asyncpg.DataError):  # the driver could not encode an argument
        return SourceDataError(_DATA)
    if isinstance(error, OSError):
        return SourceUnavailable(GONE)
    return SourceRefused(_REFUSED)


def fault_on(error: Exception, connection: Connection) -> SourceError:
    """The same, given what has become of its connection."""
    found = fault(error)
    if connection.is_closed() and not isinstance(found, SourceTimeout):
        return SourceUnavailable(GONE, extensions=found.details)
    return found


def connect_fault(error: Exception) -> PlaitError:
    """What a failed connect at start-up means: `ConfigurationError` where only settings help."""
    state = error.sqlstate or "" if isinstance(error, asyncpg.PostgresError) else ""
    if state.startswith(_MISCONFIGURED) or isinstance(error, asyncpg.ClientConfigurationError):
        return ConfigurationError(
            _WRONG_SETTING.get(
                state[:2],
                "PostgreSQL refuses the connection: check address, database, user and password.",
            ),
            extensions={"sqlstate": state} if state else None,
        )
    found = fault(error)
    return found if isinstance(found, SourceOverloaded) else SourceUnavailable(GONE)


def _of_state(state: str, said: str) -> SourceError:
    details = {"sqlstate": state}
    if state == "42501":  # insufficient_privilege
        return SourceRefused(_BARRED, code=Code.FORBIDDEN, extensions=details)
    for length in (5, 3, 2):
        known = _BY_STATE.get(state[:length])
        if known is not None:
            kind, message = known
            if message is _DATA and _UNFIT in said:
                message = _STORED
            if f'"{CROWDED}' in said:
                return SourceRefused(_CROWDED, code=Code.BAD_USER_INPUT, extensions=details)
            return kind(message, extensions=details)
    return SourceRefused(_REFUSED, extensions=details)
