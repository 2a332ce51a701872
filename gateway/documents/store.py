"""Documents that were accepted, kept by their text so that the next request pays one look-up."""

from __future__ import annotations

import ctypes
import sys
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from graphql import (
    FragmentDefinitionNode,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    parse,
)

from gateway.beside import Beside
from gateway.documents.incremental.directives import may_be_incremental, without, written
from gateway.documents.limits import DocumentLimits, enforce, scan
from gateway.documents.refusal import InvalidDocument, reported
from gateway.documents.validation import Validator
from gateway.errors import Code, RequestError
from gateway.turns import undisturbed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import DocumentNode, GraphQLSchema, VariableDefinitionNode

    from gateway.documents.incremental.directives import Written

_BYTES_PER_TOKEN = 550
"""Memory of a parsed token with its node and location, measured; the most that was seen."""

_LONG = 512
"""Characters from which a text's check may take more than a few milliseconds: up to 30."""

_untrack = ctypes.pythonapi.PyObject_GC_UnTrack
_untrack.argtypes, _untrack.restype = [ctypes.py_object], None


class Parsed(NamedTuple):
    """A document's text, its tree, and its fragments by name."""

    text: str
    node: DocumentNode
    fragments: Mapping[str, FragmentDefinitionNode]


class Operation:
    """One operation of an accepted document.

    `plans` belongs to the planner: what it compiled for this operation, by whatever it depends
    on. It lives and is forgotten with the document. `written` is the operation with its `@defer`
    and `@stream`, which `node` lacks; None where it has none.
    """

    __slots__ = (
        "document",
        "fragments",
        "kind",
        "name",
        "node",
        "plans",
        "variable_definitions",
        "written",
    )

    def __init__(
        self, document: Parsed, node: OperationDefinitionNode, written: Written | None = None
    ) -> None:
        self.document = document  # not the `Document`: that would make a cycle
        self.node = node
        self.name = node.name.value if node.name else None
        self.kind: Literal["query", "mutation", "subscription"] = node.operation.value
        self.fragments = document.fragments
        self.variable_definitions: tuple[VariableDefinitionNode, ...] = (
            node.variable_definitions or ()
        )
        self.plans: dict[Any, Any] = {}
        self.written = written


class Document:
    """A parsed and valid document. `weight` is the memory it holds, estimated, in bytes."""

    __slots__ = ("_operations", "text", "weight")

    def __init__(self, text: str, node: DocumentNode, weight: int) -> None:
        self.text = text
        whole = without(node) if may_be_incremental(text) else node
        self.weight = weight if whole is node else 2 * weight
        for tree in (node,) if whole is node else (node, whole):
            _hide(tree)
        parsed = Parsed(text, whole, _fragments(whole))
        fragments = parsed.fragments if whole is node else _fragments(node)
        self._operations: dict[str | None, Operation] = {}
        for each, own in zip(whole.definitions, node.definitions, strict=True):
            if isinstance(each, OperationDefinitionNode):
                operation = Operation(parsed, each, written(own, fragments))
                self._operations[operation.name] = operation

    def operation(self, name: str | None) -> Operation:
        """The operation of that name; without a name, the only one there is.

        Raises `RequestError` (OPERATION_RESOLUTION_FAILURE) if that leaves none or several.
        """
        operations = self._operations
        if name is None:
            if len(operations) == 1:
                return next(iter(operations.values()))
            message = (
                "The document has several operations; operationName must say which one to run."
                if operations
                else "The document has no operation."
            )
        elif name in operations:
            return operations[name]
        else:
            message = f"The document has no operation named '{name}'."
        raise RequestError(message, code=Code.OPERATION_RESOLUTION_FAILURE)


def _fragments(node: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {
        each.name.value: each
        for each in node.definitions
        if isinstance(each, FragmentDefinitionNode)
    }


class DocumentStore:
    """Turns text into documents for one schema and keeps the most recently used.

    Bounded twice: at most `capacity` documents, and at most `max_bytes` of estimated memory.
    Refused documents are not kept. `suggestions` lets validation errors name fields that the client
    may have meant: for development only, since it tells what the schema has and costs up to
    20 ms an error. Without `introspection` a document that asks for the schema is invalid.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits | None = None,
        *,
        capacity: int = 1_000,
        max_bytes: int = 64 * 1024 * 1024,
        suggestions: bool = False,
        introspection: bool = True,
    ) -> None:
        self._limits = limits or DocumentLimits()
        self.suggestions = suggestions
        self._validator = Validator(
            schema, self._limits, suggestions=suggestions, introspection=introspection
        )
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._weight = 0
        self.checked = 0
        """How many documents were not kept already, refused ones among them."""
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self.beside = Beside()
        """Where long texts are checked, and where the engine makes plans."""

    def known(self, text: str) -> Document | None:
        """The document of this text, if it is kept."""
        document = self._documents.get(text)
        if document is not None:
            self._documents.move_to_end(text)
        return document

    def load(self, text: str) -> Document:
        """The document of this text, from the store or checked anew.

        Raises `InvalidDocument`, whose `errors` are all that was found at the first stage that
        found any: size and tokens, syntax, limits, validity.
        """
        document = self.known(text)
        if document is None:
            found = self._checked(text)
            self._keep(found)
            document = _accepted(found)
        return document

    async def find(self, text: str, deadline: float) -> Document:
        """As `load`, but a long text is checked beside the event loop. Raises as `Beside.made`."""
        if len(text) < _LONG or text in self._documents:
            return self.load(text)
        make = partial(self._checked, text)
        return _accepted(await self.beside.made(text, make, self._keep, deadline))

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def weight(self) -> int:
        """Estimated memory of the kept documents, in bytes."""
        return self._weight

    def _checked(self, text: str) -> Document | InvalidDocument:
        """The document, or what is wrong: raised, it would keep what the check worked with."""
        with undisturbed():
            try:
                return self._check(text)
            except InvalidDocument as error:
                return error.with_traceback(None)

    def _check(self, text: str) -> Document:
        self.checked += 1
        tokens = scan(text, self._limits)
        node = self._parse(text)
        if isinstance(node, RequestError):
            raise InvalidDocument([node])
        _unlink_tokens(node)
        enforce(node, self._limits)
        self._validator.validate(node)
        return Document(text, node, sys.getsizeof(text) + tokens * _BYTES_PER_TOKEN)

    def _parse(self, text: str) -> DocumentNode | RequestError:
        """The tree, or what is wrong: raised from here it would keep the parser's tokens alive."""
        try:
            return parse(
                text,
                max_lexical_tokens=self._limits.max_tokens,
                allow_empty_selection_sets=False,
            )
        except GraphQLSyntaxError as error:
            return reported(error, Code.GRAPHQL_PARSE_FAILED)

    def _keep(self, document: Document | InvalidDocument) -> None:
        if isinstance(document, InvalidDocument):
            return
        self._documents[document.text] = document
        self._weight += document.weight
        while len(self._documents) > self._capacity or self._weight > self._max_bytes:
            _, oldest = self._documents.popitem(last=False)
            self._weight -= oldest.weight


def _accepted(found: Document | InvalidDocument) -> Document:
    if isinstance(found, InvalidDocument):
        raise found
    return found


def _hide(tree: Node) -> None:
    """Take a tree out of the collector's sight: it holds no cycle, so counting references frees it.

    Kept trees are most of what lives long here. Each look at older objects would go through all
    that came since the last one: up to 80 ms of the loop for documents as dear as limits allow.
    """
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if node.loc is not None:
            _untrack(node.loc)
            _untrack(node.loc.start_token)
            _untrack(node.loc.end_token)
        for key in node.keys:
            value = getattr(node, key)
            if isinstance(value, Node):
                waiting.append(value)
            elif isinstance(value, tuple):
                waiting += (each for each in value if isinstance(each, Node))
        _untrack(node)


def _unlink_tokens(node: DocumentNode) -> None:
    """Cut the parser's chain of tokens: nodes keep the few they begin and end with."""
    token = node.loc.start_token if node.loc else None
    while token is not None:
        following = token.next
        token.prev = token.next = None
        token = following
