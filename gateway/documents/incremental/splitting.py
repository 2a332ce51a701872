"""An operation with `@defer` and `@stream` as the operations that answer it in parts. Pure.

The first leaves out what is deferred. Every other is an operation of its own, planned and executed
like any: it begins at the *anchor* of what it brings, the nearest place that can be found again,

    a row of an entity      by its key, which the operation before shows under `KEY`; the rows of
                            all places are asked for together, as `_entities`
    the root of a query     with the way from there, through fields that are no lists

and the rest of the way down is selected again. What has no anchor (an entry of an upstream's list,
an object that a Python resolver gave) is not deferred, nor is what is selected outside the fragment
too: a field that both select is answered with the outside, and what the fragment alone wants below
it hangs on anchors there. So no list is read twice, and what belongs to a row goes to that row,
whatever changes meanwhile.

An entry of a streamed list keeps its key and its own fields; what is asked of its row is brought
for a number of entries at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from gateway.documents.incremental.directives import STREAM, argument, without
from gateway.documents.incremental.gathering import Gatherer
from gateway.documents.incremental.shares import (
    KEY,
    KEYS_DEFINITION,
    Cut,
    Listed,
    Owner,
    Path,
    Share,
    aliased,
    depth,
    merged,
    on_type,
    rows,
    selecting,
    typed,
)
from gateway.documents.store import Operation, Parsed
from gateway.schema.selection import TYPENAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from graphql import DirectiveNode, SelectionNode

    from gateway.documents.incremental.directives import Written
    from gateway.documents.incremental.gathering import Fields, Sets
    from gateway.schema.catalog import Catalog

MAX_VISITS = 5_000
"""Selections looked at for one operation; those of an interface are, for each of its types."""
MAX_CUTS = 200
"""Operations that one may be split into. Beyond either bound it is answered whole."""


class TooManyParts(Exception):  # noqa: N818 - a condition to act on, not a failure
    """An operation that would come in too many parts."""


def split(
    catalog: Catalog,
    operation: Operation,
    written: Written,
    conditions: Mapping[str, bool],
) -> Share | None:
    """The first share of an operation; None where it is answered whole.

    `conditions`: the values of all variables that its directives read as their `if`.
    """
    try:
        share = _Splitting(catalog, operation, written, conditions).whole()
    except TooManyParts:
        return None
    return share if share.cuts or share.lists else None


class _Anchor:
    """Where an operation may begin; `used` when one does."""

    def __init__(self, entity: str | None, path: Path) -> None:
        self.entity = entity
        self.path = path
        self.used = False


class _Place(NamedTuple):
    """An object: its type, where it is, and how it is found again.

    `made`: a Python resolver gave it, which may know more of it than its row does.
    """

    type_name: str
    path: Path
    anchor: _Anchor | None
    chain: tuple[FieldNode, ...]
    made: bool = False


class _Claim(NamedTuple):
    """What one owner leaves out of an object, and what others want below that."""

    owner: Owner
    fields: Fields
    owed: dict[Owner, Fields]


class _Gathering:
    """What is left out of one share; `start` is the length of the path where that begins."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.cuts: list[Cut] = []
        self.lists: list[Listed] = []


class _Splitting:
    def __init__(
        self,
        catalog: Catalog,
        operation: Operation,
        written: Written,
        conditions: Mapping[str, bool],
    ) -> None:
        self._catalog = catalog
        self._operation = operation
        self._written = written
        self._gatherer = Gatherer(catalog, written, conditions)
        self._visits = self._cuts = 0

    def whole(self) -> Share:
        node = self._written.node
        root = self._catalog.schema.get_root_type(node.operation)
        anchor = _Anchor(None, ()) if node.operation is OperationType.QUERY else None
        gathering = _Gathering(0)
        place = _Place(root.name if root else "", (), anchor, ())
        fields = self._object(place, (node.selection_set,), (), gathering)
        kind, directives = node.operation, node.directives or ()
        return self._share(kind, fields, gathering, (), directives)

    # Objects -------------------------------------------------------------------------------------

    def _object(
        self,
        place: _Place,
        sets: Sets,
        owed: Iterable[tuple[Owner, Sets]],
        gathering: _Gathering,
        streamed: Owner | None = None,
    ) -> list[SelectionNode]:
        """What is asked of an object at once."""
        self._visits += 1
        if self._visits > MAX_VISITS:
            raise TooManyParts
        gathered = self._gatherer.gathered(place.type_name, depth(place.path), sets, owed)
        return self._fields(self._anchored(place), gathered, gathering, streamed)

    def _anchored(self, place: _Place) -> _Place:
        if place.made or place.type_name not in self._catalog.entities:
            return place
        anchor = _Anchor(place.type_name, place.path)
        return _Place(place.type_name, place.path, anchor, ())

    def _fields(
        self,
        place: _Place,
        gathered: dict[Owner | None, Fields],
        gathering: _Gathering,
        streamed: Owner | None = None,
    ) -> list[SelectionNode]:
        """What is asked of an object at once; what is not is left out of the share."""
        at_once = gathered.pop(None)
        if place.anchor is None:  # it could not be had later
            for fields in gathered.values():
                for key, nodes in fields.items():
                    at_once.setdefault(key, []).extend(nodes)
            gathered = {}
        claims, owed = _claimed(at_once, gathered)
        for claim in claims:
            self._cut(place, claim, gathering)
        asked: list[SelectionNode] = [
            self._field(place, key, nodes, owed.get(key, []), gathering, streamed)
            for key, nodes in at_once.items()
        ]
        anchor = place.anchor
        if anchor is not None and anchor.used and anchor.entity and anchor.path == place.path:
            asked.append(aliased("nodeId"))
        return asked or [aliased(TYPENAME)]

    def _cut(self, place: _Place, claim: _Claim, gathering: _Gathering) -> None:
        """Leave a claim to an operation of its own."""
        self._cuts += 1
        if self._cuts > MAX_CUTS or place.anchor is None:
            raise TooManyParts
        place.anchor.used = True
        entity, start = place.anchor.entity, place.anchor.path
        anchor = _Anchor(entity, start)
        below = _Gathering(len(start))
        there = place._replace(anchor=anchor)
        theirs: dict[Owner | None, Fields] = {None: claim.fields}
        theirs.update(claim.owed.items())
        asked = self._fields(there, theirs, below)
        for link in reversed(place.chain):
            asked = [selecting(link, asked)]
        if place.chain and anchor.used and entity:
            asked.append(aliased("nodeId"))
        gathering.cuts.append(
            Cut(
                start[gathering.start :],
                entity,
                place.path[len(start) :],
                (claim.owner, *claim.owed),
                self._share(OperationType.QUERY, asked, below, (entity,) if entity else ()),
            )
        )

    # Fields --------------------------------------------------------------------------------------

    def _field(  # noqa: PLR0913, PLR0917 - one part of the way each
        self,
        place: _Place,
        key: str,
        nodes: list[FieldNode],
        owed: list[tuple[Owner, Sets]],
        gathering: _Gathering,
        streamed: Owner | None,
    ) -> FieldNode:
        """A field that is asked for at once, perhaps without all that is below it."""
        node, path = nodes[0], (*place.path, key)
        parent: Any = self._catalog.schema.type_map[place.type_name]
        definition = self._catalog.schema.get_field(parent, node.name.value)
        type_ = get_nullable_type(definition.type) if definition else None
        listed = is_list_type(type_)
        named: Any = get_named_type(type_)
        sets = [each.selection_set for each in nodes if each.selection_set is not None]
        if streamed is not None:
            if listed or named.name not in self._catalog.entities:
                return merged(node, sets)  # an entry's row comes later, all else with the entry
            owed, sets = [(streamed, sets)], []
        info = self._catalog.fields.get((place.type_name, node.name.value))
        made = info is not None and self._catalog.gives_python(info)
        stream = self._gatherer.active(node, STREAM) if listed else None
        owner = None
        if stream is not None:
            count = argument(stream, "initialCount")
            owner = Owner(stream, depth(path), count=0 if count is None else count)
            gathering.lists.append(Listed(path[gathering.start :], owner))
            sets, owed = [*sets, *(one for _, theirs in owed for one in theirs)], []
            if named.name in self._catalog.entities and not made:
                owed, sets, owner = [(owner, sets)], [], None
        split = owed or any(map(self._gatherer.is_split, sets))
        if not sets and not owed:
            return node
        if (owner is None and not split) or (owner and named.name in self._catalog.possible):
            return merged(node, sets)
        anchor, chain = place.anchor, (*place.chain, node)
        if listed or info is None or made:
            anchor, chain = None, ()
        if named.name not in self._catalog.possible:
            there = _Place(named.name, path, anchor, chain, made)
            return selecting(node, self._object(there, sets, owed, gathering, owner))
        there = _Place("", path, None, (), made)
        return selecting(node, self._by_type(there, named.name, sets, owed, gathering))

    def _by_type(
        self,
        place: _Place,
        abstract: str,
        sets: Sets,
        owed: list[tuple[Owner, Sets]],
        gathering: _Gathering,
    ) -> list[SelectionNode]:
        """What is asked of an object at once that may be of several types."""
        fragments: list[SelectionNode] = []
        for name in sorted(self._catalog.possible[abstract]):
            below = _Gathering(gathering.start)
            there = place._replace(type_name=name, path=(*place.path, typed(name)))
            asked = self._object(there, sets, owed, below)
            if (below.cuts or below.lists) and not any(map(_shows_key, asked)):
                asked.append(aliased(TYPENAME))
            gathering.cuts += below.cuts
            gathering.lists += below.lists
            fragments.append(on_type(name, asked))
        return fragments

    # Operations ----------------------------------------------------------------------------------

    def _share(
        self,
        kind: OperationType,
        asked: list[SelectionNode],
        gathering: _Gathering,
        entity: tuple[str, ...],
        directives: tuple[DirectiveNode, ...] = (),
    ) -> Share:
        written = self._written.node
        declared = written.variable_definitions or ()
        for name in entity:
            asked, declared = [rows(name, asked)], (*declared, KEYS_DEFINITION)
        node = OperationDefinitionNode(
            operation=kind,
            name=written.name,
            variable_definitions=declared,
            directives=directives,
            selection_set=SelectionSetNode(selections=tuple(asked)),
        )
        fragments = self._operation.fragments
        document = without(DocumentNode(definitions=(node,)))
        (node,) = document.definitions  # type: ignore[assignment]  # the operation
        whole = DocumentNode(definitions=(node, *fragments.values()))
        parsed = Parsed(self._operation.document.text, whole, fragments)
        operation = Operation(parsed, node)
        return Share(operation, tuple(gathering.cuts), tuple(gathering.lists))


def _shows_key(node: SelectionNode) -> bool:
    """Whether it tells of which type an object is."""
    return isinstance(node, FieldNode) and node.alias is not None and node.alias.value == KEY


def _claimed(
    at_once: Fields, gathered: Mapping[Owner | None, Fields]
) -> tuple[list[_Claim], dict[str, list[tuple[Owner, Sets]]]]:
    """What each owner leaves out of an object, and what they want below what is asked at once."""
    claims: list[_Claim] = []
    owed: dict[str, list[tuple[Owner, Sets]]] = {}
    for owner, fields in gathered.items():
        if owner is None:
            continue
        own: Fields = {}
        for key, nodes in fields.items():
            sets = [node.selection_set for node in nodes if node.selection_set is not None]
            if key in at_once:
                if sets:
                    owed.setdefault(key, []).append((owner, sets))
                continue
            holder = _holder(claims, owner, key, composite=bool(sets))
            if holder is None:
                own[key] = nodes
            elif sets or key not in holder.fields:
                holder.owed.setdefault(owner, {})[key] = nodes
        if own:
            claims.append(_Claim(owner, own, {}))
    return claims, owed


def _holder(claims: list[_Claim], owner: Owner, key: str, *, composite: bool) -> _Claim | None:
    """Whose operation another owner's field hangs on.

    What is deferred within a fragment comes after it. What two fragments want of one list comes
    with the first, so that it is read once.
    """
    for claim in claims:
        if owner.within(claim.owner) or (composite and key in claim.fields):
            return claim
    return None
