"""Who asks for what of an object: the operation itself, or a fragment that is deferred. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from graphql import FieldNode, FragmentSpreadNode, SelectionSetNode

from gateway.documents.incremental.directives import DEFER, STREAM, directive, holds
from gateway.documents.incremental.shares import Keys, Owner, join, response_key
from gateway.schema.selection import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from graphql import DirectiveNode, NamedTypeNode, SelectionNode

    from gateway.documents.incremental.directives import Written
    from gateway.schema.catalog import Catalog

Fields: TypeAlias = dict[str, list[FieldNode]]
"""The fields of an object by their response keys, each with all its nodes."""
Sets: TypeAlias = "Sequence[SelectionSetNode]"


class Gatherer:
    """Reads the selections of one operation as written, under one set of conditions."""

    def __init__(self, catalog: Catalog, written: Written, conditions: Mapping[str, bool]) -> None:
        self._written = written
        self._conditions = conditions
        self._reader = Reader(catalog, written.fragments, conditions)
        self._known: dict[int, bool] = {}

    def gathered(
        self, type_name: str, depth: int, sets: Sets, owed: Iterable[tuple[Owner, Sets]]
    ) -> dict[Owner | None, Fields]:
        """The fields of an object at this depth by who asks for them, None first.

        `sets` are asked for at once, `owed` by those to whom they belong.
        """
        found: dict[Owner | None, Fields] = {None: {}}
        for owner, theirs in ((None, sets), *owed):
            visited: set[str] = set()
            for selection_set in theirs:
                self._gather((type_name, depth), selection_set, owner, found, visited)
        return found

    def active(self, node: SelectionNode, name: str) -> DirectiveNode | None:
        """The directive of this name, where it is to be followed."""
        found = directive(node, name)
        return found if found is not None and holds(found, self._conditions) else None

    def is_split(self, selection_set: SelectionSetNode) -> bool:
        """Whether something below is to come later."""
        known = self._known.get(id(selection_set))
        if known is None:
            known = any(map(self._splits, selection_set.selections))
            self._known[id(selection_set)] = known
        return known

    def _splits(self, node: SelectionNode) -> bool:
        if self.active(node, DEFER) or self.active(node, STREAM):
            return True
        below = self._named(node).selection_set
        return below is not None and self.is_split(below)

    def _keys(self, sets: Sets) -> Keys:
        """What is selected and not deferred, whatever the types."""
        found: Keys = {}
        for selection_set in sets:
            for node in selection_set.selections:
                if not self._reader.included(node.directives or ()):
                    continue
                if isinstance(node, FieldNode):
                    below = self._keys((node.selection_set,)) if node.selection_set else None
                    join(found, {response_key(node): below})
                elif self.active(node, DEFER) is None:
                    join(found, self._keys((self._named(node).selection_set,)))
        return found

    def _gather(
        self,
        place: tuple[str, int],
        selection_set: SelectionSetNode,
        owner: Owner | None,
        gathered: dict[Owner | None, Fields],
        visited: set[str],
    ) -> None:
        """The fields of an object, by who asks for them."""
        fields = gathered.setdefault(owner, {})
        for node in selection_set.selections:
            if not self._reader.included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                fields.setdefault(response_key(node), []).append(node)
                continue
            deferred = self.active(node, DEFER)
            if isinstance(node, FragmentSpreadNode):
                if deferred is None and node.name.value in visited:
                    continue
                visited.add(node.name.value)
            below = self._fragment(node, place[0])
            if below is None:
                continue
            if deferred is None:
                self._gather(place, below, owner, gathered, visited)
            else:
                keys = self._keys((below,))
                one = Owner(deferred, place[1], parent=owner, keys=keys)
                self._gather(place, below, one, gathered, set())

    def _fragment(self, node: SelectionNode, type_name: str) -> SelectionSetNode | None:
        """What a fragment selects of an object; None where it is for other types."""
        found = self._named(node)
        condition: NamedTypeNode | None = found.type_condition
        if condition is None or self._reader.applies(condition.name.value, type_name):
            below: SelectionSetNode = found.selection_set
            return below
        return None

    def _named(self, node: SelectionNode) -> Any:
        """The fragment that a selection names; the selection itself where it names none."""
        if isinstance(node, FragmentSpreadNode):
            return self._written.fragments[node.name.value]
        return node
