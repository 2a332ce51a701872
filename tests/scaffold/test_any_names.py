"""Whatever tables and columns are called, the package imports, builds, and loses none of them."""

import importlib
import itertools
import keyword
import sys
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.scaffold.naming import ATTRIBUTES, BUILTINS, FIELDS, TYPE_ENDS, TYPES
from gateway.scaffold.package_text import files_of
from gateway.scaffold.planning import plan
from gateway.scaffold.selection import Selection
from gateway.schema.build import build
from gateway.schema.columns import kinds
from gateway.sources.postgres.introspection.catalogue import (
    Column,
    ColumnType,
    Database,
    EnumType,
    ForeignKey,
    Name,
    Table,
)

NASTY = sorted(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *ATTRIBUTES,
        *FIELDS,
        *TYPES,
        *(name for name in BUILTINS if name[0] != "_"),
        *(f"item{end}" for end in TYPE_ENDS),
        *("item", "items", "Item", "item_list", "parent", "parent_id", "item_id", "items_id"),
        *(
            "id",
            "ID",
            "name",
            "value",
            "a b",
            "a-b",
            "a_b",
            "2x",
            "x2",
            "x_2",
            "ü",
            "名",
            "$1",
            "'",
        ),
        *('"', "\\", "\n", "%s", "{x}", ":a", "self", "cls", "sa", "pg", "metadata", "enum_type"),
        *("UUID", "Decimal", "datetime", "domain", "base", "public", "__init__", "__class__"),
    }
)
INTEGER = ColumnType("integer", "sa.Integer", kinds.INT)
NAMES = st.sampled_from(NASTY)
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Pulled:
    """Writes packages into a folder that is on the path."""

    home: object

    def api(self, database, schemas):
        """The built API of what is pulled from a database."""
        name = f"any_names_{next(NUMBERS)}"
        selection = Selection(schemas=schemas)
        for path, text in files_of(plan(database, selection), selection).items():
            file = self.home / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        importlib.invalidate_caches()
        try:
            return build(importlib.import_module(name).domain)
        finally:
            for one in [one for one in sys.modules if one.partition(".")[0] == name]:
                del sys.modules[one]


@pytest.fixture(scope="module")
def pulled(tmp_path_factory):
    home = tmp_path_factory.mktemp("any_names")
    sys.path.insert(0, str(home))
    yield Pulled(home)
    sys.path.remove(str(home))


@st.composite
def databases(draw):
    """Some tables with a key of one or two columns, foreign keys among them, and an enum."""
    schemas = draw(st.sampled_from([("public",), ("public", "class"), ("a b", "models")]))
    enum = EnumType(
        Name(schemas[0], draw(NAMES)),
        tuple(draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))),
        None,
    )
    names = draw(
        st.lists(
            st.builds(Name, st.sampled_from(schemas), NAMES), min_size=1, max_size=6, unique=True
        )
    )
    columns = {name: draw(st.lists(NAMES, min_size=2, max_size=6, unique=True)) for name in names}
    width = {name: draw(st.integers(1, 2)) for name in names}

    def foreign_keys(name):
        for other in draw(st.lists(st.sampled_from(names), max_size=3)):
            own = draw(st.permutations(columns[name]))[: width[other]]
            if len(own) == width[other]:
                yield ForeignKey(tuple(own), other, tuple(columns[other][: width[other]]))

    tables = [
        Table(
            name,
            "table",
            tuple(
                Column(one, ColumnType("e", None, None, enum) if place == 3 else INTEGER, place > 1)
                for place, one in enumerate(columns[name])
            ),
            primary=tuple(columns[name][: width[name]]),
            foreign_keys=tuple(
                key for key in foreign_keys(name) if columns[name][3:4] != [*key.columns][:1]
            ),
        )
        for name in names
    ]
    return Database(tuple(tables)), schemas


@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # an example takes too long to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(databases())
def test_whatever_it_is_called(pulled, given_database):
    """Every table with more than a bare join is an entity with all its columns."""
    database, schemas = given_database
    api = pulled.api(database, schemas)
    bound = {
        (entity.table.schema or "public", entity.table.name): entity
        for entity in api.catalog.entities.values()
    }
    assert len(bound) == len(api.catalog.entities)
    for table in database.tables:
        entity = bound.get(tuple(table.name))
        if entity is not None:
            shown = {info.column.name for info in entity.columns.values()}
            assert shown == {column.name for column in table.columns}
            assert len(entity.columns) == len(table.columns)
