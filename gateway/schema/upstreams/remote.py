"""Another GraphQL service as a part of the schema: how a domain declares it, and what is asked.

The service's types come from its SDL, which is pinned in the repository. They keep their names, or
get a prefix where those would collide with others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from strawberry.scalars import JSON

from gateway.errors import ConfigurationError
from gateway.schema.bindings import Binding, bound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gateway.schema.access.requirements import Access
    from gateway.schema.caching import Cache
    from gateway.schema.catalog import ColumnInfo, EntityInfo

Remote = JSON
"""What an entity's field of an upstream type is annotated with: its type is the service's."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Join:
    """A field that the domain adds to a type of an upstream: rows of a local entity.

    `type` is the upstream's name of the type, `name` the new field, `key` the field of that type
    (a scalar) which holds the entity's key. Where a `column` of the entity's table is named, the
    field is the list of the rows that hold the key there.
    """

    type: str
    name: str
    entity: Any
    key: str
    description: str | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """A GraphQL service whose root fields and types become part of the schema.

    `name` is the setting that holds its address, `sdl` its schema's text, or the file of it.
    `prefix` goes before its types and root fields; `namespace` names one root field that holds all
    of its own instead. `joins` are fields that the domain adds to its types. `caches` say how long
    types and fields may be kept, by the upstream's `Type` or `Type.field`; they come before the
    SDL's own `@cacheControl`. `access` says who may use them, as in
    `{"Mutation": {"roles": ["editor"]}, "Person.salary": {"scopes": [["hr"]]}}`: of a root type it
    holds for all root fields of which nothing is said. The SDL's own rules hold as well, unless the
    service `guards_itself`: it gets the callers' credentials, and applies its rules to them.
    `scalars` are those that are written otherwise than ours of the same name: they get the prefix.
    One that is `optional` need not be there: while no setting says where it is, its fields answer
    an error.
    """

    name: str
    sdl: str | Path
    prefix: str = ""
    namespace: str = ""
    joins: Sequence[Join] = ()
    caches: Mapping[str, Cache] = field(default_factory=dict)
    access: Mapping[str, Access] = field(default_factory=dict)
    guards_itself: bool = False
    optional: bool = False
    scalars: Sequence[str] = ()

    def __post_init__(self) -> None:
        for what, text in (("prefix", self.prefix), ("namespace", self.namespace)):
            if text and not _NAME.fullmatch(text):
                raise ConfigurationError(
                    f"upstream {self.name}: {what} {text!r} must be letters and digits."
                )


@dataclass(frozen=True, slots=True)
class RemoteRoot(Binding):
    """A root field that an upstream answers; `name` is its own name there."""

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoteNamespace(Binding):
    """A root field that holds the root fields of an upstream."""

    source: str


@dataclass(frozen=True, slots=True)
class RemoteObject(Binding):
    """A field of an entity: an object of an upstream, found by columns of the row.

    `by` is how it is found there: `_entities`, a root field that takes one key, or one that takes
    a list of them. `key` names the columns by the upstream's fields, or the one column.
    """

    source: str
    type: str
    key: tuple[tuple[str, str], ...]
    by: str = "_entities"


@dataclass(frozen=True, slots=True)
class LocalRow(Binding):
    """A field of an upstream's type: the entity's row whose key the type's `key` field holds.

    With a `column`, the list of the rows that hold it there.
    """

    entity: str
    key: str
    column: ColumnInfo | None = None


def remote(
    source: str,
    type_: str,
    key: str | Mapping[str, str],
    *,
    by: str = "_entities",
    **options: Any,
) -> Any:
    """An object of an upstream.

    For example `owner: Remote | None = remote("people", "Person", "owner_id", by="person(id:)")`.
    `key` is the column that holds its `id`, or columns by the names of its key fields. `by` names
    the upstream's root field that finds it, `person(id:)` or `people(ids:)`; where it is not given
    the upstream is asked as a subgraph, by `_entities`.
    """
    pairs = (("id", key),) if isinstance(key, str) else tuple(key.items())
    return bound(RemoteObject(source, type_, pairs, by), options)


# What is asked -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RemoteHole:
    """A place in an upstream's answer for the value of another source.

    `alias` is the response key under which the key's value is asked for, `key` the response key
    that the client wants.
    """

    alias: str
    key: str
    slot: int


@dataclass(frozen=True, slots=True)
class RemoteSelection:
    """A selection as the upstream understands it.

    `text` is GraphQL; `holes` and `typenames` (alias → response key, or none to take it out) are
    what must be replaced in the answer; `variables` are the names that the text uses, with their
    types.
    """

    text: str
    holes: tuple[RemoteHole, ...] = ()
    typenames: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RemoteFields:
    """Root fields of one upstream that travel in one document.

    `keys` are their response keys, or one group of them where they stand in a namespace. `name` is
    what the document is called, empty for nothing.
    """

    operation: Literal["query", "mutation", "subscription"]
    parts: tuple[RemotePart, ...]
    selection: RemoteSelection
    name: str = ""


@dataclass(frozen=True, slots=True)
class RemotePart:
    """One root field of ours: the upstream's response keys it holds.

    A plain one holds one, whose value it is; a namespace holds any number and is an object of
    them, with `typename` under each of `typename_keys`; its keys there begin with `prefix`.
    """

    keys: tuple[str, ...]
    namespace: bool = False
    typename: str = ""
    typename_keys: tuple[str, ...] = ()
    prefix: str = ""

    def shown(self, key: str) -> str:
        """The response key that the client gave."""
        return key.removeprefix(self.prefix)


@dataclass(frozen=True, slots=True, eq=False)
class RemoteObjects:
    """Objects of one type by key, with a selection.

    `texts` says which parts of the key are text there (`ID` or `String`), whatever they are here.
    `name` as of `RemoteFields`.
    """

    type: str
    by: str
    fields: tuple[str, ...]
    key: tuple[ColumnInfo, ...]
    selection: RemoteSelection
    texts: tuple[bool, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class UpstreamInfo:
    """An upstream in the catalog: its types' names there by ours, and how it finds objects."""

    name: str
    types: Mapping[str, str]
    finders: Mapping[str, Finder]
    joins: Mapping[tuple[str, str], EntityInfo] = field(default_factory=dict)
    directives: frozenset[str] = frozenset()
    """Names of its directives for fields, which go on to it."""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Finder:
    """A root field that finds objects by key: the argument, its type as text, and whether many."""

    argument: str
    type: str
    many: bool
