"""The zoo's tables: every kind of column and every shape of relation the engine knows."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from ddl import ddl
from sqlalchemy.dialects import postgresql as pg

if TYPE_CHECKING:
    import asyncpg

metadata = sa.MetaData()


class Mood(Enum):
    """How an animal feels; its labels are not its names, and their order is their own."""

    SLEEPY = "very sleepy"
    CALM = "calm"
    WILD = "WILD"


class Grade(Enum):
    """A grade, whose names are its labels in capitals."""

    POOR = "poor"
    FAIR = "fair"
    GOOD = "good"


def enum_type(enum: type[Enum], name: str) -> sa.Enum:
    labels = [str(member.value) for member in enum]
    return sa.Enum(*labels, name=name, metadata=metadata)


mood = enum_type(Mood, "mood")
grade = enum_type(Grade, "grade")

enclosures = sa.Table(
    "enclosures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False, comment="What the sign says."),
    sa.Column("area", sa.Numeric(8, 2)),
)

animals = sa.Table(
    "animals",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("nickname", sa.Text),
    sa.Column("mood", mood, nullable=False),
    sa.Column("weight", sa.Float),
    sa.Column("born", sa.Date),
    sa.Column("seen", sa.DateTime(timezone=True)),
    sa.Column("tags", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("mother_id", sa.BigInteger, sa.ForeignKey("animals.id")),
    sa.Column("enclosure_id", sa.Integer, sa.ForeignKey("enclosures.id")),
)

passports = sa.Table(
    "passports",
    metadata,
    sa.Column("code", sa.String(20), primary_key=True),
    sa.Column("animal_id", sa.BigInteger, sa.ForeignKey("animals.id"), unique=True),
    sa.Column("issued", sa.DateTime(timezone=True)),
)

keepers = sa.Table(
    "keepers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", pg.CITEXT, nullable=False),
    sa.Column("shift", sa.Interval),
)

animal_keepers = sa.Table(
    "animal_keepers",
    metadata,
    sa.Column("animal_id", sa.BigInteger, sa.ForeignKey("animals.id"), primary_key=True),
    sa.Column("keeper_id", sa.Uuid, sa.ForeignKey("keepers.id"), primary_key=True),
)

friendships = sa.Table(
    "friendships",
    metadata,
    sa.Column("liker_id", sa.BigInteger, sa.ForeignKey("animals.id"), primary_key=True),
    sa.Column("liked_id", sa.BigInteger, sa.ForeignKey("animals.id"), primary_key=True),
)

feedings = sa.Table(
    "feedings",
    metadata,
    sa.Column("animal_id", sa.BigInteger, sa.ForeignKey("animals.id"), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("grams", sa.Integer),
    sa.Column("quality", grade),
)

remarks = sa.Table(
    "remarks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("animal_id", sa.BigInteger),
    sa.Column("day", sa.Date),
    sa.Column("text", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["animal_id", "day"], ["feedings.animal_id", "feedings.day"]),
)

specimens = sa.Table(
    "specimens",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("small", sa.Integer),
    sa.Column("big", sa.BigInteger),
    sa.Column("ratio", sa.Float),
    sa.Column("exact", sa.Numeric),
    sa.Column("flag", sa.Boolean),
    sa.Column("label", sa.Text),
    sa.Column("nick", pg.CITEXT),
    sa.Column("ref", sa.Uuid),
    sa.Column("day", sa.Date),
    sa.Column("hour", sa.Time),
    sa.Column("moment", sa.DateTime(timezone=True)),
    sa.Column("local", sa.DateTime),
    sa.Column("span", sa.Interval),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("doc", pg.JSONB),
    sa.Column("note", sa.JSON),
    sa.Column("grade", grade),
    sa.Column("words", sa.ARRAY(sa.Text)),
    sa.Column("numbers", sa.ARRAY(sa.Integer)),
    sa.Column("bigs", sa.ARRAY(sa.BigInteger)),
    sa.Column("exacts", sa.ARRAY(sa.Numeric)),
    sa.Column("refs", sa.ARRAY(sa.Uuid)),
    sa.Column("grades", sa.ARRAY(grade)),
    sa.Column("ratios", sa.ARRAY(sa.Float)),
    sa.Column("moments", sa.ARRAY(sa.DateTime(timezone=True))),
    sa.Column("blobs", sa.ARRAY(sa.LargeBinary)),
)

oddities = sa.Table(
    "Odd Names",
    metadata,
    sa.Column("Id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("x1", sa.Text),
    sa.Column("t1", sa.Text),
    sa.Column("select", sa.Text),
    sa.Column("it's", sa.Text),
    sa.Column("%s:a", sa.Text),
)

readings = sa.Table(
    "readings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("taken", sa.DateTime(timezone=True), nullable=False),
    sa.Column("local", sa.DateTime, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("span", sa.Interval, nullable=False),
    sa.Column("words", sa.ARRAY(sa.Text), nullable=False),
)


async def create(connection: asyncpg.Connection[Any]) -> None:
    """Make the types and the empty tables."""
    await connection.execute(ddl(metadata))
