"""Readers of a planned field's arguments: variables in, shape and bind values out."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, VariableNode
from graphql.execution.values import coerce_argument

from gateway.errors import InputError
from gateway.planning.variables import input_error, variables_in
from gateway.schema import opaque
from gateway.schema.access.demands import demanded_by_node, demanded_by_page
from gateway.schema.columns.kinds import must_be
from gateway.schema.lists.fulltext import RANK, words_of
from gateway.schema.lists.orders import cursor_head, cursor_kinds
from gateway.schema.lists.shapes import Conditions, OrderKey, PageShape, columns_named, order_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping

    from graphql import GraphQLArgument

    from gateway.planning.variables import Variables
    from gateway.schema.access.demands import Demand
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.selection import Field


@dataclass(frozen=True, slots=True)
class Sought:
    """Stands among the arguments of a list for the keys that a vector search finds.

    `wish` is the search's one value.
    """

    wish: Hashable


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How many rows a page has at `most`, and when nothing is said, which is no more than that."""

    default: int = 100
    most: int = 1000

    def __post_init__(self) -> None:
        """Keep the default within the bound."""
        object.__setattr__(self, "default", min(self.default, self.most))

    def size(self, name: str, given: int | None) -> int:
        """How many rows an argument of this name asks for. Raises InputError."""
        if given is None:
            return self.default
        if not 0 <= given <= self.most:
            raise must_be(name, f"from 0 to {self.most}")
        return given


class Spec(ABC):
    """A reader: what it gives is read for each request."""

    @abstractmethod
    def read(self, variables: Variables) -> tuple[Hashable, tuple[Any, ...]]:
        """The shape, which decides the plan, and the values to bind. Raises InputError."""

    def demands(self, shape: Any) -> Iterable[Demand]:  # noqa: ARG002 - for those that have any
        """What arguments of this shape ask of the viewer."""
        return ()

    def demands_of(self, values: tuple[Any, ...]) -> Iterable[Demand]:  # noqa: ARG002 - likewise
        """What a write of these values asks of the viewer: it has no shape."""
        return ()

    def located(self, error: InputError) -> InputError:
        """The error, with the place in the document of the argument that it is about."""
        return error


class Arguments:
    """The coerced arguments of one field by name, or those among `only`; literals once."""

    def __init__(self, field: Field, only: Collection[str] | None = None) -> None:
        if field.info is None:
            raise TypeError("A field without definition has no arguments to read.")
        self._node = field.nodes[0]
        given = self._given = {one.name.value: one for one in self._node.arguments or ()}
        self._constant: dict[str, Any] = {}
        self._variable: list[tuple[str, str, GraphQLArgument]] = []
        self._mixed: list[tuple[str, GraphQLArgument]] = []
        self.literal: set[str] = set()
        for name, definition in field.info.definition.args.items():
            if only is not None and name not in only:
                continue
            node = given.get(name)
            if node is not None and isinstance(node.value, VariableNode):
                self._variable.append((name, node.value.name.value, definition))
            elif node is not None and any(variables_in(node.value)):
                self._mixed.append((name, definition))
            else:
                self._coerce(self._constant, name, definition, None)
                self.literal.add(name)
        self.fixed = not self._variable and not self._mixed

    def constant(self, name: str) -> Any:
        """The value of an argument among `literal`; None where it is not given."""
        return self._constant.get(name)

    def location(self, path: str) -> tuple[tuple[int, int], ...]:
        """Where the argument is given to which `path` leads, or else where its field stands."""
        node = self._given.get(re.split(r"\W", path, maxsplit=1)[0], self._node)
        start = node.loc.start_token if node.loc is not None else None
        return () if start is None else ((start.line, start.column),)

    def read(self, variables: Variables) -> Mapping[str, Any]:
        """All arguments that were given or have a default. Raises InputError."""
        if self.fixed:
            return self._constant
        values = dict(self._constant)
        coerced = variables.coerced
        for name, variable, definition in self._variable:
            if variable in coerced:
                values[name] = coerced[variable]
            else:
                self._coerce(values, name, definition, variables)
        for name, definition in self._mixed:
            self._coerce(values, name, definition, variables)
        return values

    def _coerce(
        self,
        values: dict[str, Any],
        name: str,
        definition: GraphQLArgument,
        variables: Variables | None,
    ) -> None:
        try:
            coerce_argument(
                values,
                self._node,
                name,
                definition,
                self._given.get(name),
                variables.whole() if variables else None,
                None,
                True,  # noqa: FBT003 - graphql-core's `hide_suggestions` is positional
            )
        except GraphQLError as error:
            raise input_error(error) from None


class ArgumentsSpec(Spec):
    """One field's arguments, or those among `only`, split into shape and values."""

    keeps = True
    """Whether what literals alone give serves every request: not where something changes it."""

    def __init__(self, field: Field, only: Collection[str] | None = None) -> None:
        self._arguments = Arguments(field, only)
        self._kept: tuple[Hashable, tuple[Any, ...]] | None = None

    @abstractmethod
    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """The shape, and the values to bind, of coerced arguments. Raises InputError."""

    def read(self, variables: Variables) -> tuple[Hashable, tuple[Any, ...]]:
        """See `Spec`."""
        if self._kept is not None:
            return self._kept
        found = self.split(self._arguments.read(variables))
        if self.keeps and self._arguments.fixed:
            self._kept = found
        return found

    def located(self, error: InputError) -> InputError:
        """See `Spec`."""
        if not error.locations:
            error.locations = self._arguments.location(error.details.get("argument", ""))
        return error


class SplitSpec(ArgumentsSpec):
    """Arguments that a function splits; it raises InputError."""

    keeps = False

    def __init__(
        self,
        field: Field,
        split: Callable[[Mapping[str, Any]], tuple[Hashable, tuple[Any, ...]]],
    ) -> None:
        super().__init__(field)
        self._split = split

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """What the function makes of them."""
        return self._split(values)


class CheckedSpec(SplitSpec):
    """Arguments without a shape, of which a check makes one value; it raises InputError."""

    def __init__(self, field: Field, check: Callable[[Mapping[str, Any]], Any]) -> None:
        super().__init__(field, lambda given: ((), (check(given),)))


class KeySpec(ArgumentsSpec):
    """The key of `trend(id:)`."""

    def __init__(self, field: Field, entity: EntityInfo) -> None:
        super().__init__(field)
        self._columns = [(info.name, info.kind.bind) for info in entity.key]

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape; the key's values."""
        return (), tuple(bind(values[name], name) for name, bind in self._columns)


class NodeSpec(ArgumentsSpec):
    """The type and key of `node(nodeId:)`: the type is the shape."""

    def __init__(self, field: Field, catalog: Catalog) -> None:
        super().__init__(field)
        self._catalog = catalog

    def split(self, values: Mapping[str, Any]) -> tuple[Hashable, tuple[Any, ...]]:
        """The entity's name, and its key."""
        decoded = opaque.decode(values["nodeId"])
        entity = self._catalog.entities.get(decoded[0]) if decoded else None
        if decoded is None or entity is None or len(decoded[1]) != len(entity.key):
            raise InputError.about("nodeId", "is not an id of this API; use the `nodeId` of a row")
        key = tuple(
            info.kind.parse(part or "", "nodeId")
            for info, part in zip(entity.key, decoded[1], strict=True)
        )
        return entity.name, key

    def demands(self, shape: str) -> Iterable[Demand]:
        """What the type of the id asks of the viewer."""
        return demanded_by_node(self._catalog, shape)


_BEST_FIRST = OrderKey((), RANK.name, descending=True, nulls_first=False)


class PageSpec(ArgumentsSpec):
    """The arguments of a connection: of its page, `where`, `orderBy`, `distinctOn`, `search`."""

    def __init__(
        self,
        field: Field,
        entity: EntityInfo,
        catalog: Catalog,
        limits: PageLimits,
        near: Callable[[Mapping[str, Any]], Hashable] | None = None,
    ) -> None:
        """`near` makes one value of the vector search that narrows the list."""
        super().__init__(field)
        self._near = near
        self._entity = entity
        self._catalog = catalog
        self._limits = limits
        self._order = order_of(catalog, entity, None)
        self._simple: dict[int, PageShape] = {}

    def demands(self, shape: PageShape) -> Iterable[Demand]:
        """What the arguments ask of the viewer."""
        return demanded_by_page(self._catalog, self._entity, shape)

    def _only_first(self, first: Any) -> tuple[PageShape, tuple[Any, ...]]:
        """The commonest variable argument, without building its shape again."""
        size = self._limits.size("first", first)
        bound = 1 << (size - 1).bit_length() if size else 1
        shape = self._simple.get(bound)
        if shape is None:
            shape = PageShape(None, bound, False, None, None, None, self._order)  # noqa: FBT003 - positional dataclass
            self._simple[bound] = shape
        return shape, (size,)

    def split(self, values: Mapping[str, Any]) -> tuple[PageShape, tuple[Any, ...]]:
        """The page's shape; the values of where, search, cursors and limit, in this order."""
        if len(values) == 1 and "first" in values and not self._arguments.fixed:
            return self._only_first(values["first"])
        size, backward = self._size(values)
        order = self._order
        if values.get("orderBy"):
            order = order_of(self._catalog, self._entity, values["orderBy"])
        where, bound_values = None, []
        if values.get("where"):
            conditions = Conditions(self._catalog)
            where = conditions.where(self._entity, values["where"])
            bound_values = conditions.values
        searched = values.get("search") is not None
        if searched:
            bound_values.append(words_of(values["search"]))
            if not values.get("orderBy"):
                order = (_BEST_FIRST, *order)
        near = values.get("near")
        if near is not None and self._near is not None:
            bound_values.append(Sought(self._near(near)))
        after, after_values = self._cursor(values, "after", order)
        before, before_values = self._cursor(values, "before", order)
        distinct = values.get("distinctOn")
        literal = {"first", "last"} <= self._arguments.literal
        shape = PageShape(
            limit=size if literal else None,
            bound=size if literal else 1 << (size - 1).bit_length() if size else 1,
            backward=backward,
            after=after,
            before=before,
            where=where,
            order=order,
            search=searched,
            near=near is not None,
            distinct=columns_named("distinctOn", distinct) if distinct else (),
        )
        tail = () if literal else (size,)
        return shape, (*bound_values, *after_values, *before_values, *tail)

    def _size(self, values: Mapping[str, Any]) -> tuple[int, bool]:
        first, last = values.get("first"), values.get("last")
        if first is not None and last is not None:
            raise InputError("Give `first` or `last`, not both.")
        name = "first" if last is None else "last"
        return self._limits.size(name, values.get(name)), last is not None

    def _cursor(
        self, values: Mapping[str, Any], name: str, order: tuple[OrderKey, ...]
    ) -> tuple[tuple[bool, ...] | None, list[Any]]:
        text = values.get(name)
        if text is None:
            return None, []
        decoded = opaque.decode(text)
        kinds = cursor_kinds(self._catalog, self._entity, order)
        if (
            decoded is None
            or decoded[0] != cursor_head(self._entity, order)
            or len(decoded[1]) != len(kinds)
        ):
            raise InputError.about(
                name,
                "is not a cursor of this list in this order; "
                "use a `cursor` or `endCursor` that the same `orderBy` gave",
            )
        nulls = tuple(part is None for part in decoded[1])
        bound = [
            kind.parse(part, name)
            for kind, part in zip(kinds, decoded[1], strict=True)
            if part is not None
        ]
        return nulls, bound
