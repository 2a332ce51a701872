"""What an operation is split into, and the syntax nodes of which that is made. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from graphql import (
    FieldNode,
    InlineFragmentNode,
    NamedTypeNode,
    NameNode,
    SelectionSetNode,
    StringValueNode,
    VariableDefinitionNode,
    parse,
)

from gateway.documents.incremental.directives import argument
from gateway.schema.federation import ENTITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import DirectiveNode, SelectionNode, ValueNode

    from gateway.documents.store import Operation

KEY = "__plait_key"
"""Under which an operation shows the global id of a row that others refer to."""
KEYS = "__plait_keys"
"""The variable of the rows that an operation is about."""

Keys: TypeAlias = "dict[str, Keys | None]"
"""Response keys, with those below them."""
Path: TypeAlias = tuple[str, ...]
"""Response keys from the root down; places in lists are left out.

Behind a key whose object may be of several types stands which one it is (`typed`): two of them may
have the same keys below.
"""
_TYPED = ":"


class Owner:
    """A deferred fragment or a streamed list, at one place of the operation.

    `depth` is the length of its path; `keys` are what a fragment selects and does not defer itself;
    `count` says how many entries of a list come at once, and is None for a fragment.
    """

    __slots__ = ("count", "depth", "keys", "label", "parent")

    def __init__(
        self,
        node: DirectiveNode,
        depth: int,
        *,
        parent: Owner | None = None,
        keys: Keys | None = None,
        count: ValueNode | int | None = None,
    ) -> None:
        label = argument(node, "label")
        self.label = label.value if isinstance(label, StringValueNode) else None
        self.depth = depth
        self.parent = parent
        self.keys: Keys = keys or {}
        self.count = count

    def within(self, other: Owner) -> bool:
        """Whether it stands inside another."""
        return self.parent is not None and (self.parent is other or self.parent.within(other))


class Cut(NamedTuple):
    """What is left out: below which places it belongs, and the operation that brings it.

    `path` leads from where its operation begins to the anchors; `entity` is their type, None for
    the root; `chain` leads from there to the object. Of the `owners` the first is who left it out,
    others wait for something below it.
    """

    path: Path
    entity: str | None
    chain: Path
    owners: tuple[Owner, ...]
    share: Share


class Listed(NamedTuple):
    """A streamed list: where it is."""

    path: Path
    owner: Owner


class Share(NamedTuple):
    """One operation of those that together answer a document, and what it leaves to others."""

    operation: Operation
    cuts: tuple[Cut, ...]
    lists: tuple[Listed, ...]


def typed(name: str) -> str:
    """The step of a path that is taken by objects of this type only."""
    return _TYPED + name


def type_of(step: str) -> str | None:
    """The type that a step is about; None for a response key."""
    return step.removeprefix(_TYPED) if step.startswith(_TYPED) else None


def depth(path: Path) -> int:
    """How many response keys a path has."""
    return sum(type_of(step) is None for step in path)


def join(keys: Keys, others: Keys) -> None:
    """Add other response keys to some."""
    for key, below in others.items():
        known = keys.get(key)
        if known is not None and below is not None:
            join(known, below)
        else:
            keys[key] = below


def response_key(node: FieldNode) -> str:
    """The key under which a field's value is in the answer."""
    return node.alias.value if node.alias else node.name.value


def merged(node: FieldNode, sets: Sequence[SelectionSetNode]) -> FieldNode:
    """The field with the selections of all its nodes."""
    if len(sets) == 1 and node.selection_set is sets[0]:
        return node
    return selecting(node, [each for one in sets for each in one.selections])


def selecting(node: FieldNode, asked: Sequence[SelectionNode]) -> FieldNode:
    """The field with another selection; its conditions hold."""
    return FieldNode(
        name=node.name,
        alias=node.alias,
        arguments=node.arguments,
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(asked)),
        loc=node.loc,
    )


def aliased(name: str) -> FieldNode:
    """A field of ours, under the key that is taken out of answers again."""
    return FieldNode(
        name=NameNode(value=name), alias=NameNode(value=KEY), arguments=(), directives=()
    )


_OF_ENTITIES: Any = parse(
    f"query (${KEYS}: [_Any!]!) {{ {ENTITIES}(representations: ${KEYS}) }}", no_location=True
).definitions[0]
KEYS_DEFINITION: VariableDefinitionNode = _OF_ENTITIES.variable_definitions[0]


def on_type(name: str, asked: Sequence[SelectionNode]) -> InlineFragmentNode:
    """A fragment for objects of one type."""
    below = SelectionSetNode(selections=tuple(asked))
    return InlineFragmentNode(
        type_condition=NamedTypeNode(name=NameNode(value=name)), directives=(), selection_set=below
    )


def rows(entity: str, asked: Sequence[SelectionNode]) -> FieldNode:
    """`_entities(representations: …) { ... on Entity { … } }`."""
    return selecting(_OF_ENTITIES.selection_set.selections[0], [on_type(entity, asked)])
