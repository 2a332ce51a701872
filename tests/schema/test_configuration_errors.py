"""What start-up refuses: every message names the class and the field, and says what would be right.

Annotations are evaluated where they stand, so this file has no `from __future__ import annotations`.
"""

import enum
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from strawberry import ID
from toy import tables

from gateway import (
    Connection,
    Domain,
    Hits,
    belongs_to,
    by_key,
    column,
    delete_many,
    entity,
    field,
    has_many,
    has_one,
    insert,
    listing,
    many_through,
    mutations,
    nearest,
    queries,
    search,
    state_counter,
    update,
)
from gateway.errors import Code, ConfigurationError
from gateway.schema.build import build


@entity(tables.enclosures)
class Enclosure:
    id: ID
    name: str


@entity(tables.animals)
class Animal:
    id: ID
    name: str


@entity(tables.passports, key="code", source="other")
class Passport:
    code: ID


def _domain(cls: type, *others: type, roots: tuple[type, ...] = ()) -> Domain:
    return Domain(entities=[cls, *others], queries=list(roots))


def unknown_column() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        id: ID
        colour: str

    return _domain(Bad)


def unknown_column_by_name() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        id: ID
        colour: str = column("color")

    return _domain(Bad)


def unknown_key() -> Domain:
    @entity(tables.enclosures, key="number")
    class Bad:
        id: ID

    return _domain(Bad)


def key_without_field() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        name: str

    return _domain(Bad)


def wrong_annotation() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        id: ID
        name: int

    return _domain(Bad)


def wrong_list_annotation() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        tags: list[int]

    return _domain(Bad)


def wrong_enum() -> Domain:
    class Feeling(enum.Enum):
        GOOD = "good"

    @entity(tables.animals)
    class Bad:
        id: ID
        mood: Feeling

    return _domain(Bad)


def unsupported_column() -> Domain:
    table = sa.Table(
        "shapes", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("area", pg.INT4RANGE)
    )

    @entity(table)
    class Bad:
        id: ID
        area: str

    return _domain(Bad)


def unknown_annotation() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: "Pen | None" = belongs_to("enclosure_id")  # type: ignore[name-defined]  # noqa: F821 - that is the point

    return _domain(Bad)


def to_one_that_must_be() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: Enclosure = belongs_to("enclosure_id")

    return _domain(Bad, Enclosure)


def to_one_as_many() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: Connection[Enclosure] = belongs_to("enclosure_id")

    return _domain(Bad, Enclosure)


def many_as_one() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        id: ID
        animals: Animal | None = has_many("enclosure_id")

    return _domain(Bad, Animal)


def one_as_many() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        id: ID
        animal: Connection[Animal] = has_one("enclosure_id")

    return _domain(Bad, Animal)


def through_as_one() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        keepers: "Bad | None" = many_through(tables.friendships)

    return _domain(Bad)


def relation_to_no_entity() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: int | None = belongs_to("enclosure_id")

    return _domain(Bad)


def relation_by_unknown_column() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: Enclosure | None = belongs_to("pen_id")

    return _domain(Bad, Enclosure)


def relation_by_unknown_far_column() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        id: ID
        animals: Connection[Animal] = has_many("pen_id")

    return _domain(Bad, Animal)


def relation_by_too_many_columns() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: Enclosure | None = belongs_to("enclosure_id", "mother_id")

    return _domain(Bad, Enclosure)


def relation_over_two_sources() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        passport: Passport | None = has_one("animal_id")

    return _domain(Bad, Passport)


def through_without_keys() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        pens: Connection[Enclosure] = many_through(tables.friendships)

    return _domain(Bad, Enclosure)


def counter_that_must_be() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        visits: int = state_counter("zoo:{id}")

    return _domain(Bad)


def counter_by_unknown_column() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        visits: int | None = state_counter("zoo:{number}")

    return _domain(Bad)


def neighbours_that_must_be() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        similar: Hits["Bad"] = nearest("animals")

    return _domain(Bad)


def resolver_with_unknown_needs() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID

        @field(needs=("colour",))
        def shade(self) -> str:
            return ""

    return _domain(Bad)


def root_of_no_entity() -> Domain:
    @queries
    class Roots:
        bad: int | None = by_key()

    return _domain(Enclosure, roots=(Roots,))


def list_of_no_entity() -> Domain:
    @queries
    class Roots:
        bad: Connection[int] | None = listing()

    return _domain(Enclosure, roots=(Roots,))


def hits_of_no_entity() -> Domain:
    @queries
    class Roots:
        bad: Hits[int] | None = search("numbers")

    return _domain(Enclosure, roots=(Roots,))


def one_row_of_many() -> Domain:
    @queries
    class Roots:
        bad: Connection[Enclosure] | None = by_key()

    return _domain(Enclosure, roots=(Roots,))


def one_row_that_must_be() -> Domain:
    @queries
    class Roots:
        bad: Enclosure = by_key()

    return _domain(Enclosure, roots=(Roots,))


def list_as_one() -> Domain:
    @queries
    class Roots:
        bad: Enclosure | None = listing()

    return _domain(Enclosure, roots=(Roots,))


def hits_as_list() -> Domain:
    @queries
    class Roots:
        bad: Connection[Enclosure] | None = search("enclosures")

    return _domain(Enclosure, roots=(Roots,))


def counter_as_text() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        visits: str | None = state_counter("zoo:{id}")

    return _domain(Bad)


def column_at_the_root() -> Domain:
    @queries
    class Roots:
        bad: Enclosure | None = column("name")

    return _domain(Enclosure, roots=(Roots,))


def root_on_an_entity() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: Enclosure | None = by_key()

    return _domain(Bad, Enclosure)


def changed_row_that_must_be() -> Domain:
    @mutations
    class Changes:
        bad: Enclosure = update()

    return Domain(entities=[Enclosure], queries=[], mutations=[Changes])


def changed_rows_as_one() -> Domain:
    @mutations
    class Changes:
        bad: Enclosure | None = delete_many()

    return Domain(entities=[Enclosure], queries=[], mutations=[Changes])


def undecorated_entity() -> Domain:
    class Bad:
        id: ID

    return _domain(Bad)


def undecorated_roots() -> Domain:
    class Roots:
        bad: Enclosure | None = by_key()

    return _domain(Enclosure, roots=(Roots,))


def one_root_twice() -> Domain:
    @queries
    class Roots:
        enclosure: Enclosure | None = by_key()

    @queries
    class Others:
        enclosure: Enclosure | None = by_key()

    return _domain(Enclosure, roots=(Roots, Others))


def relation_to_unlisted_entity() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: Enclosure | None = belongs_to("enclosure_id")

    return _domain(Bad)


def relation_by_no_column() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: Enclosure | None = belongs_to()

    return _domain(Bad, Enclosure)


def relation_as_list() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        id: ID
        animals: list[Animal] = has_many("enclosure_id")

    return _domain(Bad, Animal)


def misspelt_entity() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        enclosure: "Enclosur | None" = belongs_to("enclosure_id")  # type: ignore[name-defined]  # noqa: F821 - that is the point

    return _domain(Bad, Enclosure)


def entity_without_a_table() -> Domain:
    @entity  # type: ignore[arg-type]  # that is the point
    class Bad:
        id: ID

    return _domain(Bad)


def entity_among_roots() -> Domain:
    return _domain(Animal, roots=(Enclosure,))


def write_among_queries() -> Domain:
    @queries
    class Roots:
        bad: Enclosure | None = insert()

    return _domain(Enclosure, roots=(Roots,))


def needs_as_text() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        name: str

        @field(needs="name")
        def shade(self) -> str:
            return ""

    return _domain(Bad)


def counter_by_half_a_brace() -> Domain:
    @entity(tables.animals)
    class Bad:
        id: ID
        visits: int | None = state_counter("zoo:{id")

    return _domain(Bad)


def misspelt_option() -> Domain:
    @queries
    class Roots:
        bad: Enclosure | None = by_key(role="keeper")

    return _domain(Enclosure, roots=(Roots,))


def one_root_twice_in_graphql() -> Domain:
    @queries
    class Roots:
        enclosure: Enclosure | None = by_key()

    @queries
    class Others:
        other: Enclosure | None = by_key(name="enclosure")

    return _domain(Enclosure, roots=(Roots, Others))


def one_field_twice_in_graphql() -> Domain:
    @entity(tables.enclosures)
    class Bad:
        id: ID
        name: str
        title: str = column("name", name="name")

    return _domain(Bad)


def two_types_of_one_name() -> Domain:
    @entity(tables.animals, name="Enclosure")
    class Bad:
        id: ID

    return _domain(Enclosure, Bad)


def two_inputs_of_one_name() -> Domain:
    @entity(tables.animals, name="EnclosureList")
    class Bad:
        id: ID

    return _domain(Enclosure, Bad)


def two_of_one_name() -> Domain:
    @entity(tables.animals, name="Beast")
    class Enclosure:  # the name is taken by the one above
        id: ID

    return _domain(Enclosure, globals()["Enclosure"])


CASES: dict[Callable[[], Domain], tuple[str, ...]] = {
    unknown_column: ("Bad.colour", "enclosures", "'colour'", "area, id, name"),
    unknown_column_by_name: ("Bad.colour", "'color'", "area, id, name"),
    unknown_key: ("the key of Bad", "'number'", "area, id, name", "key=("),
    key_without_field: ("Bad", "key column 'id' has no field"),
    wrong_annotation: ("Bad.name", "enclosures.name", "cannot be int", "write str"),
    wrong_list_annotation: ("Bad.tags", "animals.tags", "list[int]", "list[str]"),
    wrong_enum: ("Bad.mood", "Feeling", "'good'", "'very sleepy'"),
    unsupported_column: ("Bad.area", "INT4RANGE", "resolver"),
    unknown_annotation: ("Bad", "'Pen'"),
    to_one_that_must_be: ("Bad.enclosure", "| None"),
    to_one_as_many: ("Bad.enclosure", "`Entity | None`"),
    many_as_one: ("Bad.animals", "`Connection[Entity]`"),
    one_as_many: ("Bad.animal", "`Entity | None`"),
    through_as_one: ("Bad.keepers", "`Connection[Entity]`"),
    relation_to_no_entity: ("Bad.enclosure", "int", "not an entity"),
    relation_by_unknown_column: ("Bad.enclosure", "animals", "'pen_id'"),
    relation_by_unknown_far_column: ("Bad.animals", "animals", "'pen_id'"),
    relation_by_too_many_columns: ("Bad.enclosure", "enclosure_id, mother_id", "equal id"),
    relation_over_two_sources: ("Bad.passport", "'other'", "'default'"),
    through_without_keys: ("Bad.pens", "friendships", "animals", "enclosures"),
    counter_that_must_be: ("Bad.visits", "| None"),
    counter_by_unknown_column: ("Bad.visits", "'number'", "it has id"),
    neighbours_that_must_be: ("Bad.similar", "| None"),
    resolver_with_unknown_needs: ("Bad.shade", "'colour'", "it has id"),
    root_of_no_entity: ("Roots.bad", "an entity"),
    list_of_no_entity: ("Roots.bad", "an entity"),
    hits_of_no_entity: ("Roots.bad", "an entity"),
    one_row_of_many: ("Roots.bad", "by_key()", "Entity | None"),
    one_row_that_must_be: ("Roots.bad", "| None"),
    list_as_one: ("Roots.bad", "listing()", "Connection[Entity] | None"),
    hits_as_list: ("Roots.bad", "search()", "Hits[Entity] | None"),
    counter_as_text: ("Bad.visits", "state_counter()", "int | None"),
    column_at_the_root: ("Roots.bad", "no meaning on a class of @queries", "an entity"),
    root_on_an_entity: ("Bad.enclosure", "by_key()", "no meaning on an entity", "@queries"),
    changed_row_that_must_be: ("Changes.bad", "| None"),
    changed_rows_as_one: ("Changes.bad", "delete_many()", "list[Entity] | None"),
    undecorated_entity: ("Bad", "@entity(table)"),
    undecorated_roots: ("Roots", "@queries"),
    one_root_twice: ("Others.enclosure", f"{__name__}.Roots", "rename one"),
    relation_to_unlisted_entity: ("Bad.enclosure", "Enclosure", "add it there"),
    relation_by_no_column: ("Bad.enclosure", "columns none cannot equal id"),
    relation_as_list: ("Bad.animals", "not an entity", "`Connection[Entity]`"),
    misspelt_entity: ("Bad.enclosure", "'Enclosur'", "did you mean Enclosure?"),
    entity_without_a_table: ("@entity(models.books)", "Bad"),
    entity_among_roots: ("Enclosure", "list it as an entity"),
    write_among_queries: ("Roots.bad", "insert()", "belongs on a class of @mutations"),
    needs_as_text: ("Bad.shade", 'needs=("name",)'),
    counter_by_half_a_brace: ("state_counter('zoo:{id')", "braces"),
    one_root_twice_in_graphql: ("Others.other", f"{__name__}.Roots.enclosure", "rename one"),
    one_field_twice_in_graphql: ("Bad.title", f"{__name__}.Bad.name", "rename one"),
    two_types_of_one_name: (f"{__name__}.Bad", "same name in GraphQL", "rename one"),
    two_inputs_of_one_name: ("EnclosureListWhere", "another name"),
    two_of_one_name: (f"{__name__}.Enclosure", "same class name", "rename one"),
}


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_wrong_binding_is_refused_at_start_up(make: Callable[[], Domain]) -> None:
    """The error says where the mistake is and how to mend it."""
    with pytest.raises(ConfigurationError) as raised:
        build(make())
    assert raised.value.code is Code.CONFIGURATION
    for part in CASES[make]:
        assert part in raised.value.message


def test_a_misspelt_option_of_a_field_is_told_with_all_there_are() -> None:
    """A misspelt requirement would leave the field open."""
    with pytest.raises(TypeError, match=r"no option 'role'; there are authenticated, .*roles"):
        misspelt_option()


def test_a_right_domain_is_not_refused() -> None:
    """The classes the cases above lean on are right themselves."""
    api = build(Domain(entities=[Enclosure, Animal, Passport], queries=[]))
    entities: Any = api.catalog.entities
    assert sorted(entities) == ["Animal", "Enclosure", "Passport"]


def test_an_unknown_option_names_what_it_was_given_to() -> None:
    """Of a type, of root fields, and of a function."""

    def apple() -> str:
        return ""

    class Pear:
        id: ID

    given: list[tuple[Callable[..., Any], Any]] = [
        (entity(tables.animals, role="x"), Pear),  # type: ignore[call-arg]  # the slip
        (queries(role="x"), Pear),  # type: ignore[call-overload]  # the slip
        (field(role="x"), apple),  # type: ignore[call-arg]  # the slip
    ]
    for decorate, one in given:
        with pytest.raises(ConfigurationError) as refused:
            decorate(one)
        assert refused.value.message.startswith(f"{one.__qualname__}: there is no option 'role'")


def test_a_row_rule_is_tried() -> None:
    """What it gets wrong is found before a request does."""

    @entity(tables.animals, rule=lambda row, viewer: row.keeper == viewer.subject)
    class Kept:
        id: ID

    with pytest.raises(
        ConfigurationError, match="Kept: its row rule fails: AttributeError: keeper"
    ):
        build(_domain(Kept))


def test_a_misspelt_option_is_told_with_all_there_are() -> None:
    """The entity's own, and those of access."""
    with pytest.raises(ConfigurationError) as raised:
        entity(tables.animals, rules=None)(type("Spelt", (), {}))  # type: ignore[call-arg]  # meant
    for option in ("'rules'; there are key", "rule,", "cache", "policies"):
        assert option in raised.value.message
