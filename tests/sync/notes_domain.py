"""A domain of notes alone, whose collection the environment names."""

import os

from notes import synced, table
from strawberry import ID

from gateway import Connection, Domain, entity, listing, queries


@entity(table)
class Note:
    """A note."""

    id: ID
    title: str


@queries
class NoteQueries:
    """Reading notes."""

    notes: Connection[Note] | None = listing(description="All notes.")


domain = Domain(
    entities=[Note], queries=[NoteQueries], syncs=[synced(os.environ["NOTES_COLLECTION"])]
)
