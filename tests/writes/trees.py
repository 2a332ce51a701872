"""Rows whose rule looks into their own table: a folder belongs to whoever owns the one above it."""

from typing import Any

import sqlalchemy as sa
from strawberry import ID

from gateway import (
    Connection,
    Domain,
    ViewerColumns,
    entity,
    listing,
    mutations,
    queries,
    upsert,
    upsert_many,
)

metadata = sa.MetaData()
trees = sa.Table(
    "trees",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("owner", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("trees.id")),
)
ROWS = """
INSERT INTO trees (slug, owner, title, parent_id) VALUES
  ('of-ann', 'ann', 'hers', NULL), ('of-bob', 'bob', 'his', NULL),
  ('below-ann', NULL, 'hers', 1), ('below-bob', NULL, 'his', 2), ('deep-bob', NULL, 'his', 4);
"""


def not_below_others(row: Any, viewer: ViewerColumns) -> sa.ColumnElement[Any]:
    """No row of another owner, and none below such a row, which the rule looks for by two names."""
    above = trees.alias("t1")  # as the statements themselves call their first table
    owned = sa.exists().where(trees.c.id == row.parent_id, trees.c.owner != viewer.subject)
    twice = sa.exists().where(
        above.c.id == row.parent_id, trees.c.id == above.c.parent_id, trees.c.owner != "ann"
    )
    return sa.and_(sa.or_(row.owner.is_(None), row.owner == viewer.subject), ~owned, ~twice)


@entity(trees, rule=not_below_others)
class Tree:
    """A folder, which may lie in another."""

    id: ID
    slug: str
    owner: str | None
    title: str | None
    parent_id: int | None


@queries
class TreeQueries:
    """Reading."""

    trees: Connection[Tree] | None = listing()


@mutations
class TreeMutations:
    """Writing."""

    upsert_tree: Tree | None = upsert("slug")
    upsert_trees: list[Tree] | None = upsert_many("slug")


domain = Domain(entities=[Tree], queries=[TreeQueries], mutations=[TreeMutations])
