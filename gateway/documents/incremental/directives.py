"""What `@defer` and `@stream` say in a document, and the document without them. Pure.

https://github.com/graphql/graphql-spec/pull/1110. Whoever takes an answer as a whole gets that of
the document without them, so nothing below this module needs to know them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import (
    REMOVE,
    BooleanValueNode,
    DirectiveNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)

from gateway.schema.selection import reached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import (
        DefinitionNode,
        DocumentNode,
        FragmentDefinitionNode,
        ValueNode,
    )

DEFER = "defer"
STREAM = "stream"


class Written(NamedTuple):
    """An operation as its client wrote it, with `@defer` and `@stream`."""

    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]


def may_be_incremental(text: str) -> bool:
    """Whether a look into the document is worth it."""
    return DEFER in text or STREAM in text


class _Without(Visitor):
    def enter_directive(self, node: DirectiveNode, *_args: Any) -> Any:
        return REMOVE if node.name.value in {DEFER, STREAM} else None


def without(node: DocumentNode) -> DocumentNode:
    """The document without `@defer` and `@stream`; the same one where it has none."""
    stripped: DocumentNode = visit(node, _Without())
    return stripped


def directive(node: Any, name: str) -> DirectiveNode | None:
    """A directive of a selection."""
    return next((each for each in node.directives or () if each.name.value == name), None)


def argument(node: DirectiveNode, name: str) -> ValueNode | None:
    """What a directive is told, as it is written."""
    return next((each.value for each in node.arguments or () if each.name.value == name), None)


def holds(node: DirectiveNode, conditions: Mapping[str, bool]) -> bool:
    """Whether a `@defer` or `@stream` is to be followed: its `if` is true, or not there."""
    value = argument(node, "if")
    if isinstance(value, VariableNode):
        return conditions[value.name.value]
    return not isinstance(value, BooleanValueNode) or value.value


def directives_of(written: Written) -> Iterator[DirectiveNode]:
    """Every `@defer` and `@stream` that an operation reaches, each once."""
    for node in reached(written.node.selection_set, written.fragments):
        for each in node.directives or ():
            if each.name.value in {DEFER, STREAM}:
                yield each


def written(
    node: DefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Written | None:
    """An operation as written, where it has `@defer` or `@stream`."""
    if not isinstance(node, OperationDefinitionNode):
        return None
    found = Written(node, fragments)
    return None if next(directives_of(found), None) is None else found


def if_variables(written: Written) -> tuple[str, ...]:
    """The variables that `@defer` and `@stream` read as their `if`, sorted."""
    values = (argument(node, "if") for node in directives_of(written))
    return tuple(sorted({one.name.value for one in values if isinstance(one, VariableNode)}))
