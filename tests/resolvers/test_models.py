"""The models say what people read in the schema, and keep the rules of the house."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from resolvers import models

TABLES = list(models.metadata.tables.values())
DESCRIBED = [*TABLES, *models.views.tables.values()]
SPECIFIED = {
    "trends": "id topic_id rank title summary category state score item_count upvotes comments "
    "engagement_score sources language keywords first_seen last_updated velocity metadata version",
    "topics": "id title summary category language keywords item_count engagement_score first_seen "
    "last_updated",
    "processed_items": "id source source_id title content author url language published_at "
    "collected_at metrics metadata",
    "topic_items": "topic_id item_id position relevance",
    "plugin_health": "id name status last_success error_count",
    "pipeline_runs": "id status started_at ended_at items_collected items_processed errors",
    "users": "id email role password_hash api_key_hashes active",
    "collections": "id name vector_size distance embedding_model owner_id point_count status",
    "vector_metadata": "id collection_id point_id entity_type entity_id content_hash model "
    "embedded_at",
    "embedding_jobs": "id collection_id status total done failed attempts last_error started_at "
    "finished_at",
}


def _ids(tables):
    return [table.name for table in tables]


def test_the_tables_are_those_of_the_domain():
    """Ten tables and one view, under the names that the domain gives them."""
    assert set(_ids(TABLES)) == set(SPECIFIED)
    assert _ids(models.views.tables.values()) == ["top_trends_today"]
    assert all(getattr(models, table.name) is table for table in DESCRIBED)


@pytest.mark.parametrize("table", TABLES, ids=_ids(TABLES))
def test_the_specified_columns_are_there(table):
    """No column of the specification is missing."""
    assert set(SPECIFIED[table.name].split()) <= set(table.columns.keys())


@pytest.mark.parametrize("table", DESCRIBED, ids=_ids(DESCRIBED))
def test_everything_is_described_in_a_sentence(table):
    """Each table and column has a comment that ends with a full stop."""
    for thing in (table, *table.columns):
        assert thing.comment, thing
        assert thing.comment.endswith("."), thing


@pytest.mark.parametrize("table", TABLES, ids=_ids(TABLES))
def test_every_foreign_key_is_indexed(table):
    """Some index begins with the columns of each foreign key."""
    candidates = [list(index.columns) for index in table.indexes]
    candidates += [
        list(constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint | sa.PrimaryKeyConstraint)
    ]
    for key in table.foreign_key_constraints:
        columns = list(key.columns)
        assert any(found[: len(columns)] == columns for found in candidates), key.name


@pytest.mark.parametrize("table", TABLES, ids=_ids(TABLES))
def test_every_float_is_kept_finite(table):
    """Each float column has a CHECK, so that no NaN reaches a client."""
    checked = " ".join(
        str(constraint.sqltext)
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    )
    for column in table.columns:
        if isinstance(column.type, sa.Float):
            assert column.name in checked, column


@pytest.mark.parametrize("table", TABLES, ids=_ids(TABLES))
def test_names_fit_postgresql(table):
    """Constraints and indexes have names, and no name is cut at 63 bytes."""
    names = [thing.name for thing in (*table.constraints, *table.indexes)]
    sql = str(sa.schema.CreateTable(table).compile(dialect=postgresql.dialect()))
    assert all(names)
    assert all(len(str(name)) <= 63 for name in names)
    assert sql.count("CONSTRAINT ") == len(table.constraints)


def test_enum_labels_are_the_values_of_the_python_enums():
    """What Python calls a label, PostgreSQL calls it too; asyncpg gives and takes plain text."""
    assert models.trends.c.state.type.enums == [state.value for state in models.TrendState]
    assert models.trends.c.category.type.enums == models.topics.c.category.type.enums
    assert models.processed_items.c.source.type.enums == [s.value for s in models.ItemSource]
