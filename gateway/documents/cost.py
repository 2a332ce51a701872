"""What an operation may cost at most, told before anything of it runs.

    cost(field) = its weight + those of its arguments + size x (weight of its type + its selection)

`size` is 1 for what is no list. A type weighs 1 where it has fields and 0 where it has none, a
field 0, and a mutation's root field 10; `@cost` and `@listSize` say otherwise (`gateway.schema.
cost`). Of an undeclared list the size is what `first`, `last` or `limit` says, or the length of its
one required list argument; else what is assumed. Fields of one name count once, conditions of
`@skip` and `@include` as they are, and of an interface's types the dearest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLNonNull,
    GraphQLObjectType,
    IntValueNode,
    ListValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
    is_object_type,
)

from gateway.documents.refusal import beyond_limit
from gateway.errors import Code, InputError, RequestError
from gateway.schema.cost import ListSize, declared, weight_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from graphql import (
        DirectiveNode,
        FragmentDefinitionNode,
        GraphQLField,
        GraphQLSchema,
        OperationDefinitionNode,
        SelectionSetNode,
        ValueNode,
    )

    from gateway.documents.store import Operation
    from gateway.planning.arguments import Spec
    from gateway.planning.variables import Variables

MUTATION_WEIGHT = 10.0
MAX_VISITS = 20_000
"""Fields looked at for one operation; an interface's are, for each set of types."""
MAX_KNOWN = 256
"""Sizes for which an operation's cost is remembered."""

_SLICING = ("first", "last", "limit")
_SIZED = ("edges", "nodes")


@dataclass(frozen=True, slots=True)
class _Price:
    """What one field of the schema costs, whatever is selected of it."""

    own: float
    each: float
    arguments: Mapping[str, float]
    slicing: tuple[str, ...] = ()
    sized: frozenset[str] = frozenset()
    listed: bool = False
    assumed: int = 1
    required: bool = False


class Costs:
    """Prices the operations of one schema; one that costs more than `limit` is refused.

    `page`: entries of a connection that is asked for none in particular, `list_size` those of any
    other list.
    """

    def __init__(self, schema: GraphQLSchema, *, limit: int, list_size: int, page: int) -> None:
        self.schema = schema
        self.limit = limit
        self._list_size = list_size
        self._page = page
        self._prices: dict[int, _Price] = {}

    def priced(self, operation: Operation) -> Priced | None:
        """What every request for the operation is held against; None where all may pass."""
        priced = Priced(self, operation)
        if not operation.variable_definitions and priced.cost({}) <= self.limit:
            return None
        return priced

    def explained(self, operation: Operation, variables: Mapping[str, Any]) -> int:
        """What one request costs, rounded up; for those who ask."""
        return math.ceil(Priced(self, operation).cost(variables))

    def price(self, definition: GraphQLField, parent: GraphQLObjectType) -> _Price:
        """What a field costs. Raises ConfigurationError for a wrong declaration."""
        found = self._prices.get(id(definition))
        if found is None:
            found = self._prices[id(definition)] = self._read(definition, parent)
        return found

    def _read(self, definition: GraphQLField, parent: GraphQLObjectType) -> _Price:
        named: Any = get_named_type(definition.type)
        mutates = parent is self.schema.mutation_type
        listed = is_list_type(get_nullable_type(definition.type))
        sizes = declared(definition, ListSize)
        if sizes is not None:
            slicing = tuple(sizes.slicing_arguments or ())
            sized = frozenset(sizes.sized_fields or ())
            required = bool(slicing) and sizes.require_one_slicing_argument is not False
            assumed = sizes.assumed_size or self._list_size
        else:
            slicing = _slicing(definition)
            connects = is_object_type(named) and not listed and bool(slicing)
            sized = frozenset(_SIZED).intersection(named.fields) if connects else frozenset()
            required = False
            assumed = self._page if sized else self._list_size
        return _Price(
            own=weight_of(definition, MUTATION_WEIGHT if mutates else 0.0),
            each=weight_of(named, 1.0 if is_object_type(named) else 0.0),
            arguments={
                name: weight
                for name, argument in definition.args.items()
                if (weight := weight_of(argument, 0.0))
            },
            slicing=slicing,
            sized=sized,
            listed=listed,
            assumed=assumed,
            required=required,
        )


def _slicing(definition: GraphQLField) -> tuple[str, ...]:
    """The arguments that say how long a list is, where nothing is declared."""
    usual = tuple(name for name in _SLICING if name in definition.args)
    if usual:
        return usual
    lists = tuple(
        name
        for name, argument in definition.args.items()
        if isinstance(argument.type, GraphQLNonNull) and is_list_type(argument.type.of_type)
    )
    return lists if len(lists) == 1 else ()


class Priced:
    """One operation's costs, by the values of the variables that decide them."""

    __slots__ = ("_costs", "_fragments", "_known", "_names", "_node")

    def __init__(self, costs: Costs, operation: Operation) -> None:
        self._costs = costs
        # Not the operation: it keeps this, and a cycle would wait for a full collection.
        self._node = operation.node
        self._fragments = operation.fragments
        self._names: tuple[str, ...] = ()
        self._known: dict[tuple[Any, ...], float] = {}

    def require(self, variables: Variables, specs: Iterable[Spec] = ()) -> None:
        """Raise RequestError (COST_LIMIT_EXCEEDED) where it costs too much with these values.

        What is wrong with an argument that `specs` read is told first: it says more.
        """
        cost = self.cost(variables.coerced)
        limit = self._costs.limit
        if cost > limit:
            for spec in specs:
                spec.read(variables)
            shown = math.ceil(cost)
            raise RequestError(
                f"The operation costs {shown:,}; at most {limit:,} is allowed. Ask for shorter "
                "lists, or for less in them.",
                code=Code.COST_LIMIT_EXCEEDED,
                extensions={"cost": shown, "limit": limit},
            )

    def cost(self, variables: Mapping[str, Any]) -> float:
        """What it costs at most with these values, coerced. Raises InputError, InvalidDocument."""
        known = self._known.get(tuple([_size(variables.get(name)) for name in self._names]))
        if known is not None:
            return known
        pricing = _Pricing(self._costs, self._node, self._fragments, variables)
        cost = pricing.total()
        new = pricing.read.difference(self._names)
        if new or len(self._known) >= MAX_KNOWN:
            # What decides the cost may differ with each way through the conditions.
            self._names += tuple(sorted(new))
            self._known.clear()
        self._known[tuple([_size(variables.get(name)) for name in self._names])] = cost
        return cost


def _size(value: Any) -> Any:
    """What of a variable's value decides a cost: of a list its length."""
    return (len(value),) if isinstance(value, list) else value


@dataclass(slots=True)
class _Pricing:
    """One walk through an operation. `read`: the variables that were looked at."""

    costs: Costs
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    read: set[str] = field(default_factory=set)
    visits: int = 0

    def total(self) -> float:
        root = self.costs.schema.get_root_type(self.node.operation)
        return self._selected(root, [self.node.selection_set], 1, frozenset())

    def _selected(
        self, parent: Any, sets: Sequence[SelectionSetNode], size: float, sized: frozenset[str]
    ) -> float:
        """What a selection costs; the fields in `sized` are lists of `size`.

        That of an abstract type has the weight of the type in it, which is not known before.
        """
        if not is_abstract_type(parent):
            return self._fields(parent, self._collected(parent, sets), size, sized)
        ways: dict[tuple[float, ...], float] = {}
        for type_ in self.costs.schema.get_possible_types(parent):
            fields = self._collected(type_, sets)
            weight = weight_of(type_, 1.0)
            way = (weight, *(id(node) for nodes in fields.values() for node in nodes))
            if way not in ways:
                ways[way] = weight + self._fields(type_, fields, size, sized)
        return max(ways.values(), default=0.0)

    def _fields(
        self,
        parent: GraphQLObjectType,
        fields: Mapping[str, Sequence[FieldNode]],
        size: float,
        sized: frozenset[str],
    ) -> float:
        total = 0.0
        for nodes in fields.values():
            name = nodes[0].name.value
            if name in parent.fields:  # not __typename, __schema, __type
                definition = parent.fields[name]
                price = self.costs.price(definition, parent)
                total += self._field(nodes, definition, price, size if name in sized else None)
        return total

    def _field(
        self,
        nodes: Sequence[FieldNode],
        definition: GraphQLField,
        price: _Price,
        inherited: float | None,
    ) -> float:
        given = {one.name.value: one.value for one in nodes[0].arguments or ()}
        own = price.own + sum(price.arguments.get(name, 0.0) for name in given)
        is_list = price.listed or price.sized
        size = self._length(nodes[0], given, definition, price) if is_list else 1
        times = (
            inherited if inherited is not None else size if price.listed and not price.sized else 1
        )
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        each = price.each
        if sets:
            each += self._selected(get_named_type(definition.type), sets, size, price.sized)
        return own + times * each

    def _length(
        self,
        node: FieldNode,
        given: Mapping[str, ValueNode],
        definition: GraphQLField,
        price: _Price,
    ) -> float:
        """How many entries a list has."""
        lengths = [
            length
            for name in price.slicing
            if (length := self._argument(given.get(name), definition.args[name].default_value))
            is not None
        ]
        if not lengths and price.required:
            names = " or ".join(f"`{name}`" for name in price.slicing)
            raise InputError(f"`{node.name.value}` needs {names}.")
        return max(lengths, default=price.assumed)

    def _argument(self, node: ValueNode | None, default: Any) -> int | None:
        if isinstance(node, IntValueNode):
            return max(0, int(node.value))
        if isinstance(node, ListValueNode):
            return len(node.values)
        value = default if node is None else None
        if isinstance(node, VariableNode):
            self.read.add(node.name.value)
            value = self.variables.get(node.name.value, default)
        if isinstance(value, list):
            return len(value)
        return max(0, value) if type(value) is int else None

    def _collected(
        self, parent: GraphQLObjectType, sets: Iterable[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """The fields of a type that are selected, by response key, fragments followed."""
        found: dict[str, list[FieldNode]] = {}
        pending = [node for one in sets for node in one.selections]
        pending.reverse()
        while pending:
            node = pending.pop()
            self.visits += 1
            if self.visits > MAX_VISITS:
                raise beyond_limit("The operation is too involved to be priced.", node=node)
            if not self._holds(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                found.setdefault(key, []).append(node)
                continue
            fragment: Any = node
            if isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
            if self._fits(parent, fragment.type_condition):
                pending += reversed(fragment.selection_set.selections)
        return found

    def _fits(self, parent: GraphQLObjectType, condition: Any) -> bool:
        if condition is None or condition.name.value == parent.name:
            return True
        type_ = self.costs.schema.type_map.get(condition.name.value)
        return is_abstract_type(type_) and self.costs.schema.is_sub_type(type_, parent)

    def _holds(self, directives: Iterable[DirectiveNode]) -> bool:
        for directive in directives:
            if directive.name.value in {"skip", "include"}:
                node = (directive.arguments or ())[0].value
                value = node.value if isinstance(node, BooleanValueNode) else None
                if isinstance(node, VariableNode):
                    self.read.add(node.name.value)
                    value = self.variables.get(node.name.value)
                if value is (directive.name.value == "skip"):
                    return False
        return True
