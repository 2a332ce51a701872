"""Requirements as they are written: what is right is printed, what is wrong stops the start."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from strawberry import ID

from gateway import (
    Connection,
    Domain,
    Row,
    by_key,
    column,
    entity,
    field,
    insert,
    listing,
    mutations,
    named_sql,
    queries,
)
from gateway.errors import ConfigurationError
from gateway.schema.access.requirements import Requirement, Sort
from gateway.schema.build import build

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)


def thing(options: dict[str, Any], on: str = "name") -> type:
    """An entity with these options on one field."""

    @entity(things)
    class Thing:
        """A thing."""

        id: ID = column(**(options if on == "id" else {}))
        name: str = column(**(options if on == "name" else {}))

    return Thing


@pytest.mark.parametrize(
    "options",
    [
        {"scopes": ["a"]},
        {"scopes": "a"},
        {"scopes": [[]]},
        {"scopes": []},
        {"scopes": [["a", ""]]},
        {"policies": ["adult"]},
        {"policies": [[1]]},
        {"roles": []},
        {"roles": [""]},
        {"roles": [["a"]]},
    ],
)
def test_another_shape_is_refused(options: dict[str, Any]) -> None:
    """It would mean something else than its writer thought, or nothing."""
    with pytest.raises(ConfigurationError, match="must be a list"):
        thing(options)
    with pytest.raises(ConfigurationError, match="must be a list"):
        queries(**options)(type("Reading", (), {}))
    with pytest.raises(ConfigurationError, match="must be a list"):
        field(**options)(lambda self: None)  # noqa: ARG005 - a resolver's shape


def test_a_misspelt_option_is_refused() -> None:
    """Wherever it stands: it would leave open what should be guarded."""
    wrong: dict[str, Any] = {"role": ["admin"]}
    with pytest.raises(TypeError, match="role"):
        thing(wrong)
    with pytest.raises(TypeError, match="role"):
        insert(**wrong)
    with pytest.raises(TypeError, match="role"):
        named_sql("x.sql", **wrong)
    for decorate in (queries, mutations):
        with pytest.raises(ConfigurationError, match="role"):
            decorate(**wrong)(type("Reading", (), {}))
    with pytest.raises(ConfigurationError, match="role"):
        field(**wrong)(lambda self: None)  # noqa: ARG005 - a resolver's shape
    with pytest.raises(ConfigurationError, match="role"):
        entity(things, **wrong)(type("Thing", (), {"__annotations__": {"id": ID}}))


def _domain(cls: type, **more: Any) -> Domain:
    @queries
    class Roots:
        """Reading."""

        things: Connection[cls] | None = listing()  # type: ignore[valid-type]  # made at run time

    Roots.__annotations__["things"] = Connection[cls] | None  # type: ignore[valid-type]  # likewise
    return Domain(entities=[cls], queries=[Roots], **more)


def test_a_policy_must_be_there() -> None:
    """By its name, on a field or a type."""
    with pytest.raises(ConfigurationError, match=r"Thing\.name: there is no policy 'adult'"):
        build(_domain(thing({"policies": [["adult"]]})))
    api = build(_domain(thing({"policies": [["adult"]]}), policies={"adult": bool}))
    info = api.catalog.fields["Thing", "name"]
    assert info.access == (Requirement(Sort.POLICIES, frozenset({frozenset({"adult"})})),)


def test_a_key_column_cannot_be_guarded() -> None:
    """Its value is in every cursor and global id."""
    with pytest.raises(ConfigurationError, match=r"Thing\.id is part of the key"):
        build(_domain(thing({"roles": ["admin"]}, on="id")))


def test_a_field_of_a_class_keeps_what_it_says_itself() -> None:
    """And gets the rest from the class; requirements of another kind add up."""
    one = thing({})

    @queries(roles=["editor"], authenticated=True)
    class Roots:
        """Reading."""

        first: one | None = by_key()  # type: ignore[valid-type]  # made at run time
        second: one | None = by_key(roles=["admin"], scopes=[["s"]])  # type: ignore[valid-type]  # likewise

    for name in ("first", "second"):
        Roots.__annotations__[name] = one | None
    api = build(Domain(entities=[one], queries=[Roots]))
    assert '@authenticated @requiresRoles(roles: ["editor"])' in api.schema.as_str()
    sorts = {requirement.sort for requirement in api.catalog.fields["Query", "second"].access}
    assert sorts == {Sort.AUTHENTICATED, Sort.ROLES, Sort.SCOPES}
    roles = [one for one in api.catalog.fields["Query", "second"].access if one.sort is Sort.ROLES]
    assert roles == [Requirement(Sort.ROLES, frozenset({frozenset({"admin"})}))]


def test_a_class_of_api_keys_has_one_statement() -> None:
    """Another shape is refused by name."""

    @queries
    class Keys:
        """Not what it should be."""

        owner: Row | None = named_sql("a.sql")
        other: Row | None = named_sql("b.sql")

    with pytest.raises(ConfigurationError, match="Keys: it must have one field"):
        build(_domain(thing({}), api_keys=Keys))
