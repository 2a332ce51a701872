"""Everything in the bundled schema says what it is, whoever made it: a person or a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from graphql import (
    DirectiveLocation,
    build_schema,
    is_scalar_type,
    is_specified_scalar_type,
)

from gateway.domain import load_schema
from gateway.schema.columns.scalars import SCALARS
from gateway.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphql import GraphQLSchema

SPECIFIED = {
    "_Any": "the specification of Apollo Federation defines it",
    "_Entity": "likewise",
    "_Service": "likewise",
    "_Service.sdl": "likewise",
    "Query._entities": "likewise",
    "Query._entities(representations:)": "likewise",
    "Query._service": "likewise",
    "@oneOf": "the specification of GraphQL defines it, and graphql-core says nothing of it",
}
"""What says nothing here, and why it need not."""

UNSPECIFIED = {
    "_Any": "the specification of Apollo Federation defines it, and its SDL has no address",
    "Vector": "its description says all: a list of numbers",
}
"""Scalars without an address of what specifies them, and why."""

ON_THE_SCHEMA = {DirectiveLocation.FIELD_DEFINITION, DirectiveLocation.OBJECT}
"""Where directives stand of whose arguments Strawberry prints no description."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The bundled schema as clients read it, the directives on its elements included."""
    printed = load_schema(Settings()).as_str()
    return build_schema(printed, assume_valid=True, assume_valid_sdl=True)


def elements(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    """Everything that can have a description, by a name that says where it stands."""
    for name, type_ in schema.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(type_):
            continue
        yield name, type_
        for member, value in getattr(type_, "values", {}).items():
            yield f"{name}.{member}", value
        for member, field in getattr(type_, "fields", {}).items():
            yield f"{name}.{member}", field
            yield from arguments(f"{name}.{member}", field)
    for directive in schema.directives:
        yield f"@{directive.name}", directive
        if not set(directive.locations) <= ON_THE_SCHEMA:
            yield from arguments(f"@{directive.name}", directive)


def arguments(owner: str, element: Any) -> Iterator[tuple[str, Any]]:
    """Those of a field or of a directive; members of inputs have none."""
    for name, argument in getattr(element, "args", {}).items():
        yield f"{owner}({name}:)", argument


def test_everything_is_described(schema: GraphQLSchema) -> None:
    """Types, fields, arguments, members of inputs, values of enums, and directives."""
    silent = {name for name, element in elements(schema) if not element.description}
    assert silent == set(SPECIFIED)


def test_descriptions_are_sentences(schema: GraphQLSchema) -> None:
    """They end as such, and are short enough to be read beside what they are of.

    Those of directives are partly graphql-core's.
    """
    found = [element for name, element in elements(schema) if not name.startswith("@")]
    texts = {element.description or "." for element in found}
    assert [text for text in texts if not text.endswith(".")] == []
    assert [text for text in texts if len(text) > 400] == []


def test_scalars_say_where_they_are_specified(schema: GraphQLSchema) -> None:
    """Ours of columns too that the bundled schema does not use."""
    urls = {
        type_.name: type_.specified_by_url
        for type_ in schema.type_map.values()
        if is_scalar_type(type_) and not is_specified_scalar_type(type_)
    }
    urls |= {scalar.name: scalar.specified_by_url for scalar in SCALARS.values()}
    assert {name for name, url in urls.items() if url is None} == set(UNSPECIFIED)
    assert all(url is None or url.startswith("https://") for url in urls.values())
    assert {"Date", "DateTime", "Time", "UUID", "Bytes", "Duration", "JSON"} <= set(urls)
