"""The directives of an SDL, and what those who specified them call them, as its `@link`s say.

A service may import a directive under another name, or use it unimported with its specification's
name before it; that may be another one too. https://specs.apollo.dev/link/v1.0/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from graphql import SchemaDefinitionNode, SchemaExtensionNode, value_from_ast_untyped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphql import DirectiveNode, DocumentNode

_SPECIFICATION = re.compile(r"([^/]+?)(?:/v[0-9]+(?:\.[0-9]+)*)?/?$")
"""The name at the end of a specification's address, before its version."""


def written_directives(element: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and arguments of the directives on an element of a schema, extensions' last."""
    extensions = getattr(element, "extension_ast_nodes", None) or ()
    for node in (getattr(element, "ast_node", None), *extensions):
        for directive in getattr(node, "directives", None) or ():
            yield directive.name.value, arguments_of(directive)


def arguments_of(directive: DirectiveNode) -> dict[str, Any]:
    """A written directive's arguments by name, as plain values."""
    given = directive.arguments or ()
    return {one.name.value: value_from_ast_untyped(one.value) for one in given}


class LinkedNames:
    """Calling it with the name of a directive in the document gives that of its specification."""

    def __init__(self, document: DocumentNode) -> None:
        self._spaces = {"federation"}
        self._given: dict[str, str] = {}
        for node in document.definitions:
            if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode):
                for directive in node.directives or ():
                    self._link(directive)

    def __call__(self, written: str) -> str:
        """The name, or `written` where no link tells of it."""
        space, _, own = written.partition("__")
        return self._given.get(written) or (own if own and space in self._spaces else written)

    def _link(self, directive: DirectiveNode) -> None:
        """Learn of one specification; `@link` is known by its arguments, as it may be renamed."""
        said = arguments_of(directive)
        found = _SPECIFICATION.search(str(said.get("url") or said.get("feature") or ""))
        if found is None:
            return
        space = said.get("as") or found[1]
        self._spaces.add(space)
        if space != found[1]:
            self._given[space] = found[1]  # its main directive is called as it is
        given = said.get("import")
        for one in given if isinstance(given, list) else [given]:
            if isinstance(one, dict) and "@" in str(one.get("as")):
                self._given[one["as"].lstrip("@")] = str(one.get("name")).lstrip("@")
