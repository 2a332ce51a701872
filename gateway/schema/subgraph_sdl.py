"""The SDL that `_service` tells a router: what Strawberry prints, made fit to be composed.

What every API of this kind has (page information, filters' results, `nodeId`) says that others may
have it too, and access rules are those of Apollo's specification, whose definitions are linked.

https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import (
    REMOVE,
    ConstDirectiveNode,
    DirectiveDefinitionNode,
    DocumentNode,
    FieldDefinitionNode,
    InterfaceTypeDefinitionNode,
    NameNode,
    ObjectTypeDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from strawberry.printer import print_schema

from gateway.schema.upstreams.links import arguments_of

if TYPE_CHECKING:
    from collections.abc import Collection

    import strawberry

SPECIFICATION = "https://specs.apollo.dev/federation/"
VERSION = "v2.11"
LINKED = frozenset({"authenticated", "policy", "requiresScopes"})
"""Directives of ours that are Apollo's by name and meaning."""

_NODE, _SHAREABLE = "Node", "shareable"


def subgraph_sdl(schema: strawberry.Schema, structures: Collection[str]) -> str:
    """The text for a router; `structures` are the types that any API of this kind may have."""
    fitted = _Fitted(structures)
    document: DocumentNode = visit(parse(print_schema(schema)), fitted)
    imported = ", ".join(f'"@{name}"' for name in sorted(fitted.imported))
    link = f'extend schema @link(url: "{SPECIFICATION}{VERSION}", import: [{imported}])'
    return f"{link}\n\n{print_ast(document)}\n"


class _Fitted(Visitor):
    """Marks what may be shared, and gathers what must be imported."""

    def __init__(self, structures: Collection[str]) -> None:
        super().__init__()
        self.imported: set[str] = set()
        self._structures = structures

    def enter_directive(self, node: Any, *_: Any) -> Any:
        """Imports of the specification are gathered into one, made at the end."""
        name = node.name.value
        given = arguments_of(node)
        if name == "link" and str(given.get("url")).startswith(SPECIFICATION):
            self.imported |= {str(one).removeprefix("@") for one in given.get("import", ())}
            return REMOVE
        if name in LINKED:
            self.imported.add(name)
        return None

    def enter_directive_definition(self, node: DirectiveDefinitionNode, *_: Any) -> Any:
        """What is imported is defined there."""
        return REMOVE if node.name.value in LINKED else None

    def leave_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: Any) -> Any:
        """Called when everything within is done."""
        if node.name.value == "Query":
            return self._query(node)
        interfaces = tuple(one for one in node.interfaces or () if one.name.value != _NODE)
        bare = _with(node, interfaces=interfaces)
        if node.name.value in self._structures:
            return self._marked(bare, _SHAREABLE)
        return bare if len(interfaces) == len(node.interfaces or ()) else self._row(bare)

    def _row(self, node: ObjectTypeDefinitionNode) -> Any:
        fields = node.fields or ()
        if any(directive.name.value == "interfaceObject" for directive in node.directives or ()):
            # It stands for an interface of others, whose types have no such ids.
            return _with(node, fields=tuple(one for one in fields if one.name.value != "nodeId"))
        shared = [
            self._marked(one, _SHAREABLE) if one.name.value == "nodeId" else one for one in fields
        ]
        return _with(node, fields=tuple(shared))

    def leave_interface_type_definition(self, node: InterfaceTypeDefinitionNode, *_: Any) -> Any:
        """Other subgraphs may have a `Node` of their own, with another field for the id."""
        return REMOVE if node.name.value == _NODE else None

    def _query(self, node: ObjectTypeDefinitionNode) -> Any:
        # Two services may have `node`, and neither knows the other's rows: it is for inside.
        fields = tuple(one for one in node.fields or () if one.name.value != "node")
        return _with(node, fields=fields)

    def _marked(self, node: ObjectTypeDefinitionNode | FieldDefinitionNode, name: str) -> Any:
        self.imported.add(name)
        if any(directive.name.value == name for directive in node.directives or ()):
            return node
        added = ConstDirectiveNode(name=NameNode(value=name), arguments=())
        return _with(node, directives=(*(node.directives or ()), added))


def _with(node: Any, **changed: Any) -> Any:
    parts = {name: getattr(node, name) for name in node.keys if name != "loc"}
    return type(node)(**{**parts, **changed})
