"""Whether the value of a plain resolver may be kept as a whole, and under which name. Pure.

It is completed JSON, all that is asked below it included. So everything below must be declared too,
and must be the resolver's own: what is planned has entries of its own. Of rows that a resolver
refers to, the keys are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphql import FragmentDefinitionNode, FragmentSpreadNode, VariableNode, Visitor, print_ast
from graphql import visit as visit_syntax

from gateway.caching.policy import Policy, merged
from gateway.schema.definitions import definition_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.planning.cacheability import CachePolicies
    from gateway.schema.catalog import FieldInfo
    from gateway.schema.selection import Field, Reader


@dataclass(frozen=True, slots=True, eq=False)
class CacheableField:
    """A plain resolver's value, as it is asked for at one place of a document.

    `text` is what is asked below, `variables` what that reads. `by_viewer`: something there asks
    who the viewer is. `entity` is the type of the rows it refers to, where it does.
    """

    info: FieldInfo
    policy: Policy
    text: str = ""
    variables: tuple[str, ...] = ()
    by_viewer: bool = False
    entity: str | None = None


Places = dict[tuple[int, ...], CacheableField | None]
"""How the fields of a document are kept, by their syntax nodes."""


def cacheable_field(policies: CachePolicies, reader: Reader, field: Field) -> CacheableField | None:
    """How the value of a plain resolver is kept; None where it may not be."""
    info = field.info
    if info is None or not info.plain or _is_extended(info):
        return None
    reader = replace(reader, refused=frozenset())  # what is refused asks for the viewer, too
    entity = info.type_name if info.type_name in reader.catalog.entities else None
    below = [] if entity else _below(reader, field)
    policy = policies.of_plain(info) if entity else merged(policies.of_walked(reader, [field]))
    if not policy.cacheable or any(_is_foreign(reader, one) for one in below):
        return None
    text, variables = _written(field, reader.fragments) if below else ("", ())
    by_viewer = bool(info.access) or any(map(_is_guarded, below))
    return CacheableField(info, policy, text, variables, by_viewer, entity)


def _below(reader: Reader, field: Field) -> list[Field]:
    """All fields asked anywhere below this one, whatever types the objects have."""
    found: list[Field] = []
    waiting = [field]
    while waiting:
        one = waiting.pop()
        if one.info is None or one.info.leaf:
            continue
        for name in reader.catalog.types_of(one.info):
            children = reader.below(one, name)
            found += children
            waiting += children
    return found


def _is_foreign(reader: Reader, field: Field) -> bool:
    """Whether its value is planned, or passes through code that must see every viewer's."""
    info = field.info
    if info is None:
        return False
    catalog = reader.catalog
    planned = info.type_name in catalog.entities or info.type_name in catalog.structures
    return planned or info.binding is not None or _is_extended(info)


def _is_extended(info: FieldInfo) -> bool:
    """Whether permission classes or field extensions stand before it."""
    return bool(getattr(definition_of(info.definition), "extensions", None))


def _is_guarded(field: Field) -> bool:
    return field.info is not None and bool(field.info.access)


class _Mentions(Visitor):
    """The variables and fragments that a piece of syntax names."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.fragments: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        """Note the variable."""
        self.variables.add(node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        """Note the fragment."""
        self.fragments.add(node.name.value)


def _written(
    field: Field, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, tuple[str, ...]]:
    """What is asked below a field, as text with its fragments, and the variables in it."""
    mentions = _Mentions()
    parts = []
    for node in field.nodes:
        if node.selection_set is not None:
            visit_syntax(node.selection_set, mentions)
            parts.append(print_ast(node.selection_set))
    done: set[str] = set()
    while waiting := sorted(mentions.fragments - done):
        for name in waiting:
            done.add(name)
            visit_syntax(fragments[name], mentions)
            parts.append(print_ast(fragments[name]))
    return "\n".join(parts), tuple(sorted(mentions.variables))
