"""What reads depend on, and what changes reach: by tables, rows and foreign keys."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa
from caching import library

from gateway.caching.dependencies import Dependencies
from gateway.caching.tags import MOST_ROWS, of_change, of_row
from gateway.schema.build import build
from gateway.sources.postgres.compiled import tables_of


@pytest.fixture(scope="module")
def known():
    return Dependencies(build(library.domain).catalog.entities)


@pytest.fixture(scope="module")
def entities():
    return build(library.domain).catalog.entities


def test_a_row_alone_has_its_own_tag(known, entities):
    """Read by key and nowhere else in the statement: that row's tag, beside the type's."""
    assert known.of_read(["books"], entities["Book"]) == (("Book",), "Book")


def test_the_table_read_again_counts_as_whole(known, entities):
    """A row whose statement reads its table a second time depends on any row of it."""
    tags, row = known.of_read(["books", "authors", "books"], entities["Book"])
    assert row is None
    assert set(tags) == {"Book", "Book[]", "Author", "Author[]"}


def test_a_list_depends_on_every_table(known):
    """Also on those that no entity shows."""
    tags, row = known.of_read(["books", "book_subjects", "subjects"])
    assert row is None
    assert set(tags) == {
        *("Book", "Book[]", "Subject", "Subject[]"),
        *("book_subjects", "book_subjects[]"),
    }


def test_changes_meet_reads(known, entities):
    """Whatever is read of a row carries a tag that every change of the row bumps."""
    (tags, row) = known.of_read(["books"], entities["Book"])
    carried = {*tags, of_row(row, (7,))}
    assert carried & set(known.of_change("books", ["id"], [(7,)]))
    assert carried & set(known.of_change("books"))
    assert not carried & set(known.of_change("books", ["id"], [(8,)]))
    assert carried & set(known.of_change("books", ["id"], [(n,) for n in range(MOST_ROWS + 1)]))
    assert carried & set(known.of_change("books", ["title"], [("x",)]))


def test_a_delete_reaches_what_the_database_deletes_with_it(known):
    """`on delete set null` and `cascade`, followed through."""
    assert "Book" in known.of_change("authors", ["id"], [(1,)], deleted=True)
    assert "Book" not in known.of_change("authors", ["id"], [(1,)])
    assert "book_subjects" in known.of_change("books", ["id"], [(1,)], deleted=True)


def test_a_feed_writes_keys_as_reads_do():
    """Integers as they are, everything else as text: the same tags."""
    text = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    assert of_row("T", (UUID(text.upper()),)) == of_row("T", (text,))
    assert of_row("T", (7,)) == "T:7"
    assert of_row("T", ("a:b", "c,d", "größe")) == "T:a%3Ab,c%2Cd,gr%C3%B6%C3%9Fe"
    assert of_row("T", (1.5,)) is None
    assert of_change("T", [(1.5,)]) == ["T"]


def test_tables_of_a_statement():
    """In joins, subqueries, CTEs and conditions; one that stands twice is given twice."""
    books, authors = library.books, library.authors
    first, second = books.alias("a"), books.alias("b")
    inner = sa.select(sa.func.count()).select_from(second).where(second.c.id == first.c.id)
    rule = sa.exists().where(authors.c.id == first.c.author_id)
    recent = sa.select(library.notes.c.id).cte("recent")
    statement = sa.select(first.c.title, inner.scalar_subquery()).where(
        rule, first.c.id.in_(sa.select(recent.c.id))
    )
    assert sorted(tables_of(statement)) == ["authors", "books", "books", "notes"]
