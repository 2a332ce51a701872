"""Who may not read a column may not search by what was made of it.

Annotations are evaluated where they stand, so this file has no `from __future__ import annotations`.
"""

from typing import Any

import pytest
from notes import synced, table
from strawberry import ID

from gateway import (
    Connection,
    Domain,
    Hits,
    column,
    entity,
    listing,
    nearest,
    queries,
    search,
)
from gateway.errors import ConfigurationError
from gateway.schema.build import build

SYNC = synced("guarded_notes")


def domain(**bindings: Any) -> Domain:
    """Notes whose body is for the staff, and a root field of this binding."""

    @entity(table)
    class Note:
        id: ID
        title: str
        body: str | None = column(roles=["staff"])
        similar: "Hits[Note] | None" = bindings.pop("similar", nearest(SYNC.collection))

    @queries
    class Roots:
        found: Hits[Note] | None = bindings.pop("found", search(SYNC.collection, roles=["staff"]))
        notes: Connection[Note] | None = bindings.pop("notes", listing())

    return Domain(entities=[Note], queries=[Roots], syncs=[SYNC])


@pytest.mark.parametrize(
    ("field", "binding"),
    [
        ("Note.similar", {}),
        ("Query.found", {"found": search(SYNC.collection)}),
        ("Query.found", {"found": search(SYNC.collection, roles=["other"])}),
        ("Query.notes", {"notes": listing(near=SYNC.collection)}),
    ],
)
def test_a_search_asks_for_what_the_columns_ask_for(field: str, binding: dict[str, Any]) -> None:
    """Start-up names the field and the column."""
    guarded = {"similar": nearest(SYNC.collection, roles=["staff"])} if binding else {}
    with pytest.raises(ConfigurationError, match=rf"^{field}: .*guarded_notes.*notes\.body"):
        build(domain(**guarded, **binding))


def test_one_that_asks_for_it_is_fine() -> None:
    """And so is a search of another collection."""
    asked = {"similar": nearest(SYNC.collection, roles=["staff"])}
    assert build(domain(**asked))
    assert build(domain(**asked, found=search("other_notes")))
