"""A vector collection as a domain declares it: its vectors, and what is stored with its points.

    TRENDS = VectorCollection(
        "trend_embeddings", size=256, payload={"state": TrendState, "score": float}
    )

Declared once and handed to every field that reads it. The payload decides which conditions its
filter has (`gateway.schema.vectors.payload_inputs`) and which fields can be counted and grouped by.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
import typing
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import strawberry
from strawberry.scalars import JSON

from gateway.errors import ConfigurationError
from gateway.schema.columns.scalars import BigInt
from gateway.schema.vectors.inputs import GeoPoint

MAX_NAME = 255
"""The longest name of a collection, in characters."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]+")
_GRAPHQL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

FILTER_MEMBERS = ("must", "should", "mustNot", "hasId")
"""The members every filter has, so that no payload field can be called so."""


BOUNDS = ("gt", "gte", "lt", "lte")
_EQUAL = ("eq", "ne", "in", "notIn")
_AMONG = ("contains", "overlaps")
_PLACES = ("geoRadius", "geoBox")
_ABSENT = ("isNull", "isEmpty")


@dataclass(frozen=True, slots=True)
class PayloadKind:
    """What sort of value a payload field holds.

    `name` names its filter in GraphQL, `annotation` is how a value is annotated, `index` the type
    of the engine's index, None where it has none. `one` and `many` are the conditions on a single
    value and on a list, beside those on whether there are any.
    """

    name: str
    annotation: Any
    index: str | None
    one: tuple[str, ...]
    many: tuple[str, ...]


_ID = PayloadKind("ID", strawberry.ID, "keyword", _EQUAL, _AMONG)
_ENUM = PayloadKind("Enum", enum.Enum, "keyword", _EQUAL, _AMONG)
_KINDS: Mapping[Any, PayloadKind] = {
    str: PayloadKind("String", str, "keyword", (*_EQUAL, "text"), (*_AMONG, "text")),
    strawberry.ID: _ID,
    int: PayloadKind("Int", int, "integer", (*_EQUAL, *BOUNDS), (*_AMONG, "some")),
    BigInt: PayloadKind("BigInt", BigInt, "integer", (*_EQUAL, *BOUNDS), (*_AMONG, "some")),
    float: PayloadKind("Float", float, "float", BOUNDS, ("some",)),
    bool: PayloadKind("Boolean", bool, "bool", ("eq", "ne"), ("contains",)),
    dt.datetime: PayloadKind("DateTime", dt.datetime, "datetime", BOUNDS, ("some",)),
    GeoPoint: PayloadKind("Geo", GeoPoint, "geo", _PLACES, _PLACES),
    JSON: PayloadKind("JSON", JSON, None, ("valuesCount",), ()),
    uuid.UUID: _ID,
}


@dataclass(frozen=True, slots=True, eq=False)
class PayloadField:
    """A declared field of a payload.

    `name` is its GraphQL name, `path` where it lies in the payload, `many` whether it is a list of
    such values. `labels` is the enum whose values it holds, where it is one.
    """

    name: str
    path: str
    kind: PayloadKind
    many: bool
    labels: type[enum.Enum] | None = None

    @property
    def annotation(self) -> Any:
        """How one of its values is annotated."""
        return self.kind.annotation if self.labels is None else self.labels

    @property
    def conditions(self) -> tuple[str, ...]:
        """What a filter can ask of it."""
        if self.many:
            return (*self.kind.many, "valuesCount", *_ABSENT)
        return (*self.kind.one, *_ABSENT)

    @property
    def says(self) -> str:
        """What a member that holds it or names it says."""
        return f"What is stored at `{self.path}`."

    @property
    def counted(self) -> bool:
        """Whether points can be counted and grouped by its values."""
        return "eq" in self.kind.one


@dataclass(frozen=True, slots=True, eq=False)
class VectorCollection:
    """A collection of the vector engine. Two declarations are never equal: declare it once.

    `size`: its vectors' dimensions; where it is not declared, the engine is asked once.
    `vector`: the name of the vector to search by, None for the default one. `vectors`: the other
    named vectors a search may choose with `using`, and their dimensions (None: asked for).
    `sparse`: the names of its sparse vectors. `entity_key`: the payload field that holds the SQL
    entity's key; None when the point's id is that key. `payload`: what is stored with the points,
    Python types by the path of the field: `str`, `ID`, `UUID`, `int`, `BigInt`, `float`, `bool`,
    `datetime`, an enum (whose values are stored), `GeoPoint`, `JSON`, and lists of these; a path
    that GraphQL cannot spell, such as `meta.lang`, is called `meta_lang` there. `label` begins the
    names of its GraphQL types; by default the entity's name does.

    Raises ConfigurationError for a name the engine refuses or a payload type that is none of these.
    """

    name: str
    size: int | None = None
    vector: str | None = None
    entity_key: str | None = None
    vectors: Mapping[str, int | None] = field(default_factory=dict)
    sparse: tuple[str, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    fields: Mapping[str, PayloadField] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the declaration."""
        if not is_collection_name(self.name):
            raise ConfigurationError(
                f"{self.name!r} cannot be the name of a vector collection: "
                f'1 to {MAX_NAME} characters, none of < > : " / \\ | ? *'
            )
        fields: dict[str, PayloadField] = {}
        for path, hint in self.payload.items():
            made = _payload_field(self.name, path, hint)
            if made.name in fields or made.name in FILTER_MEMBERS:
                raise ConfigurationError(
                    f"collection {self.name!r}: payload field {path!r} cannot be called "
                    f"{made.name!r} in GraphQL, since something else is."
                )
            fields[made.name] = made
        object.__setattr__(self, "fields", fields)

    @property
    def choices(self) -> tuple[str, ...]:
        """The names `using` may have: the declared vectors, dense and sparse."""
        default = () if self.vector is None else (self.vector,)
        return tuple(dict.fromkeys((*default, *self.vectors, *self.sparse)))

    def dimensions(self, using: str | None) -> int | None:
        """The declared dimensions of a vector, None where they are not declared."""
        return self.size if using == self.vector else self.vectors.get(using or "")


def is_collection_name(name: str) -> bool:
    """Whether a collection can have this name."""
    return 0 < len(name) <= MAX_NAME and not _FORBIDDEN.search(name) and name not in {".", ".."}


def _payload_field(collection: str, path: str, hint: Any) -> PayloadField:
    inner, many = hint, False
    if typing.get_origin(hint) is list:
        (inner,), many = typing.get_args(hint), True
    labels = inner if isinstance(inner, type) and issubclass(inner, enum.Enum) else None
    kind = _ENUM if labels is not None else _KINDS.get(inner)
    name = _NOT_IN_NAMES.sub("_", path).strip("_")
    if kind is None:
        known = ", ".join(getattr(one, "__name__", str(one)) for one in _KINDS)
        raise ConfigurationError(
            f"collection {collection!r}: payload field {path!r} cannot be {hint!r}; "
            f"it can be {known}, an enum, or a list of these."
        )
    if not _GRAPHQL_NAME.fullmatch(name):
        raise ConfigurationError(
            f"collection {collection!r}: payload field {path!r} has no name in GraphQL; "
            "it needs a letter at its beginning."
        )
    return PayloadField(name, path, kind, many, labels)
