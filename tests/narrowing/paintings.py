"""The gallery's tables and entities: what a resolvers package would hold."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from strawberry import ID

from gateway import (
    Cache,
    Connection,
    Domain,
    Hits,
    VectorCollection,
    VectorWrite,
    belongs_to,
    entity,
    has_many,
    listing,
    mutations,
    nearest,
    queries,
    recommend,
    search,
    upsert_points,
)

metadata = sa.MetaData()
artists = sa.Table(
    "artists",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("country", sa.Text),
)
ETCHED = VectorCollection("etched", 4, sparse=("terms",))
"""Paintings by a dense and a sparse vector."""

paintings = sa.Table(
    "paintings",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("style", sa.Text, nullable=False),
    sa.Column("year", sa.Integer),
    sa.Column("owner", sa.Text),
    sa.Column("artist_id", sa.Integer, sa.ForeignKey("artists.id")),
    sa.Column("words", pg.TSVECTOR, sa.Computed("to_tsvector('english', title)")),
)
prints = sa.Table(
    "prints",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("copies", sa.Integer, nullable=False),
)


@entity(artists)
class Artist:
    """Somebody who paints."""

    id: ID
    country: str | None
    paintings: Connection["Painting"] = has_many("artist_id")


@entity(
    paintings,
    rule=lambda row, viewer: row.owner.is_(None) | (row.owner == viewer.subject),
    cache=Cache(60),
)
class Painting:
    """A painting; one that is somebody's is seen by its owner alone."""

    id: ID
    title: str
    style: str
    year: int | None
    artist: Artist | None = belongs_to("artist_id")
    similar: "Hits[Painting] | None" = nearest("paintings", cache=Cache(60))


@entity(prints)
class Print:
    """A print, under a UUID; nobody's in particular, and without words."""

    id: ID
    copies: int


@queries
class GalleryQueries:
    """Looking around."""

    paintings: Connection[Painting] | None = listing(near="paintings")
    artists: Connection[Artist] | None = listing()
    search_paintings: Hits[Painting] | None = search("paintings", cache=Cache(60))
    search_etched: Hits[Painting] | None = search(ETCHED)
    recommend_paintings: Hits[Painting] | None = recommend("paintings")
    search_prints: Hits[Print] | None = search("prints")


@mutations
class GalleryWrites:
    """Moving points about."""

    upsert_points: VectorWrite | None = upsert_points()


domain = Domain(
    entities=[Artist, Painting, Print], queries=[GalleryQueries], mutations=[GalleryWrites]
)
