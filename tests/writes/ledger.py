"""A domain under row rules: by owner, role, scope and constant; by tenant; by a subselect."""

from enum import Enum
from typing import Any

import sqlalchemy as sa
from strawberry import ID

from gateway import (
    Connection,
    Domain,
    Hits,
    ViewerColumns,
    belongs_to,
    by_key,
    delete,
    delete_many,
    entity,
    field,
    has_many,
    insert,
    insert_many,
    listing,
    many_through,
    mutations,
    nearest,
    queries,
    reference,
    search,
    update,
    update_each,
    update_many,
    upsert,
    upsert_many,
)

metadata = sa.MetaData()
state = sa.Enum("live", "dead", name="state", metadata=metadata)

folders = sa.Table(
    "folders",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
)
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("owner", sa.Text),
    sa.Column("slug", sa.Text, unique=True),
    sa.Column("title", sa.Text),
    sa.Column("state", state, nullable=False, server_default="live"),
    sa.Column("shared", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("folder_id", sa.BigInteger, sa.ForeignKey("folders.id")),
    sa.Column("parent_id", sa.BigInteger, sa.ForeignKey("notes.id")),
)
comments = sa.Table(
    "comments",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("note_id", sa.BigInteger, sa.ForeignKey("notes.id")),
    sa.Column("text", sa.Text, unique=True),
    sa.Column("note", sa.Text),
)
words = sa.Table(
    "words",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("word", sa.Text, unique=True),
)
note_words = sa.Table(
    "note_words",
    metadata,
    sa.Column("note_id", sa.BigInteger, sa.ForeignKey("notes.id"), primary_key=True),
    sa.Column("word_id", sa.Integer, sa.ForeignKey("words.id"), primary_key=True),
)


class State(Enum):
    """Dead notes are nobody's."""

    LIVE = "live"
    DEAD = "dead"


def own_notes(row: Any, viewer: ViewerColumns) -> sa.ColumnElement[Any]:
    """The owner's, an auditor's, and for a scope those that are shared; but no dead one."""
    shared = sa.and_(row.shared, viewer.has_scope("notes:shared"))
    return sa.and_(
        sa.or_(row.owner == viewer.subject, viewer.has_role("auditor"), shared),
        row.state != "dead",
    )


def comments_of_own_notes(row: Any, viewer: ViewerColumns) -> sa.ColumnElement[Any]:
    """Those on notes the viewer owns; the alias has the name of a column of the row."""
    inner = notes.alias("note")
    return sa.exists().where(inner.c.id == row.note_id, inner.c.owner == viewer.subject)


def of_the_tenant(row: Any, viewer: ViewerColumns) -> sa.ColumnElement[Any]:
    """The tenant's."""
    return row.tenant == viewer.tenant  # type: ignore[no-any-return]  # a column of SQLAlchemy's


@entity(folders, rule=of_the_tenant)
class Folder:
    """A tenant's folder."""

    id: ID
    tenant: str
    name: str | None
    notes: Connection["Note"] = has_many("folder_id")


@entity(notes, rule=own_notes)
class Note:
    """Somebody's note."""

    id: ID
    owner: str | None
    slug: str | None
    title: str | None
    state: State
    shared: bool
    version: int
    folder: Folder | None = belongs_to("folder_id")
    parent: "Note | None" = belongs_to("parent_id")
    children: Connection["Note"] = has_many("parent_id")
    comments: Connection["Comment"] = has_many("note_id")
    words: Connection["Word"] = many_through(note_words)
    similar: Hits["Note"] | None = nearest("ledger_notes")

    @field(needs=("id",))
    def above(self) -> "Note | None":
        """The note of the next number."""
        return reference(Note, int(self.id) + 1)


@entity(comments, rule=comments_of_own_notes)
class Comment:
    """Said of a note."""

    id: ID
    text: str | None
    note: Note | None = belongs_to("note_id")


@entity(words)
class Word:
    """Anybody's word."""

    id: ID
    word: str | None
    notes: Connection[Note] = many_through(note_words)


@queries
class LedgerQueries:
    """Reading."""

    folder: Folder | None = by_key()
    folders: Connection[Folder] | None = listing()
    note: Note | None = by_key()
    notes: Connection[Note] | None = listing()
    comment: Comment | None = by_key()
    comments: Connection[Comment] | None = listing()
    words: Connection[Word] | None = listing()
    search_notes: Hits[Note] | None = search("ledger_notes")

    @field()
    def referred(self, id: ID) -> Note | None:  # noqa: A002 - the argument's name
        """A note by a Python resolver."""
        return reference(Note, id)


@mutations
class LedgerMutations:
    """Writing."""

    insert_note: Note | None = insert()
    insert_notes: list[Note] | None = insert_many()
    insert_new_notes: list[Note] | None = insert_many(ignore=("slug",))
    upsert_note: Note | None = upsert("slug")
    upsert_notes: list[Note] | None = upsert_many("slug")
    update_note: Note | None = update()
    update_note_locked: Note | None = update(version="version")
    update_notes: list[Note] | None = update_many()
    update_each_note: list[Note] | None = update_each()
    delete_note: Note | None = delete()
    delete_notes: list[Note] | None = delete_many()
    insert_folder: Folder | None = insert()
    insert_word: Word | None = insert()
    insert_comment: Comment | None = insert()
    upsert_comment: Comment | None = upsert("text")


domain = Domain(
    entities=[Folder, Note, Comment, Word],
    queries=[LedgerQueries],
    mutations=[LedgerMutations],
)

OWNERS = ("ann", "bob", "cid")
ROWS = """
INSERT INTO folders (tenant, name) VALUES ('red', 'f1'), ('blue', 'f2');
INSERT INTO notes (owner, slug, title, state, shared, folder_id, parent_id) VALUES
  ('ann', 'a1', 'ann one', 'live', false, 1, NULL),
  ('bob', 'b1', 'bob one', 'live', false, 1, 1),
  ('ann', 'a2', 'ann two', 'live', false, 1, 2),
  ('ann', 'a3', 'ann dead', 'dead', false, 2, 1),
  ('cid', 'c1', 'cid shared', 'live', true, 2, 1),
  (NULL, 'n1', 'of nobody', 'live', false, NULL, NULL);
INSERT INTO comments (note_id, text) VALUES (1, 'on a1'), (2, 'on b1'), (3, 'on a2');
INSERT INTO words (word) VALUES ('x'), ('y');
INSERT INTO note_words VALUES (1, 1), (2, 1), (5, 1), (2, 2);
"""
