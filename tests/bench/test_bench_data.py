"""The data are the same everywhere and shaped as the workloads need them."""

from collections import Counter

from bench import data
from resolvers.models import metadata


def test_rows_are_the_same_on_every_call():
    """Figures of two days are figures of the same data."""
    for table in data.COLUMNS:
        assert list(data.rows(table)) == list(data.rows(table))


def test_columns_exist_and_rows_fill_them():
    """The generator keeps step with the models; columns without a default are all given."""
    for table, columns in data.COLUMNS.items():
        defined = metadata.tables[table].columns
        needed = {
            column.name
            for column in defined
            if not column.nullable and not column.server_default and not column.computed
        }
        assert needed <= set(columns) <= set(defined.keys())
        assert len(next(data.rows(table))) == len(columns)


def test_the_counts_are_those_of_the_definition():
    """10,000 trends, 1,000 topics, 50,000 items, and 100 different items for each topic."""
    counts = {table: sum(1 for _ in data.rows(table)) for table in data.COLUMNS}
    assert counts == {
        "topics": 1_000,
        "processed_items": 50_000,
        "trends": 10_000,
        "topic_items": 100_000,
    }
    pairs = {(topic, item) for topic, item, *_ in data.rows("topic_items")}
    assert set(Counter(topic for topic, _ in pairs).values()) == {100}
    assert {item for _, item in pairs} == set(range(1, 50_001))
