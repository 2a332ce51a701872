"""The SQL that prepares a database for vector sync: jobs, records, changes, and the triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.sources.postgres.syncing.install import CATALOGUE, INSTALL, watch
from gateway.workflows.install import engine_where_absent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.schema.vector_sync import VectorSync


_HEAD = "-- Prepares this database for vector sync: psql -1 -v ON_ERROR_STOP=1, or a migration.\n\n"


def script(syncs: Iterable[VectorSync]) -> str:
    """A script for `psql`, or a migration, that gives a database all that these declarations need.

    Done again it leaves what is there, and watches the columns that the declarations read now.
    """
    statements = (engine_where_absent(), CATALOGUE, *INSTALL, *map(watch, syncs))
    return _HEAD + "".join(f"{one.strip()};\n\n" for one in statements)
