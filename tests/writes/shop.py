"""The shop as entities, with every sort of write on them."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from strawberry import ID
from strawberry.permission import BasePermission
from strawberry.scalars import JSON
from writes import shop_tables as tables
from writes.shop_tables import Size

from gateway import (
    BigInt,
    Bytes,
    Code,
    Connection,
    Domain,
    Duration,
    PlaitError,
    belongs_to,
    by_key,
    column,
    delete,
    delete_many,
    entity,
    field,
    has_many,
    has_one,
    insert,
    insert_many,
    listing,
    many_through,
    mutations,
    queries,
    state_counter,
    update,
    update_each,
    update_many,
    upsert,
    upsert_many,
)

HAPPENED: list[str] = []
"""What the plain resolvers did, in order."""


class ClerksOnly(BasePermission):
    """Holds for a viewer with the role `clerk`."""

    message = "This is for clerks."

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        return "clerk" in info.context.viewer.roles


@entity(tables.shelves)
class Shelf:
    """Holds boxes."""

    id: ID
    code: str | None
    label: str | None
    rank: int
    doubled: int | None
    version: int
    boxes: Connection["Box"] = has_many("shelf_id")
    plate: "Plate | None" = has_one("shelf_id")
    tags: Connection["Tag"] = many_through(tables.shelf_tags)
    looks: int | None = state_counter("shop:looks_{id}")

    @field(needs=("label",))
    def shout(self) -> str:
        return (self.label or "").upper()


@entity(tables.plates)
class Plate:
    """Says what a shelf is for."""

    id: int
    text: str
    shelf: Shelf | None = belongs_to("shelf_id")


@entity(tables.boxes)
class Box:
    """Holds things."""

    id: ID
    place: int
    name: str | None
    shelf: Shelf | None = belongs_to("shelf_id")
    things: Connection["Thing"] = has_many("box_id")


@entity(tables.things)
class Thing:
    """Lies in a box."""

    id: uuid.UUID
    name: str
    box: Box | None = belongs_to("box_id")


@entity(tables.tags)
class Tag:
    """Sticks to shelves."""

    id: int
    word: str
    shelves: Connection[Shelf] = many_through(tables.shelf_tags)
    wider: Connection["Tag"] = many_through(tables.tag_links, "narrower_id")
    narrower: Connection["Tag"] = many_through(tables.tag_links, "wider_id")
    boxes: Connection[Box] = many_through(tables.ratings)
    ratings: Connection["Rating"] = has_many("tag_id")


@entity(tables.ratings, key=("tag_id", "box_id"))
class Rating:
    """How well a tag fits a box."""

    tag_id: ID
    box_id: ID
    stars: int
    box: Box | None = belongs_to("box_id")


@entity(tables.prices, key=("country", "day"))
class Price:
    """A price of a day."""

    country: ID
    day: dt.date
    cents: int | None
    offers: Connection["Offer"] = has_many("country", "day")


@entity(tables.offers)
class Offer:
    """Refers to a price by two columns."""

    id: int
    price: Price | None = belongs_to("country", "day")


@entity(tables.sealed_boxes)
class SealedBox:
    """Cannot be changed."""

    id: int
    seal: str | None


@entity(tables.samples)
class Sample:
    """A column of every kind."""

    id: int
    small: int | None
    tiny: int | None
    big: BigInt | None
    ratio: float | None
    single: float | None
    exact: Decimal | None
    money: Decimal | None
    flag: bool | None
    label: str | None
    short: str | None
    nick: str | None
    ref: uuid.UUID | None
    day: dt.date | None
    hour: dt.time | None
    moment: dt.datetime | None
    local: dt.datetime | None
    span: Duration | None
    raw: Bytes | None
    doc: JSON | None
    note: JSON | None
    size: Size | None
    words: list[str] | None
    gaps: list[str | None]
    big_gaps: list[BigInt | None] | None
    size_gaps: list[Size | None] | None
    span_gaps: list[Duration | None] | None
    numbers: list[int] | None
    bigs: list[BigInt] | None
    exacts: list[Decimal] | None
    refs: list[uuid.UUID] | None
    sizes: list[Size] | None
    ratios: list[float] | None
    moments: list[dt.datetime] | None
    spans: list[Duration] | None
    blobs: list[Bytes] | None
    guarded: str | None = column("label", permission_classes=[ClerksOnly])

    @field(needs=("gaps", "big_gaps", "size_gaps"))
    def counted(self) -> list[int]:
        lists: list[Any] = [self.gaps, self.big_gaps, self.size_gaps]
        return [sum(one is None for one in of or ()) for of in lists]

    @field(needs=("exact",))
    def exact_again(self) -> Decimal | None:
        return self.exact

    @field(needs=("hour",))
    def hour_again(self) -> dt.time | None:
        return self.hour

    @field(needs=("doc",))
    def doubled(self) -> str:
        doc: Any = self.doc
        return str(doc["n"] * 2)


@queries
class ShopQueries:
    """Reading the shop."""

    shelf: Shelf | None = by_key()
    shelves: Connection[Shelf] | None = listing()
    boxes: Connection[Box] | None = listing()
    things: Connection[Thing] | None = listing()
    sample: Sample | None = by_key()
    tags: Connection[Tag] | None = listing()
    samples: Connection[Sample] | None = listing()
    price: Price | None = by_key()
    prices: Connection[Price] | None = listing()


@mutations
class ShelfMutations:
    """Writing shelves."""

    insert_shelf: Shelf | None = insert()
    insert_shelves: list[Shelf] | None = insert_many()
    insert_new_shelf: Shelf | None = insert(ignore=("code",))
    insert_new_shelves: list[Shelf] | None = insert_many(ignore=("code",))
    upsert_shelf: Shelf | None = upsert("code")
    upsert_shelves: list[Shelf] | None = upsert_many("code")
    update_shelf: Shelf | None = update()
    update_shelf_locked: Shelf | None = update(version="version")
    update_shelves: list[Shelf] | None = update_many()
    update_each_shelf: list[Shelf] | None = update_each()
    update_each_shelf_locked: list[Shelf] | None = update_each(version="version")
    delete_shelf: Shelf | None = delete()
    delete_shelves: list[Shelf] | None = delete_many()
    must_insert_shelf: Shelf = insert()
    guarded_shelf: Shelf | None = insert(permission_classes=[ClerksOnly])

    @field
    async def remember(self, word: str) -> int:
        """Write down a word."""
        HAPPENED.append(word)
        return len(HAPPENED)

    @field
    def forget(self) -> int | None:
        """Fails."""
        raise PlaitError("Nothing is forgotten.", code=Code.FORBIDDEN)


@mutations
class OtherMutations:
    """Writing everything else."""

    insert_box: Box | None = insert()
    insert_boxes: list[Box] | None = insert_many()
    upsert_box: Box | None = upsert("shelf_id", "place")
    insert_new_box: Box | None = insert(ignore=("shelf_id", "place"))
    update_box: Box | None = update()
    delete_box: Box | None = delete()
    insert_thing: Thing | None = insert()
    insert_things: list[Thing] | None = insert_many()
    update_things: list[Thing] | None = update_many()
    insert_tag: Tag | None = insert()
    upsert_tags: list[Tag] | None = upsert_many("word")
    insert_price: Price | None = insert()
    insert_offers: list[Offer] | None = insert_many()
    update_price: Price | None = update()
    update_each_price: list[Price] | None = update_each()
    upsert_prices: list[Price] | None = upsert_many("country", "day")
    delete_price: Price | None = delete()
    insert_sealed_boxes: list[SealedBox] | None = insert_many()
    update_sealed_box: SealedBox | None = update()
    insert_sample: Sample | None = insert()
    insert_samples: list[Sample] | None = insert_many()
    update_sample: Sample | None = update()
    update_each_sample: list[Sample] | None = update_each()


domain = Domain(
    entities=[Shelf, Plate, Box, Thing, Tag, Rating, Price, Offer, SealedBox, Sample],
    queries=[ShopQueries],
    mutations=[ShelfMutations, OtherMutations],
)
