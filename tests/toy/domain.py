"""The zoo as entities: what a resolvers package would hold."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import strawberry
from strawberry import ID
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.scalars import JSON
from toy import tables
from toy.tables import Grade, Mood

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
    entity,
    field,
    has_many,
    has_one,
    listing,
    many_through,
    queries,
    reference,
    state_counter,
)

SECRET = "postgres://root:hunter2@db"  # planted: must never come out


class KeepersOnly(BasePermission):
    """Holds for a viewer with the role `keeper`."""

    message = "This is for keepers."

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        return "keeper" in info.context.viewer.roles


class Shouting(FieldExtension):
    """Turns a text into capitals."""

    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        value = next_(source, info, **kwargs)
        return value and value.upper()


@entity(tables.enclosures)
class Enclosure:
    """A place where animals live."""

    id: ID
    name: str
    area: Decimal | None
    animals: Connection["Animal"] = has_many("enclosure_id")


@entity(tables.animals)
class Animal:
    """An animal of the zoo."""

    id: ID
    name: str
    nickname: str | None = column(extensions=[Shouting()])
    alias: str | None = column("nickname", description="The nickname as it is written.")
    mood: Mood
    weight: float | None
    born: dt.date | None
    seen: dt.datetime | None
    tags: list[str]
    secret_name: str | None = column("nickname", permission_classes=[KeepersOnly])
    must_name: str = column("name", permission_classes=[KeepersOnly])
    mother: "Animal | None" = belongs_to("mother_id")
    children: Connection["Animal"] = has_many("mother_id")
    enclosure: Enclosure | None = belongs_to("enclosure_id")
    passport: "Passport | None" = has_one("animal_id")
    keepers: Connection["Keeper"] = many_through(tables.animal_keepers)
    likes: Connection["Animal"] = many_through(tables.friendships)
    feedings: Connection["Feeding"] = has_many("animal_id")
    guarded: Connection["Feeding"] = has_many("animal_id", permission_classes=[KeepersOnly])
    visits: int | None = state_counter("zoo:visits_{id}")

    @field(needs=("name", "mood"))
    def sign(self) -> str:
        return f"{self.name} ({self.mood.value})"

    @field(needs=("id", "weight", "born", "seen"))
    def dossier(self, prefix: str = "no") -> str | None:
        if self.weight is None:
            return None
        born = self.born and self.born.year
        return f"{prefix} {self.id} {self.weight:g} {born} {self.seen and self.seen.isoformat()}"

    @field(needs=("seen",))
    def seen_again(self) -> dt.datetime | None:
        return self.seen

    @field(needs=("id",))
    async def twin(self) -> "Animal | None":
        return reference(Animal, self.id)

    @field(needs=("id",))
    def mates(self) -> list["Animal | None"]:
        return [reference(Animal, (int(self.id) * step) % 15) for step in (1, 5, 1, 7)]

    @field(needs=("name",))
    def broken(self) -> str | None:
        if len(self.name) % 2:
            raise RuntimeError(f"cannot use {SECRET}")
        return self.name

    @field(needs=("name",))
    def fragile(self) -> str:
        if len(self.name) > 5:
            raise PlaitError("Too long a name.", code=Code.BAD_USER_INPUT)
        return self.name

    @field(needs=("name",))
    def greedy(self) -> str | None:
        return str(self.weight)

    @field(permission_classes=[KeepersOnly])
    def whisper(self) -> str | None:
        return "psst"


@entity(tables.passports, key="code")
class Passport:
    """The papers of an animal."""

    code: ID
    issued: dt.datetime | None
    animal: Animal | None = belongs_to("animal_id")


@entity(tables.keepers)
class Keeper:
    """Somebody who looks after animals."""

    id: ID
    uid: uuid.UUID = column("id")
    name: str
    shift: Duration | None
    animals: Connection[Animal] = many_through(tables.animal_keepers)


@entity(tables.feedings, key=("animal_id", "day"))
class Feeding:
    """What an animal was given on a day."""

    animal_id: ID
    day: dt.date
    grams: int | None
    quality: Grade | None
    animal: Animal | None = belongs_to("animal_id")
    remarks: Connection["Remark"] = has_many("animal_id", "day")

    @field(needs=("day", "quality"))
    def summary(self) -> str:
        return f"{self.day:%d.%m.} {self.quality.name if self.quality else '?'}"


@entity(tables.remarks)
class Remark:
    """What was said of a feeding."""

    id: int
    text: str
    feeding: Feeding | None = belongs_to("animal_id", "day")


@entity(tables.specimens)
class Specimen:
    """A column of every kind."""

    id: int
    small: int | None
    big: BigInt | None
    ratio: float | None
    exact: Decimal | None
    flag: bool | None
    label: str | None
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
    grade: Grade | None
    words: list[str] | None
    numbers: list[int] | None
    bigs: list[BigInt] | None
    exacts: list[Decimal] | None
    refs: list[uuid.UUID] | None
    grades: list[Grade] | None
    ratios: list[float] | None
    moments: list[dt.datetime] | None
    blobs: list[Bytes] | None

    @field(needs=("moment", "hour", "exact", "span", "raw", "big", "grades", "ref", "doc"))
    def same(self) -> "Same":
        names = ("moment", "hour", "exact", "span", "raw", "big", "grades", "ref", "doc")
        return Same(**{name: getattr(self, name) for name in names})


@strawberry.type
class Same:
    """Columns as a Python resolver gives them back: they must read as they do without it."""

    moment: dt.datetime | None
    hour: dt.time | None
    exact: Decimal | None
    span: Duration | None
    raw: Bytes | None
    big: BigInt | None
    grades: list[Grade] | None
    ref: uuid.UUID | None
    doc: JSON | None


@entity(tables.oddities, key="Id")
class Oddity:
    """Names that SQL must quote, and names the statements use themselves."""

    id: int = column("Id")
    x1: str | None
    t1: str | None
    select: str | None
    its: str | None = column("it's")
    percent: str | None = column("%s:a")


@entity(tables.readings)
class Reading:
    """Columns that must not be null."""

    id: int
    value: float
    taken: dt.datetime
    local: dt.datetime
    day: dt.date
    span: Duration
    words: list[str]


@strawberry.type
class Report:
    """A type of the domain's own, with entities in it."""

    title: str
    best: Animal | None
    runners_up: list[Animal | None]
    groups: list[list[Animal | None]]


@queries
class ZooQueries:
    """Reading the zoo."""

    enclosure: Enclosure | None = by_key()
    enclosures: Connection[Enclosure] | None = listing()
    animal: Animal | None = by_key()
    animals: Connection[Animal] | None = listing()
    passport: Passport | None = by_key()
    keeper: Keeper | None = by_key()
    keepers: Connection[Keeper] | None = listing()
    feeding: Feeding | None = by_key()
    feedings: Connection[Feeding] = listing()
    remarks: Connection[Remark] | None = listing()
    hidden: Animal | None = by_key(permission_classes=[KeepersOnly])
    hidden_list: Connection[Animal] | None = listing(permission_classes=[KeepersOnly])


@queries
class OtherQueries:
    """Reading everything else."""

    specimen: Specimen | None = by_key()
    specimens: Connection[Specimen] | None = listing()
    oddities: Connection[Oddity] | None = listing()
    readings: Connection[Reading] | None = listing()
    must_readings: Connection[Reading] = listing()

    @field()
    def motto(self, times: int = 1) -> str:
        return "Look, do not touch. " * min(times, 3)

    @field()
    async def report(self) -> Report | None:
        return Report(
            title="Best of the zoo",
            best=reference(Animal, 3),
            runners_up=[reference(Animal, key) for key in (4, 99, 4)],
            groups=[[reference(Animal, 1)], [], [reference(Animal, 2), reference(Animal, 1)]],
        )

    @field()
    def star(self) -> Animal | None:
        return reference(Animal, 5)

    @field()
    def wrong(self) -> int | None:
        return {"password": SECRET}  # type: ignore[return-value]  # the mistake that is meant

    @field()
    def beyond_json(self) -> JSON | None:
        return JSON({"big": 1 << 70})

    @field()
    def crash(self) -> str | None:
        raise RuntimeError(f"cannot use {SECRET}")


ENTITIES = [
    Enclosure,
    Animal,
    Passport,
    Keeper,
    Feeding,
    Remark,
    Specimen,
    Oddity,
    Reading,
]

domain = Domain(entities=ENTITIES, queries=[ZooQueries, OtherQueries])
