"""Hypothesis strategies for whole operations on the zoo.

First what is asked is drawn, as a tree of fields with unique response keys; then how it is written:
fields split and repeated, fragments, `@skip` and `@include`, arguments as literals or variables. So
every document is valid, and every way of writing has a chance.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_leaf_type,
)
from hypothesis import strategies as st
from toy.conditions import orders, pool, wheres

from gateway.schema import bindings as b
from gateway.schema import opaque
from gateway.schema.selection import TYPENAME

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn
    from reference import PlainApi

LONG = "a" * 70
ALIASES = [
    "a",
    "x1",
    "x2",
    "x3",
    "t1",
    "t2",
    "j3",
    "r4",
    "q5",
    "n",
    "k",
    "k0",
    "e",
    "i",
    "id",
    LONG,
]
MOST_FIELDS = 30
BEYOND = {"aggregate", "groups", "greedy", "beyondJson"}
"""What the reference cannot compute (it has tests of its own), or does not restrict."""


@dataclass
class Asked:
    """One field of the answer. `arguments` are JSON; `below` is by object type."""

    key: str
    name: str
    definition: Any
    arguments: dict[str, Any] = field(default_factory=dict)
    below: dict[str, list[Asked]] = field(default_factory=dict)


@dataclass
class Question:
    """A document and its variables."""

    document: str
    variables: dict[str, Any]


@st.composite
def questions(draw: DrawFn, plain: PlainApi) -> Question:
    """An operation over the whole schema."""
    asked = draw(_asked(plain, "Query", [MOST_FIELDS]))
    return _Writing(draw, plain).operation(asked)


# What is asked -------------------------------------------------------------------------------


@st.composite
def _asked(
    draw: DrawFn, plain: PlainApi, type_name: str, left: list[int], suffix: str = ""
) -> list[Asked]:
    """Fields of a type; `left` counts down how many more the operation may have."""
    type_: Any = plain.catalog.schema.type_map[type_name]
    fields = type_.fields
    names = [
        name
        for name in fields
        if name not in BEYOND and (left[0] > 0 or is_leaf_type(get_named_type(fields[name].type)))
    ]
    found: dict[str, Asked] = {}
    for name in draw(st.lists(st.sampled_from([*names, TYPENAME]), min_size=1, max_size=4)):
        left[0] -= 1
        key = draw(st.sampled_from([name, *ALIASES]) if draw(st.booleans()) else st.just(name))
        key += suffix
        if key in found:
            continue
        if name == TYPENAME:
            found[key] = Asked(key, name, None)
            continue
        asked = Asked(key, name, fields[name])
        asked.arguments = draw(_arguments(plain, type_name, name, fields[name]))
        named = get_named_type(fields[name].type)
        possible = sorted(plain.catalog.possible.get(named.name, ()))
        if possible:
            concrete = draw(st.lists(st.sampled_from(possible), max_size=3, unique=True))
            concrete += [_type_of_node(asked.arguments["nodeId"])]
            for number, each in enumerate(dict.fromkeys(concrete)):
                asked.below[each] = draw(_asked(plain, each, left, f"_{number}"))
        elif not is_leaf_type(named):
            asked.below[named.name] = draw(_asked(plain, named.name, left))
        found[key] = asked
    return list(found.values()) or [Asked(TYPENAME, TYPENAME, None)]


def _type_of_node(node_id: str) -> str:
    decoded = opaque.decode(node_id)
    assert decoded is not None
    return decoded[0]


@st.composite
def _arguments(
    draw: DrawFn, plain: PlainApi, type_name: str, name: str, definition: Any
) -> dict[str, Any]:
    catalog = plain.catalog
    info = catalog.fields[type_name, name]
    if not definition.args:
        return {}
    if isinstance(info.binding, b.ByNodeId):
        entity = catalog.entities[draw(st.sampled_from(sorted(catalog.entities)))]
        row = draw(st.sampled_from(plain.store.rows(entity)))
        return {"nodeId": plain.node_id(entity, row)}
    if isinstance(info.binding, b.ByKey):
        entity = catalog.entities[info.type_name]
        return {key.name: draw(st.sampled_from(pool(key))) for key in entity.key}
    if info.plain:
        given = {"prefix": st.sampled_from(["", "no.", "ä\n"]), "times": st.integers(0, 2)}
        return {each: draw(given[each]) for each in definition.args if draw(st.booleans())}
    return draw(_page(plain, info.type_name))


@st.composite
def _page(draw: DrawFn, plain: PlainApi, type_name: str) -> dict[str, Any]:
    entity = plain.catalog.entities[plain.catalog.fields[type_name, "nodes"].type_name]
    arguments: dict[str, Any] = {}
    size = draw(st.sampled_from([None, None, 0, 1, 2, 3, 7, 50]))
    if size is not None:
        arguments[draw(st.sampled_from(["first", "first", "last"]))] = size
    if draw(st.booleans()):
        arguments["where"] = draw(wheres(plain.catalog, entity, 2))
    if draw(st.booleans()):
        arguments["orderBy"] = draw(orders(plain.catalog, entity))
    columns: Any = plain.catalog.schema.type_map.get(f"{entity.name}Column")
    if columns is not None and draw(st.integers(0, 3)) == 0:
        names = st.sampled_from(sorted(columns.values))
        arguments["distinctOn"] = draw(st.lists(names, min_size=1, max_size=2, unique=True))
    _, cursors = plain.cursors(entity, arguments.get("orderBy"))
    for name in ("after", "before"):
        if cursors and draw(st.integers(0, 3)) == 0:
            arguments[name] = draw(st.sampled_from(cursors))
    return arguments


# How it is written ---------------------------------------------------------------------------


class _Writing:
    def __init__(self, draw: DrawFn, plain: PlainApi) -> None:
        self.draw = draw
        self.plain = plain
        self.variables: dict[str, Any] = {}
        self.declared: list[str] = []
        self.fragments: list[str] = []
        self.texts: dict[int, str] = {}

    def operation(self, asked: list[Asked]) -> Question:
        body = self.selections(asked, "Query")
        head = f"query({', '.join(self.declared)})" if self.declared else "query"
        return Question("\n".join([f"{head} {body}", *self.fragments]), self.variables)

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == 1

    def selections(self, asked: list[Asked], type_name: str) -> str:
        written = [self.wrapped(self.field(each), type_name) for each in asked]
        repeated = [each for each in asked if self.chance(8)]
        written += [self.wrapped(self.field(each), type_name) for each in repeated]
        return "{ " + " ".join(written) + " }"

    def wrapped(self, text: str, type_name: str) -> str:
        """The field alone, in an inline fragment, or in a named one."""
        how = self.draw(st.integers(0, 11))
        if how == 0:
            return f"... on {type_name}{self.condition()} {{ {text} }}"
        if how == 1:
            return f"...{self.condition()} {{ {text} }}"
        if how == 2:
            name = f"F{len(self.fragments)}"
            self.fragments.append(f"fragment {name} on {type_name} {{ {text} }}")
            return f"...{name}{self.condition()}"
        return text

    def condition(self) -> str:
        if not self.chance(4):
            return ""
        directive = self.draw(st.sampled_from(["skip", "include"]))
        value = self.draw(st.booleans())
        text = self.variable("Boolean!", value) if self.chance(2) else json.dumps(value)
        return f" @{directive}(if: {text})"

    def field(self, asked: Asked) -> str:
        """One way of writing a field; its arguments are the same in every way."""
        head = asked.name if asked.key == asked.name else f"{asked.key}: {asked.name}"
        if id(asked) not in self.texts:
            self.texts[id(asked)] = self.arguments(asked)
        head += self.texts[id(asked)] + self.condition()
        if not asked.below:
            return head
        if len(asked.below) == 1 and not self.is_abstract(asked):
            ((type_name, below),) = asked.below.items()
            if len(below) > 1 and self.chance(6):
                return " ".join(f"{head} {self.selections([part], type_name)}" for part in below)
            return f"{head} {self.selections(below, type_name)}"
        parts = [
            f"... on {name} {self.selections(below, name)}" for name, below in asked.below.items()
        ]
        return f"{head} {{ {' '.join(parts)} }}"

    def is_abstract(self, asked: Asked) -> bool:
        return get_named_type(asked.definition.type).name in self.plain.catalog.possible

    # Arguments

    def arguments(self, asked: Asked) -> str:
        parts = [
            f"{name}: {self.value(value, asked.definition.args[name].type)}"
            for name, value in asked.arguments.items()
        ]
        if asked.definition is not None:
            parts += [
                f"{name}: {self.omitted(argument.type)}"
                for name, argument in asked.definition.args.items()
                if name not in asked.arguments and self.chance(12)
            ]
        return f"({', '.join(parts)})" if parts else ""

    def omitted(self, type_: Any) -> str:
        """A variable that the request does not give; as if the argument were not there."""
        name = self.declare(str(type_).rstrip("!"))
        return f"${name}"

    def declare(self, type_: str) -> str:
        name = f"v{len(self.declared)}"
        self.declared.append(f"${name}: {type_}")
        return name

    def variable(self, type_: str, value: Any) -> str:
        name = self.declare(type_)
        self.variables[name] = value
        return f"${name}"

    def value(self, value: Any, type_: Any) -> str:
        bare = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        named: Any = get_named_type(bare)
        if self.chance(3) or named.name == "JSON":
            return self.variable(f"{bare}!", value)
        if isinstance(bare, GraphQLList):
            return "[" + ", ".join(self.value(each, bare.of_type) for each in value) + "]"
        if isinstance(bare, GraphQLInputObjectType):
            members = (
                f"{name}: {self.value(member, bare.fields[name].type)}"
                for name, member in value.items()
            )
            return "{" + ", ".join(members) + "}"
        return str(value) if isinstance(bare, GraphQLEnumType) else json.dumps(value)
