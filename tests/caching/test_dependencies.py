"""What reads depend on, and what changes reach: by tables, rows and foreign keys."""

from __future__ import annotations

from uuid import UUID

import pytest
import sqlalchemy as sa
from caching import library

from gateway.caching.dependencies import Dependencies
from gateway.caching.tags import MOST_ROWS, of_change, of_declared, of_row, with_lists
from gateway.schema.build import build
from gateway.sources.postgres.reads.compiled import tables_of


@pytest.fixture(scope="module")
def known():
    return Dependencies(build(library.domain).catalog.entities)


@pytest.fixture(scope="module")
def entities():
    return build(library.domain).catalog.entities


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (["Rate"], {"Rate", "Rate[]"}),
        (["Rate:EUR"], {"Rate:EUR", "Rate"}),
        (["Rate", "Rate:EUR", "City"], {"Rate", "Rate:EUR", "City", "City[]"}),
        (["Rate[]"], {"Rate[]", "Rate"}),
        (["Rate[+]"], {"Rate[+]", "Rate"}),
        (["Rate[base]"], {"Rate[base]", "Rate[+]", "Rate"}),
        ([], set()),
    ],
)
def test_a_declared_tag_is_all_that_stands_for_its_change(declared, expected):
    """A type's name is any change of it, a row's or a list's goes with the whole type's."""
    assert set(of_declared(declared)) == expected


def test_a_row_alone_has_its_own_tag(known, entities):
    """Read by key and nowhere else in the statement: that row's tag, beside the type's."""
    assert known.of_read(["books"], entities["Book"]) == (("Book",), "Book", (), ())


def test_the_table_read_again_counts_as_whole(known, entities):
    """A row whose statement reads its table a second time depends on any row of it."""
    tags, row, _, _ = known.of_read(["books", "authors", "books"], entities["Book"])
    assert row is None
    assert set(tags) == {"Book", "Book[]", "Author", "Author[]"}


def test_a_list_depends_on_every_table(known):
    """Also on those that no entity shows."""
    tags, row, _, _ = known.of_read(["books", "book_subjects", "subjects"])
    assert row is None
    assert set(tags) == {
        *("Book", "Book[]", "Subject", "Subject[]"),
        *("book_subjects", "book_subjects[]"),
    }


def test_the_default_schema_may_be_named(known, entities):
    """In a table's declaration, as the feed never does."""
    for table in ("books", "book_subjects"):
        assert known.of_read([f"public.{table}"]) == known.of_read([table])
        assert known.of_change(f"public.{table}", ["id"], [(1,)]) == (
            known.of_change(table, ["id"], [(1,)])
        )
    assert known.of_read(["public.books"], entities["Book"]).row == "Book"


def test_marked_rows_have_their_own_tags(known, entities):
    """Where their table is read for nothing else; a change of any row guards the fill."""
    author, book = ("authors", None), ("books", None)
    read = known.of_read(["books", "authors"], entities["Book"], ["Author"], [author])
    assert read == (("Author", "Book"), "Book", ("Author",), ("Author[]",))
    tables, marks = ["books", "authors", "books"], ["Author", "Book"]
    read = known.of_read(tables, entities["Book"], marks, [author, book])
    assert (set(read.tags), read.row) == ({"Author", "Book"}, "Book")
    assert (read.types, read.guards) == (("Author", "Book"), ("Author[]", "Book[]"))


def test_a_marked_table_that_is_read_elsewhere_counts_as_whole(known, entities):
    """As in a condition: its marks tell nothing then, the own row's among them."""
    author, book = ("authors", None), ("books", None)
    read = known.of_read(["books", "authors", "authors"], None, ["Author"], [author])
    assert (set(read.tags), read.types) == ({"Book", "Book[]", "Author", "Author[]"}, (None,))
    assert read.guards == ()
    read = known.of_read(["books", "books", "books"], entities["Book"], ["Book"], [book])
    assert read == (("Book", "Book[]"), None, (None,), ())


def test_a_list_depends_on_its_columns_and_on_rows_that_come_and_go(known):
    """And on the rows it shows; a table between two entities has no others."""
    exact = [("books", {"title", "id"}), ("book_subjects", {"book_id"})]
    read = known.of_read(["books", "book_subjects"], None, ["Book"], exact)
    assert set(read.tags) == {
        *("Book", "Book[+]", "Book[id]", "Book[title]"),
        *("book_subjects", "book_subjects[+]", "book_subjects[book_id]"),
    }
    assert (read.types, read.guards) == (("Book",), ("Book[]",))
    for changed, reached in (({"title"}, True), ({"author_id"}, False), (None, True)):
        found = known.of_change("books", ["id"], [(7,)], changed=changed)
        assert bool(set(found) & set(read.tags)) is reached
        assert {"Book:7", "Book[]"} <= set(found)


def test_what_is_said_of_all_lists_reaches_each(known):
    """Unless it is said which."""
    assert set(with_lists(["Book[]"])) == {"Book[]", "Book[+]"}
    assert with_lists(["Book:7", "Book[]", "Book[title]"]) == ["Book:7", "Book[]", "Book[title]"]
    assert set(with_lists(["Book:7"])) == {"Book:7", "Book[]"}
    assert set(with_lists(known.of_change("books", ["id"], [(7,)], changed=()))) == {
        *("Book:7", "Book[]", "Book[+]")
    }


def test_changes_meet_reads(known, entities):
    """Whatever is read of a row carries a tag that every change of the row bumps."""
    tags, row, _, _ = known.of_read(["books"], entities["Book"])
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
