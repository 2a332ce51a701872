"""The service that knows who owns a trend: a small subgraph, run beside the demo's engines.

It stands for a service of somebody else's and knows nothing of the gateway, which has its schema in
`resolvers/upstreams/people.graphql`. The desks are invented.
"""

from __future__ import annotations

import strawberry
from strawberry.asgi import GraphQL


@strawberry.federation.type(
    keys=["id"], description="Who looks after something: a person, or a desk of several."
)
class Person:
    """One desk."""

    id: strawberry.ID = strawberry.field(description="Their id in the directory.")
    name: str = strawberry.field(description="Their name.")
    role: str = strawberry.field(description="What they look after.")

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> Person | None:  # noqa: A002 - the key's name
        """The desk of this id; None where there is none."""
        return _BY_ID.get(id)


DESKS = tuple(
    Person(id=strawberry.ID(id_), name=name, role=role)
    for id_, name, role in (
        ("front-door", "Front Door Desk", "How attackers scout, prepare and get in."),
        ("foothold", "Foothold Desk", "What they run, and how they stay and rise."),
        ("hide-and-seek", "Hide and Seek Desk", "How they hide, and what they look for."),
        ("lost-keys", "Lost Keys Desk", "Whose credentials they take, and where those lead."),
        ("way-out", "Way Out Desk", "What they gather, steer, carry away and break."),
    )
)
"""Everybody there is."""
_BY_ID = {desk.id: desk for desk in DESKS}


@strawberry.type
class Query:
    """What the service is asked."""

    people: list[Person] | None = strawberry.field(
        resolver=lambda: list(DESKS), description="Everybody who may own a trend."
    )


schema = strawberry.federation.Schema(query=Query)
app = GraphQL[None, None](schema, graphql_ide=None)
