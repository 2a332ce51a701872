"""What was asked for: an operation's syntax tree with fragments merged and conditions settled.

GraphQL specification, sections 6.3.2 (collecting fields) and 6.4.3 (merging selection sets).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    VariableNode,
)

from gateway.schema.asks import Constant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from graphql import (
        DirectiveNode,
        FragmentDefinitionNode,
        SelectionNode,
        SelectionSetNode,
        ValueNode,
        VariableDefinitionNode,
    )

    from gateway.schema.access.requirements import Requirement
    from gateway.schema.bindings import Binding
    from gateway.schema.catalog import Catalog, FieldInfo

TYPENAME = "__typename"
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One response position: `key` in the response, the field, and what is asked of its value.

    `info` is None for `__typename` and for introspection. `nodes` are all the syntax nodes merged
    here; the first carries the arguments.
    """

    key: str
    name: str
    info: FieldInfo | None
    nodes: tuple[FieldNode, ...]

    @property
    def type_name(self) -> str:
        """The type of its value; empty for `__typename` and for introspection."""
        return self.info.type_name if self.info else ""

    @property
    def binding(self) -> Binding | None:
        """What it is bound to, if anything."""
        return self.info.binding if self.info else None


@dataclass(frozen=True, slots=True)
class Reader:
    """Collects selections of one operation under one set of conditions.

    `conditions` holds the value of every variable that stands in a `@skip` or `@include`. Fields
    that ask for something in `refused` are left out, as the viewer may not use them.
    """

    catalog: Catalog
    fragments: Mapping[str, FragmentDefinitionNode]
    conditions: Mapping[str, bool]
    refused: frozenset[Requirement] = frozenset()
    variables: Sequence[VariableDefinitionNode] = ()
    """The variables that the operation declares."""
    operation: str = ""
    """Its name, empty for none."""

    def root(self, type_name: str, selections: SelectionSetNode) -> tuple[Field, ...]:
        """The root fields, in response order."""
        return self._allowed(self._collect(type_name, (selections,)))

    def below(self, field: Field, type_name: str) -> tuple[Field, ...]:
        """The fields asked of a value of object type `type_name` at this position."""
        return self._allowed(self._below(field, type_name))

    def parts(
        self, field: Field, make: Callable[[Field], Part], type_name: str | None = None
    ) -> tuple[Constant | Part, ...]:
        """What is asked of a value at this position: `make` of each field but `__typename`."""
        name = type_name or field.type_name
        return tuple(
            Constant(child.key, name) if child.name == TYPENAME else make(child)
            for child in self.below(field, name)
        )

    def cuts_root(self, type_name: str, selections: SelectionSetNode) -> bool:
        """Whether a root field is left out."""
        return bool(self.refused) and any(
            map(self._is_refused, self._collect(type_name, (selections,)))
        )

    def cuts_below(self, field: Field, type_name: str) -> bool:
        """Whether a field of the value at this position is left out."""
        return bool(self.refused) and any(map(self._is_refused, self._below(field, type_name)))

    def _allowed(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        if not self.refused:
            return fields
        return tuple(field for field in fields if not self._is_refused(field))

    def _is_refused(self, field: Field) -> bool:
        return field.info is not None and not self.refused.isdisjoint(field.info.access)

    def _below(self, field: Field, type_name: str) -> tuple[Field, ...]:
        sets = [node.selection_set for node in field.nodes if node.selection_set]
        return self._collect(type_name, sets)

    def _collect(self, type_name: str, sets: Iterable[SelectionSetNode]) -> tuple[Field, ...]:
        merged: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for selection_set in sets:
            self._visit(type_name, selection_set, merged, visited)
        return tuple(
            Field(
                key,
                nodes[0].name.value,
                self.catalog.fields.get((type_name, nodes[0].name.value)),
                tuple(nodes),
            )
            for key, nodes in merged.items()
        )

    def _visit(
        self,
        type_name: str,
        selection_set: SelectionSetNode,
        merged: dict[str, list[FieldNode]],
        visited: set[str],
    ) -> None:
        for node in selection_set.selections:
            if not self.included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                merged.setdefault(key, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self.applies(condition.name.value, type_name):
                    self._visit(type_name, node.selection_set, merged, visited)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self.applies(fragment.type_condition.name.value, type_name):
                    self._visit(type_name, fragment.selection_set, merged, visited)

    def applies(self, condition: str, type_name: str) -> bool:
        """Whether a fragment of one type is for objects of another."""
        return condition == type_name or type_name in self.catalog.possible.get(condition, ())

    def included(self, directives: Sequence[DirectiveNode]) -> bool:
        """Whether `@skip` and `@include` let a selection through."""
        for directive in directives:
            name = directive.name.value
            if name in {"skip", "include"}:
                value = _condition(directive)
                if isinstance(value, VariableNode):
                    holds = self.conditions[value.name.value]
                else:
                    holds = isinstance(value, BooleanValueNode) and value.value
                if holds == (name == "skip"):
                    return False
        return True


def _condition(directive: DirectiveNode) -> ValueNode:
    """The `if` of a `@skip` or `@include`."""
    (argument,) = directive.arguments or ()
    return argument.value


def reached(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[SelectionNode]:
    """Every field and fragment that an operation reaches, each written one once."""
    visited: set[str] = set()
    waiting: list[Any] = [selections]
    while waiting:
        for node in waiting.pop().selections:
            yield node
            if isinstance(node, FragmentSpreadNode):
                if node.name.value not in visited:
                    visited.add(node.name.value)
                    waiting.append(fragments[node.name.value].selection_set)
            elif node.selection_set is not None:
                waiting.append(node.selection_set)


def condition_variables(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    """The variables that `@skip` and `@include` read anywhere in the operation, sorted."""
    values = (
        _condition(directive)
        for node in reached(selections, fragments)
        for directive in node.directives or ()
        if directive.name.value in {"skip", "include"}
    )
    return tuple(sorted({one.name.value for one in values if isinstance(one, VariableNode)}))
