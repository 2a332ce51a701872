"""The generated inputs of a list: `TrendWhere`, `TrendOrderBy` and a filter for every kind."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple

import strawberry
from strawberry.scalars import JSON

from gateway.errors import ConfigurationError
from gateway.schema.columns.kinds import INT, TEXTUAL
from gateway.schema.definitions import names_enum
from gateway.schema.lists.documents import MEMBERS, PATH
from gateway.schema.lists.patterns import PARTS, PATTERNS
from gateway.schema.members import define_input, named
from gateway.schema.writes.insertable import required
from gateway.schema.writes.operators import OPERATORS, operand_type, operands

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.schema.catalog import ColumnInfo, Relation
    from gateway.schema.columns.kinds import Kind
    from gateway.schema.writes.insertable import Insertable


@strawberry.enum(description="Which way a list is ordered, and where nulls stand.")
class Direction(enum.Enum):
    """Directions of `orderBy`; by default nulls are last, whichever the direction."""

    ASC = strawberry.enum_value("ASC", description="The least first, nulls last.")
    DESC = strawberry.enum_value("DESC", description="The greatest first, nulls last.")
    ASC_NULLS_FIRST = strawberry.enum_value(
        "ASC_NULLS_FIRST", description="Nulls first, then the least."
    )
    DESC_NULLS_FIRST = strawberry.enum_value(
        "DESC_NULLS_FIRST", description="Nulls first, then the greatest."
    )


LOCK = "The version that was read; another one by now is a conflict."

_SAYS = {
    "eq": "Equal.",
    "ne": "Not equal; a null is not equal to anything.",
    "in": "One of these.",
    "notIn": "None of these.",
    "lt": "Less than.",
    "lte": "Less than or equal.",
    "gt": "Greater than.",
    "gte": "Greater than or equal.",
    "isNull": "True: has no value. False: has one.",
    "contains": "Contains all of this.",
    "containedBy": "Contains nothing but these.",
    "overlaps": "Has at least one of these.",
    "hasKey": "An object with this key, or an array with this string.",
}
_OF_TEXTS = {**_SAYS, **PATTERNS, **{name: part.says for name, part in PARTS.items()}}


class ListInputs(NamedTuple):
    """What the arguments of an entity's lists are made of.

    `columns` is the enum of those that can be ordered; None where there is none.
    """

    where: type
    order: type
    columns: type[enum.Enum] | None


class WriteInputs(NamedTuple):
    """What writes of an entity take.

    A new row; an update's `set` and its operators; one of several updates, without and with the
    version that was read; an upsert's numbers.
    """

    new: type
    patch: type
    operated: Mapping[str, type]
    update: type
    versioned: type
    numbers: type[enum.Enum] | None


class Inputs:
    """Makes and remembers the input types of one schema."""

    def __init__(self) -> None:
        self._types: dict[str, Any] = {}

    def declare(
        self, entity: str, columns: Mapping[str, ColumnInfo], relations: Mapping[str, Relation]
    ) -> ListInputs:
        """`<Entity>Where` and the like; relations may name entities declared later."""
        own: Any = self.of(f"{entity}Where")
        where: dict[str, tuple[Any, str]] = {
            "and": (list[own] | None, "All of these hold."),
            "or": (list[own] | None, "At least one of these holds."),
            "not": (own | None, "This does not hold."),
        }
        order: dict[str, tuple[Any, str]] = {}
        for name, info in columns.items():
            says = info.says or f"By `{name}`."
            where[name] = (self.filter_of(info.kind) | None, says)
            if info.kind.orderable:
                order[name] = (Direction | None, says)
        says = f"The columns of {entity} that can be ordered."
        named = {name: of_column(columns[name]) for name in order}
        ordered = names_enum(f"{entity}Column", named, says) if order else None
        for name, relation in relations.items():
            target = relation.target + ("List" if relation.many else "")
            says = f"By the {'rows' if relation.many else 'row'} related to this one."
            where[name] = (self.of(f"{target}Where") | None, says)
            if relation.many:
                says = "By what the rows related to this one amount to."
            order[name] = (self.of(f"{target}OrderBy") | None, says)
        filter_type = self.make(f"{entity}Where", where, "Which rows; all given members hold.")
        self.make(
            f"{entity}ListWhere",
            {
                "some": (own | None, "At least one related row is like this."),
                "every": (own | None, "Every related row is like this."),
                "none": (own | None, "No related row is like this."),
                "count": (self.filter_of(INT) | None, "By how many related rows there are."),
            },
            "Which related rows there must be.",
        )
        order_type = self.make(f"{entity}OrderBy", order, "One key of an ordering.", one_of=True)
        return ListInputs(filter_type, order_type, ordered)

    def declare_writes(
        self,
        entity: str,
        key: Iterable[ColumnInfo],
        insertable: Insertable,
    ) -> WriteInputs:
        """`<Entity>Insert` and the like; related rows may be of entities declared later."""
        columns, children, parents = insertable
        new: dict[str, tuple[Any, str]] = {}
        patch: dict[str, tuple[Any, str]] = {}
        for name, info in columns.items():
            says = of_column(info)
            new[name] = (info.kind.annotation if required(info.column) else None, says)
            patch[name] = (info.kind.annotation | None, says)
            # A nested child gets its foreign key from its parent, so no foreign key is required.
            if new[name][0] is None or info.column.foreign_keys:
                new[name] = (info.kind.annotation | None, says)
        for name, relation in parents.items():
            says = "A row to insert before this one, which refers to it; without its key then."
            new[name] = (self.of(f"{relation.target}Insert") | None, says)
        for name, relation in children.items():
            one: Any = self.of(f"{relation.target}Insert")
            says = f"{'Rows' if relation.many else 'A row'} to insert together with this one."
            new[name] = ((list[one] if relation.many else one) | None, says)
        operated: dict[str, type] = {}
        for operator in OPERATORS:
            members = {
                name: (operand_type(operator, info) | None, of_column(info))
                for name, info in operands(operator, columns).items()
            }
            if members:
                named = f"{entity}{operator[0].upper()}{operator[1:]}"
                says = f"Changes to a {entity} that go by what it has; what is left out stays."
                operated[operator] = self.make(named, members, says)
        counted = {name: of_column(info) for name, info in operands("inc", columns).items()}
        made = self.make(f"{entity}Patch", patch, f"Changes to a {entity}; what is left out stays.")
        update: dict[str, tuple[Any, str]] = {
            **{info.name: (info.kind.annotation, f"The row's `{info.name}`.") for info in key},
            "set": (made | None if operated else made, "The new values."),
            **{name: (of | None, OPERATORS[name].says) for name, of in operated.items()},
        }
        says = f"Which {entity} changes, and how."
        return WriteInputs(
            self.make(f"{entity}Insert", new, f"A new {entity}."),
            made,
            operated,
            self.make(f"{entity}Update", update, says),
            self.make(f"{entity}VersionedUpdate", {**update, "version": (int | None, LOCK)}, says),
            names_enum(f"{entity}Number", counted, "Columns of numbers.") if counted else None,
        )

    def filter_of(self, kind: Kind) -> type:
        """The conditions on values of a kind: `IntFilter` and the like."""
        name = f"{kind.annotation.__name__ if kind.labels else kind.name}Filter"
        if kind.item is not None:
            name = f"{kind.item.name}ListFilter"
        if kind.name in {"IntID", "TextID", "UUIDID"}:
            name = "IDFilter"
        return self.known(name) or self.make(
            name,
            {one: operand(one, kind) for one in kind.operators} | self._path(kind),
            f"Conditions on {_article(kind)}; all given members hold.",
        )

    def _path(self, kind: Kind) -> dict[str, tuple[Any, str]]:
        """The member for conditions within a document, where the kind is one."""
        if kind.name != "JSON":
            return {}
        says = "Conditions on what lies at a path; all given members hold."
        made = self.make("JSONPathFilter", MEMBERS, says)
        return {PATH: (list[made] | None, "By what lies at a path within it.")}  # type: ignore[valid-type]  # made at run time

    def of(self, name: str) -> Any:
        """The input type of that name, which may be made later."""
        if name not in self._types:
            self._types[name] = named(name)
        return self._types[name]

    def known(self, name: str) -> type | None:
        """The input type of that name, if it was made."""
        made: type | None = self._types.get(name)
        return made if hasattr(made, "__strawberry_definition__") else None

    def make(
        self,
        name: str,
        members: Mapping[str, tuple[Any, str]],
        description: str,
        *,
        one_of: bool = False,
    ) -> type:
        """An input type of (annotation, description) by member.

        Raises ConfigurationError where there is one of that name.
        """
        if self.known(name) is not None:
            raise ConfigurationError(
                f"There would be two inputs called {name}; give one of the classes that they are "
                "of another name."
            )
        made: type = self.of(name)
        define_input(made, members, description, one_of=one_of)
        return made


def of_column(info: ColumnInfo) -> str:
    """What a member that holds a column's value, or names the column, says."""
    return info.says or f"The row's `{info.name}`."


def operand(operator: str, kind: Kind) -> tuple[Any, str]:
    """What an operator of a filter takes, and what it means."""
    says = _OF_TEXTS if kind.operators is TEXTUAL else _SAYS
    return _operand(operator, kind), says[operator]


def _operand(operator: str, kind: Kind) -> Any:
    if operator == "isNull":
        return bool | None
    if operator == "hasKey":
        return str | None
    if operator in {"in", "notIn"}:
        return list[kind.annotation] | None  # type: ignore[name-defined]  # made at run time
    if kind.name == "JSON":
        return JSON | None
    if kind.item is not None:
        # Whether or not a list may have nulls: only a whole one can be equal with them.
        item: Any = kind.item.annotation | None if operator == "eq" else kind.item.annotation
        return list[item] | None
    return kind.annotation | None


def _article(kind: Kind) -> str:
    if kind.item is not None:
        return f"a list of {kind.item.name}"
    return "an ID" if kind.name.endswith("ID") and kind.name != "UUID" else f"a {kind.name}"
