"""A declaration says at import what is wrong with it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from notes import synced, table

from gateway.errors import ConfigurationError
from gateway.schema.vectors.collections import VectorCollection
from gateway.schema.vectors.sync import VectorSync
from gateway.sources.postgres.syncing.ledger import Row
from gateway.sync.choosing import Need, fitting, need

OTHER = sa.Table("other", sa.MetaData(), sa.Column("name", sa.Text, primary_key=True))
PLAIN = VectorCollection("plain", size=4)


def test_it_knows_its_key_and_its_columns():
    """The columns that text and payload read, each once."""
    sync = synced("notes")
    assert sync.key is table.c.id
    assert sync.columns == ("body", "score", "title")
    assert sync.indexes == {"title": "keyword", "score": "float"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: VectorSync(PLAIN, OTHER, text=OTHER.c.name), "one integer or UUID"),
        (lambda: VectorSync(PLAIN, table, text=OTHER.c.name), "no column of table notes"),
        (
            lambda: VectorSync(
                PLAIN, table, text=sa.select(sa.func.max(table.c.title)).scalar_subquery()
            ),
            "the row's own columns",
        ),
        (lambda: synced("notes", payload={"title": table.c.title}), "it lacks score"),
        (lambda: synced("notes", indexed=("body",)), "'body' cannot be indexed"),
        (
            lambda: VectorSync(
                VectorCollection("named", vector="dense"), table, text=table.c.title
            ),
            "without a name",
        ),
        (
            lambda: VectorSync(
                VectorCollection("keyed", entity_key="note"), table, text=table.c.title
            ),
            "declare no entity_key",
        ),
    ],
)
def test_a_wrong_declaration_is_refused(make, said):
    """The collection is named, and what would be right."""
    with pytest.raises(ConfigurationError, match=f"^sync of collection .*{said}"):
        make()


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ((None, None, None), Need.EMBED),
        (("m", "t", "p"), Need.NOTHING),
        (("m", "t", "other"), Need.PAYLOAD),
        (("m", "t", None), Need.EMBED),
        (("m", "other", "p"), Need.EMBED),
        (("other", "t", "p"), Need.EMBED),
    ],
)
def test_what_a_row_needs(known, wanted):
    """By model, text and payload, in this order; and by whether the record is certain."""
    assert need(Row("1", "text", "{}", "t", "p", *known), "m") is wanted
    assert need(Row("1", None, None, None, None, *known), "m") is Need.REMOVE


def test_a_long_text_is_cut_at_a_space():
    """As late as possible; a text without spaces is cut where the limit is."""
    sync = synced("notes")
    assert fitting("short", sync, 5) == "short"
    assert fitting("one two three", sync, 9) == "one two"
    assert fitting("onetwothree", sync, 6) == "onetwo"
