"""The zoo with resolvers that make objects of entities by hand."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy.orm import DeclarativeBase
from strawberry import ID
from toy import tables
from toy.domain import KeepersOnly, Shouting
from toy.tables import Grade, Mood

from gateway import (
    Cache,
    Connection,
    Domain,
    belongs_to,
    by_key,
    column,
    entity,
    field,
    has_many,
    listing,
    mutations,
    queries,
    reference,
    state_counter,
)


class Base(DeclarativeBase):
    """What SQLAlchemy's ORM maps."""


class AnimalRow(Base):
    """An animal as the ORM has it."""

    __table__ = tables.animals


class KeeperRow(Base):
    """A keeper likewise, who is no animal."""

    __table__ = tables.keepers


def mapped(cls: Any, **columns: Any) -> Any:
    """An object of a mapped class; to a type checker it is whatever is asked for."""
    return cls(**columns)


def unlike(row: Any, _viewer: Any) -> Any:
    """Nobody sees the animal of this name."""
    return row.name != "Fay"


@entity(tables.animals, rule=unlike)
class Animal:
    """An animal of the zoo."""

    id: ID
    name: str
    nickname: str | None = column(extensions=[Shouting()])
    alias: str | None = column("nickname", description="The nickname as it is written.")
    mood: Mood
    weight: float | None
    born: dt.date | None
    tags: list[str]
    secret_name: str | None = column("nickname", permission_classes=[KeepersOnly])
    mother: "Animal | None" = belongs_to("mother_id")
    children: Connection["Animal"] = has_many("mother_id")
    visits: int | None = state_counter("zoo:visits_{id}")

    @field(needs=("name", "mood"))
    def sign(self) -> str:
        return f"{self.name} ({self.mood.value})"

    @field(needs=("id", "name"))
    def itself(self) -> "Animal":
        return self

    @field(needs=("name",))
    def nameless(self) -> "Animal | None":
        return self

    @field(needs=("id",))
    async def renamed(self, name: str = "Nobody") -> "Animal | None":
        self.name = name
        return self

    @field(needs=("id",))
    def several(self) -> list["Animal | None"]:
        row = mapped(AnimalRow, id=2)
        return [self, row, None, mapped(Animal, id=3, name="Given"), reference(Animal, 4)]


@entity(tables.keepers)
class Keeper:
    """Somebody who looks after animals."""

    id: ID
    name: str


@entity(tables.feedings, key=("animal_id", "day"))
class Feeding:
    """What an animal was given on a day."""

    animal_id: ID
    day: dt.date
    quality: Grade | None


@strawberry.type
class Report:
    """A type of the domain's own, with an entity in it."""

    title: str
    best: Animal | None
    must: Animal


Found = Annotated[Animal | Report, strawberry.union("Found")]


@queries
class Queries:
    """Objects made by hand, and what is none."""

    animal: Animal | None = by_key()
    animals: Connection[Animal] | None = listing()

    @field()
    def whole(self) -> Animal:
        return Animal(
            id=ID("77"), name="Nobody", mood=Mood.WILD, weight=1.5, born=None, tags=["new"]
        )

    @field()
    async def by_id(self, id: ID) -> Animal | None:  # noqa: A002 - what GraphQL has it named
        return mapped(Animal, id=id)

    @field()
    def must(self, id: ID) -> Animal:  # noqa: A002 - likewise
        return mapped(Animal, id=id)

    @field()
    def mapped(self) -> Animal | None:
        return mapped(AnimalRow, id=2, name="Mapped", mood="calm")

    @field()
    def keeper(self) -> Keeper | None:
        return mapped(KeeperRow, id=UUID(int=1 << 120 | 1))

    @field()
    def feeding(self) -> Feeding | None:
        return mapped(Feeding, animal_id=1, quality="GOOD")

    @field()
    def labelled(self, label: str) -> Feeding | None:
        return mapped(Feeding, quality=label)

    @field()
    def report(self) -> Report:
        row = mapped(AnimalRow, id=5)
        return Report(title="Best", best=mapped(Animal, id=4, name="Dottie"), must=row)

    @field()
    def lists(self) -> list[list[Animal | None]]:
        return [[mapped(Animal, id=1)], [], [mapped(Animal, id=1, name="Given"), None]]

    @field()
    def found(self, which: str) -> Found | None:
        if which == "report":
            return Report(title="Found", best=None, must=mapped(Animal, id=1))
        return reference(Animal, 3) if which == "reference" else mapped(Animal, id=3, name="Given")

    @field()
    def wrong(self, which: str) -> Animal | None:
        wrong = {
            "keeper": mapped(KeeperRow),
            "entity": mapped(Keeper, id="1"),
            "class": AnimalRow,
            "dict": {"id": 3},
            "nothing": mapped(Animal),
            "keyless": reference(Animal),
            "stranger": reference(Keeper, 1),
            "no entity": reference(Report, 1),
            "unknown": None,
        }
        if which == "unknown":
            return mapped(Animal, mother=mapped(Animal, id=1))
        found: Any = wrong[which]
        return found

    @field(cache=Cache(60))
    def kept(self) -> Animal | None:
        return mapped(Animal, id=1)


@mutations
class Mutations:
    """What writes by hand."""

    @field()
    async def touch(self, id: ID) -> Animal | None:  # noqa: A002 - likewise
        return mapped(Animal, id=id, name="Touched")


domain = Domain(entities=[Animal, Keeper, Feeding], queries=[Queries], mutations=[Mutations])
