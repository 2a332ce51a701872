"""Who may use what an upstream gives: as its SDL says, and as the domain does; both must be met.

The SDL's rules are Apollo's `@authenticated`, `@requiresScopes` and `@policy`, and our own
`@requiresRoles`, under whatever names the SDL imports them. They hold here too, as the gateway may
ask with credentials of its own. What is `@inaccessible` is no part of our schema.

https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    IDLE,
    REMOVE,
    DirectiveNode,
    DocumentNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    NameNode,
    Node,
    Visitor,
    get_named_type,
    visit,
)

from gateway.errors import ConfigurationError
from gateway.schema.access.requirements import (
    Requirement,
    Requirements,
    Sort,
    directives_of,
    requirements_of,
)
from gateway.schema.definitions import directives_on, note, noted
from gateway.schema.upstreams.links import LinkedNames, written_directives

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from graphql import VisitorAction

    from gateway.schema.access.requirements import Access

ACCESS = "plait-access"
"""Where a field or a type that Strawberry did not make keeps what it demands, in its extensions."""

_SORTS = {
    "authenticated": Sort.AUTHENTICATED,
    "requiresRoles": Sort.ROLES,
    "requiresScopes": Sort.SCOPES,
    "policy": Sort.POLICIES,
}


def required_by(element: Any) -> Requirements:
    """What a field or a type of the schema demands, whoever made it."""
    own: Requirements | None = noted(element, ACCESS)
    return own if own is not None else requirements_of(directives_on(element))


def settle(
    where: str,
    types: Mapping[str, Any],
    roots: Collection[str],
    declared: Mapping[str, Access],
    *,
    said: bool,
) -> None:
    """Note with types and their fields what they demand.

    `types` are by their names at the upstream; `declared` by type, or by `Type.field`; what the
    SDL has `said` counts or does not. What is declared of one of the `roots` holds for those of its
    fields of which nothing is. A field of an interface hands its rules on to the types that
    implement it. Raises ConfigurationError, beginning with `where`, for names that are not there.
    """
    unknown = set(declared)
    # A service that guards itself applies the rules of its SDL.
    rules: Callable[[Any], Iterable[Requirement]] = _said if said else lambda _: ()
    for name, type_ in types.items():
        unknown.discard(name)
        if name not in roots:
            _note(type_, [*rules(type_), *_declared(declared, name)])
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for field, definition in type_.fields.items():
            place = f"{name}.{field}"
            unknown.discard(place)
            inherited = [one.fields[field] for one in type_.interfaces if field in one.fields]
            found = [
                *(rule for one in (definition, *inherited) for rule in rules(one)),
                # A scalar of ours may stand for one of theirs, which then demands nothing itself.
                *rules(types.get(get_named_type(definition.type).name)),
                *_declared(declared, place if place in declared or name not in roots else name),
            ]
            _note(definition, found)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ConfigurationError(f"{where}: `access` names what the SDL has not: {names}.")


def accessible(document: DocumentNode) -> DocumentNode:
    """The SDL without what is `@inaccessible`; its directives have their specifications' names."""
    shown: DocumentNode = visit(document, _Hiding(LinkedNames(document)))
    return shown


class _Hiding(Visitor):
    """Takes out types, fields, arguments and values."""

    def __init__(self, names: LinkedNames) -> None:
        super().__init__()
        self._names = names

    def enter(self, node: Node, *_: Any) -> VisitorAction | Node:
        if isinstance(node, DirectiveNode):
            named = NameNode(value=self._name(node))
            return DirectiveNode(name=named, arguments=node.arguments, loc=node.loc)
        directives = getattr(node, "directives", None) or ()
        return REMOVE if "inaccessible" in map(self._name, directives) else IDLE

    def _name(self, directive: DirectiveNode) -> str:
        return self._names(directive.name.value)


def _note(element: Any, requirements: Iterable[Requirement]) -> None:
    found = tuple(dict.fromkeys(requirements))
    if found:
        note(element, ACCESS, found)


def _declared(declared: Mapping[str, Access], name: str) -> Requirements:
    return requirements_of(directives_of(declared.get(name, {}), name))


def _said(element: Any) -> Iterator[Requirement]:
    """What an element's SDL demands. What is said in another form than Apollo's nobody meets."""
    for directive, given in written_directives(element):
        if directive in _SORTS:
            lists = [each if isinstance(each, list) else [each] for each in given.values()]
            alternatives = frozenset(
                frozenset(one if isinstance(one, list) else [one]) for each in lists for one in each
            )
            yield Requirement(_SORTS[directive], alternatives)
