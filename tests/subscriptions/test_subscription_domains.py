"""What start-up refuses about subscriptions names the field and says what would be right."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
import strawberry  # noqa: TC002 - read when the schema is built
from subscriptions.newsroom import Author, Story

from gateway import (
    Change,
    Domain,
    StateSubscriptions,
    by_key,
    changes,
    entity,
    queries,
    subscriptions,
)
from gateway.errors import ConfigurationError
from gateway.schema.build import build


@queries
class Reading:
    story: Story | None = by_key()


def refused(*classes: type, entities: tuple[type, ...] = (Author, Story), **more: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        build(Domain(entities=entities, queries=[Reading], subscriptions=classes, **more))
    return str(error.value)


def test_a_change_is_of_an_entity_that_may_be_missing() -> None:
    """By its annotation."""

    @subscriptions
    class Wrong:
        told: Story | None = changes()

    assert "annotate it so" in refused(Wrong)

    @subscriptions
    class NotNull:
        told: Change[Story] = changes()

    assert "NotNull.told" in refused(NotNull)


def test_changes_are_told_by_the_primary_key() -> None:
    """An entity with another key cannot be told of."""
    table = sa.Table(
        "codes",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.Text, unique=True, nullable=False),
    )

    @entity(table, key="code")
    class Code:
        code: strawberry.ID

    annotations = {"told": Change[Code] | None}
    made = type("Telling", (), {"__annotations__": annotations, "told": changes()})
    message = refused(subscriptions(made), entities=(Author, Story, Code))
    assert "primary key of codes" in message


def test_events_have_a_place_of_their_own() -> None:
    """Not among queries, and queries not among events."""

    @queries
    class Asking:
        told: Change[Story] | None = changes()

    with pytest.raises(ConfigurationError, match="@subscriptions"):
        build(Domain(entities=[Author, Story], queries=[Reading, Asking]))

    @subscriptions
    class Telling:
        story: Story | None = by_key()

    assert "Telling.story" in refused(Telling)


def test_channels_need_namespaces() -> None:
    """A domain that lists none has nothing to listen to."""
    assert "namespaces" in refused(StateSubscriptions)
