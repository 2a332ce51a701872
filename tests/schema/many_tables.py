"""A domain of as many tables as are wanted, each with columns of several kinds and relations."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from strawberry import ID

from gateway import (
    Connection,
    Domain,
    belongs_to,
    by_key,
    entity,
    has_many,
    insert,
    listing,
    mutations,
    queries,
    update_each,
    update_many,
    upsert,
)


def domain_of(number: int) -> Domain:
    """`Thing0` and so on: each refers to the one before, and is read and written."""
    metadata = sa.MetaData()
    things: list[Any] = []
    for place in range(number):
        things.append(_thing(metadata, place, things, last=place == number - 1))
    reads, writes = [], []
    for one in things:
        name = one.__name__.lower()
        reads.append(
            queries(
                _class(
                    f"{one.__name__}Queries",
                    {name: (one | None, by_key()), f"{name}s": (Connection[one] | None, listing())},
                )
            )
        )
        writes.append(
            mutations(
                _class(
                    f"{one.__name__}Mutations",
                    {
                        f"insert_{name}": (one | None, insert()),
                        f"upsert_{name}": (one | None, upsert("name")),
                        f"update_{name}s": (list[one] | None, update_many()),
                        f"update_each_{name}": (list[one] | None, update_each()),
                    },
                )
            )
        )
    return Domain(things, reads, writes)


def _thing(metadata: sa.MetaData, place: int, things: list[Any], *, last: bool) -> type:
    columns = [
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("size", sa.Integer),
        sa.Column("price", sa.Numeric),
        sa.Column("seen", sa.DateTime(timezone=True)),
    ]
    fields: dict[str, tuple[Any, Any]] = {
        "id": (ID, None),
        "name": (str, None),
        "size": (int | None, None),
        "price": (Decimal | None, None),
        "seen": (datetime | None, None),
    }
    if things:
        columns.append(sa.Column("before_id", sa.ForeignKey(f"thing_{place - 1}.id")))
        fields["before"] = (things[-1] | None, belongs_to("before_id"))
    if not last:
        fields["after"] = (f"Connection[Thing{place + 1}]", has_many("before_id"))
    return entity(sa.Table(f"thing_{place}", metadata, *columns))(_class(f"Thing{place}", fields))


def _class(name: str, fields: dict[str, tuple[Any, Any]]) -> type:
    """A class with these fields: each one's annotation, and what is assigned to it if anything."""
    body: dict[str, Any] = {field: value for field, (_, value) in fields.items() if value}
    annotations = {field: annotation for field, (annotation, _) in fields.items()}
    return type(name, (), {**body, "__annotations__": annotations, "__module__": __name__})
