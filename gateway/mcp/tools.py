"""Operations of the manifest as tools: what each is called, does, takes, and asks of a viewer."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    parse,
    print_ast,
)

from gateway.errors import ConfigurationError, RequestError
from gateway.mcp.schemas import arguments_schema
from gateway.schema.uploads import UPLOAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import SelectionSetNode

    from gateway.documents.store import DocumentStore
    from gateway.schema.access.requirements import Requirements
    from gateway.schema.catalog import Catalog

    Fragments = Mapping[str, FragmentDefinitionNode]

_LOG = logging.getLogger(__name__)
MOST = 500
"""Tools; each is checked at the start, and no agent could choose among more."""


@dataclass(frozen=True, slots=True)
class OperationTool:
    """One operation as a tool.

    `schema`: of its arguments. `demands`: what each of its root fields asks of a viewer.
    """

    name: str
    document: str
    description: str
    schema: Mapping[str, Any]
    writes: bool = False
    demands: tuple[Requirements, ...] = ((),)


def tools_of(
    documents: Mapping[str, str], store: DocumentStore, catalog: Catalog, *, mutations: bool
) -> dict[str, OperationTool]:
    """The tools that a manifest gives, by name; `mutations`: whether those that write are among.

    An operation without a name, of files, or that does not fit the schema is none; of the last the
    log tells. Raises ConfigurationError where two have one name, or where there are too many.
    """
    found: dict[str, OperationTool] = {}
    for identity, text in documents.items():
        try:
            store.load(text)
        except RequestError as error:
            fields = {"id": identity, "code": error.code.value}
            _LOG.warning("a trusted document is no tool", extra={"fields": fields})
            continue
        for tool in _tools_in(text, catalog):
            if tool.name in found:
                raise _wrong(f"several operations are called {tool.name}")
            if len(found) == MOST:
                raise _wrong(f"there are more operations than the {MOST} that can be tools")
            if mutations or not tool.writes:
                found[tool.name] = tool
    return found


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(f"mcp.enabled (PLAIT_MCP_ENABLED): in documents.manifest {what}.")


def _tools_in(text: str, catalog: Catalog) -> Iterator[OperationTool]:
    """The tools of one valid document."""
    nodes = parse(text).definitions
    fragments = {one.name.value: one for one in nodes if isinstance(one, FragmentDefinitionNode)}
    for node in nodes:
        if not isinstance(node, OperationDefinitionNode) or node.name is None:
            continue
        variables = node.variable_definitions or ()
        files = any(print_ast(one.type).strip("[]!") == UPLOAD.name for one in variables)
        root = catalog.schema.get_root_type(node.operation)
        if node.operation is OperationType.SUBSCRIPTION or files or root is None:
            continue
        fields = list(_root_fields(node.selection_set, fragments))
        infos = [catalog.fields.get((root.name, one.name.value)) for one in fields]
        known = [
            (one, root.fields[name]) for one in fields if (name := one.name.value) in root.fields
        ]
        meanings = {
            given.value.name.value: field.args[given.name.value].description or ""
            for one, field in known
            for given in one.arguments or ()
            if isinstance(given.value, VariableNode)
        }
        told = dict.fromkeys(field.description for _, field in known)
        yield OperationTool(
            name=node.name.value,
            document=text,
            description=_own_words(node, text) or " ".join(filter(None, told)),
            schema=arguments_schema(variables, catalog.schema, meanings),
            writes=node.operation is OperationType.MUTATION,
            demands=tuple([info.access if info else () for info in infos]),
        )


def _own_words(node: OperationDefinitionNode, text: str) -> str:
    """What an operation says of itself: its description, else the comments right above it."""
    if node.description is not None:
        return node.description.value
    lines: list[str] = []
    above = text[: node.loc.start].splitlines() if node.loc else []
    while above and above[-1].lstrip().startswith("#"):
        lines.append(above.pop().strip("# \t"))
    return " ".join(reversed(lines))


def _root_fields(selections: SelectionSetNode, fragments: Fragments) -> Iterator[FieldNode]:
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
            continue
        within: Any = node
        if isinstance(node, FragmentSpreadNode):
            within = fragments[node.name.value]
        yield from _root_fields(within.selection_set, fragments)
