"""Two tools for agents that may look around: to find fields by words, and to run any query."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from graphql import GraphQLEnumType

from gateway.mcp.tools import OperationTool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphql import GraphQLSchema

MOST = 30
"""Lines of one answer."""
_MOST_WORDS = 6
_MOST_DESCRIPTION = 200


class Search(msgspec.Struct):
    """The arguments of `search_schema`."""

    words: Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="A few words.")]


class Run(msgspec.Struct):
    """The arguments of `run_query`."""

    query: Annotated[str, msgspec.Meta(description="A GraphQL document of one operation.")]
    variables: dict[str, Any] | None = None


def _tool(
    name: str, description: str, kind: type[msgspec.Struct], *, writes: bool
) -> OperationTool:
    ((made,), parts) = msgspec.json.schema_components([kind], ref_template="{name}")
    schema = {**parts[made["$ref"]], "additionalProperties": False}
    return OperationTool(name, "", description, schema, writes)


SEARCH = _tool(
    "search_schema",
    "Finds types and fields of this GraphQL API by words of their names and descriptions, the best "
    "first. A query begins with fields of Query.",
    Search,
    writes=False,
)


def run_tool(*, mutations: bool) -> OperationTool:
    """The tool that runs any document; `mutations`: also those that write."""
    kinds = "query or mutation" if mutations else "query"
    return _tool("run_query", f"Runs a GraphQL {kinds} on this API.", Run, writes=mutations)


class _Entry(NamedTuple):
    """A type or a field: the line that tells of it; its name, and all of it, in lower case."""

    line: str
    name: str
    text: str


class SchemaIndex:
    """What can be found in a schema; `mutations`: fields that write, too."""

    def __init__(self, schema: GraphQLSchema, *, mutations: bool) -> None:
        hidden = {schema.subscription_type, None if mutations else schema.mutation_type}
        kinds = [one for name, one in schema.type_map.items() if not name.startswith("_")]
        self._entries = [each for one in kinds if one not in hidden for each in _entries(one)]

    def search(self, words: str) -> dict[str, Any]:
        """`found`: at most 30 lines, most of the words and root fields first; `more`: left out."""
        terms = words.lower().split()[:_MOST_WORDS]
        ranked = []
        for place, one in enumerate(self._entries):
            if fits := sum((term in one.text) + (term in one.name) for term in terms):
                inner = not one.name.startswith(("query.", "mutation."))
                ranked.append((-fits, inner, len(one.name), place))
        found = [self._entries[place].line for *_, place in nsmallest(MOST, ranked)]
        return {"found": found, "more": len(ranked) - len(found)}


def _entries(kind: Any) -> Iterator[_Entry]:
    values = f": {', '.join(kind.values)}" if isinstance(kind, GraphQLEnumType) else ""
    yield _entry(kind.name, f" is a type{values}", kind.description)
    for name, field in getattr(kind, "fields", {}).items():
        taken = ", ".join(f"{key}: {one.type}" for key, one in getattr(field, "args", {}).items())
        says = f"({taken}): {field.type}" if taken else f": {field.type}"
        yield _entry(f"{kind.name}.{name}", says, field.description)


def _entry(name: str, says: str, description: str | None) -> _Entry:
    told = " ".join((description or "").split())[:_MOST_DESCRIPTION]
    line = f"{name}{says} # {told}" if told else name + says
    return _Entry(line, name.lower(), line.lower())
