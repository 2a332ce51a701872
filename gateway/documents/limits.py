"""How large a document may be, and the two linear passes that find out.

`scan` looks at the text before it is parsed, `enforce` at the syntax tree before it is validated.
Neither expands a fragment: each is measured once and its measure added wherever it is spread, so
a few hundred bytes of fragments that multiply each other cost no more than any others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
)

from gateway.documents.refusal import InvalidDocument, beyond_limit, location
from gateway.errors import Code, RequestError

if TYPE_CHECKING:
    from graphql import DocumentNode, SelectionSetNode


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """The bounds of a document. The defaults keep its way to the cache under 50 ms of one core.

    Of the text: `max_chars`, `max_tokens` (comments count), `max_nesting` (brackets open at once).
    Of the document: `max_operations`. Of each operation, with fragments expanded: `max_depth`
    (fields within fields), `max_nesting` (selection sets within selection sets), `max_fields`,
    `max_root_fields`, `max_aliases`, `max_directives`.
    Of validation: `max_comparisons`, the work allowed for deciding whether fields of one name can
    be merged (quadratic in repeated fields), and `max_errors`, after which it stops.
    """

    max_chars: int = 32_768
    max_tokens: int = 1_500
    max_nesting: int = 64
    max_operations: int = 20
    max_depth: int = 20
    max_fields: int = 2_000
    max_root_fields: int = 20
    max_aliases: int = 100
    max_directives: int = 100
    max_comparisons: int = 7_000
    max_errors: int = 20


# Every alternative matches whatever follows its first characters (an unterminated string runs to
# the end), so the scan is linear for any text.
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*+(?:""")?'
    r'|"(?:[^"\\\r\n]|\\.)*+"?'
    r"|#[^\r\n]*+"
    r"|[_A-Za-z][_0-9A-Za-z]*+"
    r"|-?[0-9][0-9.eE+-]*+"
    r"|\.\.\."
    r"|[!$&()\[\]{}:=@|]"
)


def scan(text: str, limits: DocumentLimits) -> int:
    """Count the tokens of `text` without parsing it; stops at the first limit passed.

    Raises `InvalidDocument` for too many characters (nothing was read then), tokens or open
    brackets. What the count takes for a token in malformed text does not matter: the parser
    refuses it, and has a bound of its own.
    """
    if len(text) > limits.max_chars:
        raise beyond_limit(f"The document is longer than {limits.max_chars} characters.")
    tokens = nesting = 0
    for match in _TOKEN.finditer(text):
        tokens += 1
        if tokens > limits.max_tokens:
            raise beyond_limit(f"The document has more than {limits.max_tokens} tokens.")
        lead = text[match.start()]
        if lead in "{([":
            nesting += 1
            if nesting > limits.max_nesting:
                raise _too_nested(limits)
        elif lead in "})]":
            nesting -= 1
    return tokens


@dataclass(slots=True)
class _Measure:
    """What a definition holds, itself and (once combined) through the fragments it spreads."""

    fields: int = 0
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    nesting: int = 0
    spreads: list[tuple[str, int, int]] = field(default_factory=list)

    def combine(self, fragments: dict[str, _Measure]) -> None:
        """Add the measures of the spread fragments, which must be combined already."""
        for name, depth, nesting in self.spreads:
            fragment = fragments.get(name)
            if fragment is None:  # unknown: validation names it
                continue
            self.fields += fragment.fields
            self.aliases += fragment.aliases
            self.directives += fragment.directives
            self.root_fields += fragment.root_fields if depth == 0 else 0
            self.depth = max(self.depth, depth + fragment.depth)
            self.nesting = max(self.nesting, nesting + fragment.nesting)


def enforce(document: DocumentNode, limits: DocumentLimits) -> None:
    """Raise `InvalidDocument` if an operation is beyond a limit or fragments form a circle.

    One visit of each node; `scan` has bounded the tree.
    """
    operations: list[tuple[OperationDefinitionNode, _Measure]] = []
    nodes: dict[str, FragmentDefinitionNode] = {}
    fragments: dict[str, _Measure] = {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            operations.append((definition, _measure(definition)))
        elif isinstance(definition, FragmentDefinitionNode):
            nodes[definition.name.value] = definition
            fragments[definition.name.value] = _measure(definition)
    if len(operations) > limits.max_operations:
        node = operations[limits.max_operations][0]
        raise beyond_limit(
            f"The document has more than {limits.max_operations} operations.", node=node
        )
    _combine_fragments(fragments, nodes)
    for operation, measure in operations:
        measure.combine(fragments)
        _compare(operation, measure, limits)


def _measure(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Measure:
    measure = _Measure(directives=len(definition.directives or ()))
    pending: list[tuple[SelectionSetNode, int, int]] = [(definition.selection_set, 0, 1)]
    while pending:
        selection_set, depth, nesting = pending.pop()
        measure.nesting = max(measure.nesting, nesting)
        for selection in selection_set.selections:
            measure.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                measure.fields += 1
                measure.root_fields += depth == 0
                measure.aliases += selection.alias is not None
                measure.depth = max(measure.depth, depth + 1)
                if selection.selection_set is not None:
                    pending.append((selection.selection_set, depth + 1, nesting + 1))
            elif isinstance(selection, InlineFragmentNode):
                pending.append((selection.selection_set, depth, nesting + 1))
            elif isinstance(selection, FragmentSpreadNode):
                measure.spreads.append((selection.name.value, depth, nesting))
    return measure


def _combine_fragments(
    fragments: dict[str, _Measure], nodes: dict[str, FragmentDefinitionNode]
) -> None:
    graph = {
        name: {spread for spread, _, _ in measure.spreads if spread in fragments}
        for name, measure in fragments.items()
    }
    try:
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        # graphlib lists the circle from the spread to the spreading fragment
        circle: list[str] = error.args[1][::-1]
        raise InvalidDocument([_circular(circle, nodes[circle[0]])]) from None
    for name in order:
        fragments[name].combine(fragments)


def _circular(circle: list[str], node: FragmentDefinitionNode) -> RequestError:
    return RequestError(
        f"Fragments form a circle: {' → '.join(circle)}.",
        code=Code.GRAPHQL_VALIDATION_FAILED,
        locations=location(node),
    )


def _compare(node: OperationDefinitionNode, measure: _Measure, limits: DocumentLimits) -> None:
    if measure.nesting > limits.max_nesting:
        raise _too_nested(limits, node)
    for found, allowed, what in (
        (measure.depth, limits.max_depth, "levels of fields"),
        (measure.root_fields, limits.max_root_fields, "root fields"),
        (measure.aliases, limits.max_aliases, "aliases"),
        (measure.directives, limits.max_directives, "directives"),
        (measure.fields, limits.max_fields, "fields"),
    ):
        if found > allowed:
            raise beyond_limit(f"The operation has more than {allowed} {what}.", node=node)


def _too_nested(
    limits: DocumentLimits, node: OperationDefinitionNode | None = None
) -> InvalidDocument:
    return beyond_limit(f"The document is nested deeper than {limits.max_nesting}.", node=node)
