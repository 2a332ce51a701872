"""A library of a few hundred books with nulls, ties, a row rule and a full-text column."""

import datetime as dt
import random
import uuid
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from ddl import ddl
from sqlalchemy.dialects import postgresql as pg
from strawberry import ID
from strawberry.permission import BasePermission
from strawberry.scalars import JSON

from gateway import (
    BigInt,
    Bytes,
    Connection,
    Domain,
    belongs_to,
    column,
    entity,
    field,
    has_many,
    listing,
    many_through,
    queries,
)

if TYPE_CHECKING:
    import asyncpg

Row = dict[str, Any]

metadata = sa.MetaData()


class Genre(StrEnum):
    """What a book is; not in the order of the alphabet."""

    POETRY = "poetry"
    CRIME = "crime"
    SCIENCE = "hard science"


authors = sa.Table(
    "authors",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
)
books = sa.Table(
    "books",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("author_id", sa.Integer, sa.ForeignKey("authors.id")),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("blurb", sa.Text),
    sa.Column("genre", sa.Enum(*[one.value for one in Genre], name="genre")),
    sa.Column("pages", sa.Integer),
    sa.Column("copies", sa.BigInteger, nullable=False),
    sa.Column("price", sa.Numeric(12, 2)),
    sa.Column("rating", sa.Float),
    sa.Column("grade", sa.REAL),
    sa.Column("issued", sa.Date),
    sa.Column("sold", sa.Boolean),
    sa.Column("code", sa.Uuid, nullable=False),
    sa.Column("stamp", sa.LargeBinary),
    sa.Column("secret", sa.Integer, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("facts", pg.JSONB),
    sa.Column("lent", sa.DateTime(timezone=True)),
    sa.Column("noted", sa.DateTime),
    sa.Column(
        "words",
        pg.TSVECTOR,
        sa.Computed(
            "setweight(to_tsvector('english'::regconfig, title), 'A'::\"char\") || "
            "to_tsvector('english'::regconfig, coalesce(blurb, ''))",
            persisted=True,
        ),
    ),
)
tags = sa.Table(
    "tags",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
)
book_tags = sa.Table(
    "book_tags",
    metadata,
    sa.Column("book_id", sa.BigInteger, sa.ForeignKey("books.id"), primary_key=True),
    sa.Column("tag_id", sa.Integer, sa.ForeignKey("tags.id"), primary_key=True),
)


class Staff(BasePermission):
    """Holds for a viewer with the role `staff`."""

    message = "This is for staff."

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        return "staff" in info.context.viewer.roles


@entity(authors)
class Author:
    """Somebody who writes."""

    id: int
    name: str
    books: Connection["Book"] = has_many("author_id")


@entity(books, rule=lambda row, viewer: row.owner.is_(None) | (row.owner == viewer.subject))
class Book:
    """A book; some belong to somebody, and only they see them."""

    id: ID
    title: str
    blurb: str | None
    genre: Genre | None
    pages: int | None
    copies: BigInt
    price: Decimal | None
    rating: float | None
    grade: float | None
    issued: dt.date | None
    sold: bool | None
    code: uuid.UUID
    stamp: Bytes | None
    facts: JSON | None
    lent: dt.datetime | None
    noted: dt.datetime | None
    secret: int = column(permission_classes=[Staff])
    author: Author | None = belongs_to("author_id")
    tags: Connection["Tag"] = many_through(book_tags)

    @field(needs=("title", "pages"))
    def label(self) -> str:
        return f"{self.title} ({self.pages})"


@entity(tags)
class Tag:
    """A word that is put on books."""

    id: int
    name: str
    books: Connection[Book] = many_through(book_tags)


@queries
class Library:
    """Reading the library."""

    authors: Connection[Author] | None = listing()
    books: Connection[Book] | None = listing()
    tags: Connection[Tag] | None = listing()
    guarded: Connection[Book] | None = listing(permission_classes=[Staff])


domain = Domain(entities=[Author, Book, Tag], queries=[Library])

_WORDS = ["storm", "quiet", "river", "night", "engine", "garden", "silver", "winter", "ocean"]
_TITLES = ["Storm at night", "The <b>quiet</b> river & its storms", "An engine", "Winter garden"]


def _books() -> list[Row]:
    draw = random.Random(7)  # noqa: S311 - test data
    clock = random.Random(8)  # noqa: S311 - likewise
    begin = dt.datetime(2023, 10, 28, tzinfo=dt.UTC)  # summer time ends in Europe a day later

    def some(value: Any) -> Any:
        return None if draw.random() < 0.2 else value

    def some_time(number: int) -> dt.datetime | None:
        late = dt.datetime(2024, number % 12 + 1, number % 3 + 1, 23, 59, 59, tzinfo=dt.UTC)
        return late.replace(tzinfo=None) if number else None

    rows: list[Row] = []
    for number in range(1, 241):
        blurb = " ".join(draw.choices(_WORDS, k=draw.randint(1, 30)))
        rows.append(
            {
                "id": number,
                "author_id": some(draw.randint(1, 5)),
                "title": draw.choice(_TITLES),
                "blurb": some(blurb),
                "genre": some(draw.choice(list(Genre)).value),
                "pages": some(draw.randint(-5, 40) * 10),
                "copies": draw.choice([0, 1, (1 << 62) + number]),
                "price": some(Decimal(draw.randint(-500, 5000)).scaleb(-2)),
                "rating": some(draw.choice([0.1, 2.5, -1e10, 3.0])),
                "grade": some(draw.choice([0.1, 0.25, 7.0])),
                "issued": some(dt.date(2000, 1, 1) + dt.timedelta(days=draw.randint(0, 9))),
                "sold": some(draw.random() < 0.5),
                "code": uuid.UUID(int=draw.getrandbits(128)),
                "stamp": some(draw.randbytes(draw.randint(0, 3))),
                "secret": draw.randint(1, 9),
                "owner": draw.choice([None, None, "ann", "bob"]),
                "facts": some(
                    {
                        "size": draw.choice([1, 2.5, "2", None, True]),
                        "marks": draw.sample(["a", "b", "c"], 2),
                        **({"deep": {"er": draw.randint(0, 3)}} if draw.random() < 0.5 else {}),
                    }
                ),
                "lent": begin + dt.timedelta(minutes=clock.randrange(0, 4000)),
                "noted": some_time(clock.randrange(0, 40)),
            }
        )
    return rows


AUTHORS: list[Row] = [{"id": number, "name": f"Author {number}"} for number in range(1, 7)]
"""The sixth has no books."""
BOOKS = _books()
TAGS: list[Row] = [{"id": number, "name": f"tag {number}"} for number in (1, 2, 3)]
BOOK_TAGS = [
    {"book_id": book["id"], "tag_id": tag}
    for book in BOOKS
    for tag in (1, 2)
    if book["id"] % (tag + 2) == 0
]


async def fill(connection: "asyncpg.Connection[Any]") -> None:
    """Make the tables and their rows."""
    await connection.execute(ddl(metadata))
    every = (("authors", AUTHORS), ("books", BOOKS), ("tags", TAGS), ("book_tags", BOOK_TAGS))
    for name, rows in every:
        places = ", ".join(f"${number}" for number in range(1, len(rows[0]) + 1))
        columns = ", ".join(rows[0])
        await connection.executemany(
            f"INSERT INTO {name} ({columns}) VALUES ({places})",  # noqa: S608 - our own names
            [tuple(_stored(value) for value in row.values()) for row in rows],
        )


def _stored(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict) else value


def visible(subject: str | None) -> list[Row]:
    """The books that exist for this viewer."""
    return [row for row in BOOKS if row["owner"] is None or row["owner"] == subject]
