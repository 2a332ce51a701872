"""A shop's tables: defaults, constraints of every sort, a table between, and a column of each kind.

No trigger touches them but those of `sealed_boxes`.
"""

from __future__ import annotations

from enum import Enum

import sqlalchemy as sa
from ddl import ddl
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData()


class Size(Enum):
    """A size, whose labels are not its names."""

    SMALL = "s"
    LARGE = "l"


size = sa.Enum("s", "l", name="size", metadata=metadata)

shelves = sa.Table(
    "shelves",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("code", sa.String(8), unique=True),
    sa.Column("label", sa.Text, server_default="blank"),
    sa.Column("rank", sa.Integer, nullable=False, server_default="7"),
    sa.Column("doubled", sa.Integer, sa.Computed("rank * 2")),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.CheckConstraint("rank < 1000", name="rank_is_small"),
)

plates = sa.Table(
    "plates",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("shelf_id", sa.BigInteger, sa.ForeignKey("shelves.id"), nullable=False, unique=True),
    sa.Column("text", sa.Text, nullable=False),
)

boxes = sa.Table(
    "boxes",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("shelf_id", sa.BigInteger, sa.ForeignKey("shelves.id"), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("name", sa.Text),
    sa.UniqueConstraint("shelf_id", "place", name="one_box_a_place"),
)

things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("gen_random_uuid()")),
    sa.Column("box_id", sa.BigInteger, sa.ForeignKey("boxes.id", ondelete="CASCADE")),
    sa.Column("name", sa.Text, nullable=False),
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("word", sa.Text, nullable=False, unique=True),
)

shelf_tags = sa.Table(
    "shelf_tags",
    metadata,
    sa.Column("shelf_id", sa.BigInteger, sa.ForeignKey("shelves.id"), primary_key=True),
    sa.Column("tag_id", sa.Integer, sa.ForeignKey("tags.id"), primary_key=True),
)

tag_links = sa.Table(
    "tag_links",
    metadata,
    sa.Column("wider_id", sa.Integer, sa.ForeignKey("tags.id"), primary_key=True),
    sa.Column("narrower_id", sa.Integer, sa.ForeignKey("tags.id"), primary_key=True),
)

ratings = sa.Table(
    "ratings",
    metadata,
    sa.Column("tag_id", sa.Integer, sa.ForeignKey("tags.id"), primary_key=True),
    sa.Column("box_id", sa.BigInteger, sa.ForeignKey("boxes.id"), primary_key=True),
    sa.Column("stars", sa.Integer, nullable=False),
)

prices = sa.Table(
    "prices",
    metadata,
    sa.Column("country", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("cents", sa.Integer),
)

offers = sa.Table(
    "offers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("country", sa.Text),
    sa.Column("day", sa.Date),
    sa.ForeignKeyConstraint(["country", "day"], ["prices.country", "prices.day"]),
)

sealed_boxes = sa.Table(
    "sealed_boxes",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("seal", sa.Text),
)

samples = sa.Table(
    "samples",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("small", sa.Integer),
    sa.Column("tiny", sa.SmallInteger),
    sa.Column("big", sa.BigInteger),
    sa.Column("ratio", sa.Float),
    sa.Column("single", sa.REAL),
    sa.Column("exact", sa.Numeric),
    sa.Column("money", sa.Numeric(6, 2)),
    sa.Column("flag", sa.Boolean),
    sa.Column("label", sa.Text),
    sa.Column("short", sa.String(3)),
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
    sa.Column("size", size),
    sa.Column("words", sa.ARRAY(sa.Text)),
    sa.Column("gaps", sa.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("big_gaps", sa.ARRAY(sa.BigInteger)),
    sa.Column("size_gaps", sa.ARRAY(size)),
    sa.Column("span_gaps", sa.ARRAY(sa.Interval)),
    sa.Column("numbers", sa.ARRAY(sa.Integer)),
    sa.Column("bigs", sa.ARRAY(sa.BigInteger)),
    sa.Column("exacts", sa.ARRAY(sa.Numeric)),
    sa.Column("refs", sa.ARRAY(sa.Uuid)),
    sa.Column("sizes", sa.ARRAY(size)),
    sa.Column("ratios", sa.ARRAY(sa.Float)),
    sa.Column("moments", sa.ARRAY(sa.DateTime(timezone=True))),
    sa.Column("spans", sa.ARRAY(sa.Interval)),
    sa.Column("blobs", sa.ARRAY(sa.LargeBinary)),
)

EXTRA = """
CREATE UNIQUE INDEX tags_by_lower_word ON tags (lower(word));
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the seal % is secret', OLD.seal; END $$;
CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RETURN CASE WHEN NEW.seal = 'none' THEN NULL ELSE NEW END; END $$;
CREATE TRIGGER leave_out BEFORE INSERT ON sealed_boxes FOR EACH ROW EXECUTE FUNCTION leave_out();
CREATE TRIGGER refuse BEFORE UPDATE ON sealed_boxes FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def script(tables: sa.MetaData, extra: str = "") -> str:
    """What makes these tables."""
    return f"{ddl(tables)};\n{extra}"
