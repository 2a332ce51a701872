"""From a selection on an upstream's types to the document that the upstream gets. Pure.

Exactly what the client selected travels: aliases, arguments and variables as they are, fragments
merged, conditions settled. Where a field of ours stands among the upstream's, the key it needs is
asked for under an alias of ours, and the answer gets a hole there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    print_ast,
    value_from_ast_untyped,
)

from gateway.errors import InputError
from gateway.planning.arguments import Spec
from gateway.planning.variables import variables_in
from gateway.planning.walked import Walked
from gateway.schema.relations import joining_column
from gateway.schema.selection import TYPENAME
from gateway.schema.upstreams.remote import (
    LocalRow,
    RemoteFields,
    RemoteHole,
    RemoteObject,
    RemoteObjects,
    RemotePart,
    RemoteRoot,
    RemoteSelection,
)
from gateway.schema.upstreams.stitching import binding_of, finder_name

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from graphql import VariableDefinitionNode

    from gateway.planning.steps import Step
    from gateway.planning.variables import Variables
    from gateway.schema.catalog import Catalog, EntityInfo
    from gateway.schema.selection import Field, Reader
    from gateway.schema.upstreams.remote import UpstreamInfo

_MARK = "plait_"
_NOTHING = f"{_MARK}nothing"
_MOST_NAME = 64
"""Characters of a client's name for its operation that an upstream gets to see."""
_NO_NAME = re.compile(r"\W", re.ASCII)


class VariablesSpec(Spec):
    """The variables that a document for an upstream uses, as one JSON object.

    As the client sent them, not as our scalars would read them: the upstream coerces its own.
    """

    def __init__(self, names: Sequence[str], declared: Sequence[VariableDefinitionNode]) -> None:
        self._names = tuple(names)
        self._defaults = {
            one.variable.name.value: value_from_ast_untyped(one.default_value)
            for one in declared
            if one.default_value is not None
        }

    def read(self, variables: Variables) -> tuple[Hashable, tuple[Any, ...]]:
        """No shape; the object's bytes. Variables without a value are left out."""
        if not self._names:
            return (), (b"{}",)
        given = variables.given
        values = {
            name: given[name] if name in given else self._defaults[name]
            for name in self._names
            if name in given or name in self._defaults
        }
        try:
            return (), (orjson.dumps(values, option=orjson.OPT_SORT_KEYS),)
        except TypeError:  # an integer beyond 64 bits
            return (), (msgspec.json.encode(values, order="sorted", enc_hook=_no_json),)


def _no_json(_value: Any) -> Any:
    raise InputError("A file cannot go on to an upstream; send it to a field of the gateway.")


class Pushing:
    """One selection on its way to an upstream.

    `rows` makes the step that reads what of ours stands below a field of the upstream.
    """

    def __init__(
        self,
        catalog: Catalog,
        reader: Reader,
        upstream: UpstreamInfo,
        rows: Callable[[Field, LocalRow], Step],
    ) -> None:
        self._catalog = catalog
        self._types = catalog.schema.type_map
        self._reader = reader
        self._upstream = upstream
        self._declared = {one.variable.name.value: one for one in reader.variables}
        self._rows = rows
        self.holes: list[Step] = []
        self._marks: list[RemoteHole] = []
        self._typenames: dict[str, str] = {}
        self._variables: dict[str, str] = {}
        self._renames = any(own != theirs for own, theirs in upstream.types.items())

    def roots(self, fields: Sequence[Field]) -> str:
        """The text of root fields of the upstream, each under its response key."""
        return " ".join(self._field(field, _remote_name(field)) for field in fields)

    def selection(self, field: Field, type_name: str) -> str:
        """The text of what is asked of an object of `type_name` (ours), in braces."""
        return self._below(field, type_name)

    def texts(self, type_name: str, fields: Sequence[str]) -> tuple[bool, ...]:
        """Which fields of `type_name` (ours) are text."""
        there = getattr(self._types[type_name], "fields", {})
        return tuple(
            name in there and get_named_type(there[name].type).name in {"ID", "String"}
            for name in fields
        )

    def named(self, *place: str) -> str:
        """What the document for a place is called: after the operation, where that has a name."""
        operation = self._reader.operation[:_MOST_NAME]
        own = _NO_NAME.sub("_", self._upstream.name)
        return "__".join((operation, own, *place)) if operation else ""

    def result(self, text: str) -> RemoteSelection:
        """What was gathered, with `text` as its document's body."""
        return RemoteSelection(
            text,
            tuple(self._marks),
            tuple(self._typenames.items()),
            tuple(sorted(self._variables.items())),
        )

    def _field(self, field: Field, name: str | None = None) -> str:
        if field.name == TYPENAME:
            return self._typename(field.key)
        node = field.nodes[0]
        own = name or field.name
        text = own if field.key == own else f"{field.key}: {own}"
        if node.arguments:
            self._use(node.arguments)
            text += "(" + ", ".join(print_ast(argument) for argument in node.arguments) + ")"
        text += self._directives(field)
        parent = field.info.definition if field.info else None
        type_ = get_named_type(parent.type) if parent is not None else None
        if type_ is not None and is_composite_type(type_):
            text += " " + self._below(field, type_.name)
        return text

    def _directives(self, field: Field) -> str:
        """The upstream's own directives; those of GraphQL are settled here."""
        found = {
            f" {print_ast(one)}": one
            for node in field.nodes
            for one in node.directives or ()
            if one.name.value in self._upstream.directives
        }
        for one in found.values():
            self._use(one.arguments or ())
        return "".join(found)

    def _below(self, field: Field, type_name: str) -> str:
        type_ = self._types[type_name]
        if isinstance(type_, GraphQLObjectType):
            return self._braces(self._texts(field, type_name))
        # What graphql-core walks into must say of which type it is.
        walked = Walked(self._catalog, self._reader).walks_below(field)
        told = [self._typename(TYPENAME)] if walked else []
        by_type = {
            name: " ".join(self._texts(field, name))
            for name in sorted(self._catalog.possible[type_name])
        }
        texts = set(by_type.values())
        if len(texts) == 1 and self._is_common(field, type_name):
            return self._braces([*told, texts.pop()])
        parts = [
            f"... on {self._upstream.types.get(name, name)} {{ {text} }}"
            for name, text in by_type.items()
            if text
        ]
        return self._braces([*told, *parts])

    def _braces(self, texts: Iterable[str]) -> str:
        """A selection; where nothing is selected, of a member that will be taken out again."""
        found = [text for text in texts if text]
        if not found:
            self._typenames[_NOTHING] = ""
            found = [f"{_NOTHING}: {TYPENAME}"]
        return "{ " + " ".join(found) + " }"

    def _is_common(self, field: Field, type_name: str) -> bool:
        """Whether the abstract type itself has every field that is selected."""
        fields = getattr(self._types[type_name], "fields", {})
        some = min(self._catalog.possible[type_name])
        return all(
            child.name == TYPENAME or child.name in fields
            for child in self._reader.below(field, some)
        )

    def _texts(self, field: Field, type_name: str) -> Iterator[str]:
        for child in self._reader.below(field, type_name):
            binding = None if child.info is None else child.info.binding
            if isinstance(binding, LocalRow):
                yield self._local(child, binding)
            else:
                yield self._field(child)

    def _typename(self, key: str) -> str:
        if not self._renames:
            return TYPENAME if key == TYPENAME else f"{key}: {TYPENAME}"
        alias = f"{_MARK}type_{key}"
        self._typenames[alias] = key
        return f"{alias}: {TYPENAME}"

    def _local(self, field: Field, binding: LocalRow) -> str:
        slot = len(self.holes)
        alias = f"{_MARK}{slot}_{field.key}"
        self._marks.append(RemoteHole(alias, field.key, slot))
        self.holes.append(self._rows(field, binding))
        return f"{alias}: {binding.key}"

    def _use(self, arguments: Any) -> None:
        for argument in arguments:
            for name in variables_in(argument):
                node = self._declared[name].type
                self._variables[name] = self._remote_type(print_ast(node))

    def _remote_type(self, text: str) -> str:
        bare = text.strip("[]!")
        return text.replace(bare, self._upstream.types.get(bare, bare))


def remote_objects(
    binding: RemoteObject, entity: EntityInfo, pushing: Pushing, field: Field
) -> RemoteObjects:
    """What is asked about an upstream's objects by keys that rows of `entity` hold."""
    definition = field.info.definition if field.info else None
    own = get_named_type(definition.type).name if definition is not None else binding.type
    text = pushing.selection(field, own)
    names = tuple(name for name, _ in binding.key)
    return RemoteObjects(
        binding.type,
        finder_name(binding.by),
        names,
        tuple(joining_column(entity.table, column, entity.name) for _, column in binding.key),
        pushing.result(text),
        texts=pushing.texts(own, names),
        name=pushing.named(field.name),
    )


def remote_fields(
    operation: str, fields: Sequence[Field], pushing: Pushing, reader: Reader
) -> RemoteFields:
    """Root fields of one upstream as one document."""
    texts: list[str] = []
    parts: list[RemotePart] = []
    for number, field in enumerate(fields):
        if isinstance(field.binding, RemoteRoot):
            texts.append(pushing.roots([field]))
            parts.append(RemotePart((field.key,)))
            continue
        prefix = f"{_MARK}n{number}_"
        held, typename_keys, renamed = _held(field, reader, prefix)
        texts.append(pushing.roots(held))
        parts.append(
            RemotePart(
                renamed,
                namespace=True,
                typename=field.type_name,
                typename_keys=typename_keys,
                prefix=prefix,
            )
        )
    kind: Any = operation
    selection = pushing.result(" ".join(filter(None, texts)))
    return RemoteFields(kind, tuple(parts), selection, pushing.named())


def _held(
    field: Field, reader: Reader, prefix: str
) -> tuple[list[Field], tuple[str, ...], tuple[str, ...]]:
    """What is selected in a namespace, under aliases that no other root field has."""
    held: list[Field] = []
    typenames: list[str] = []
    for child in reader.below(field, field.type_name):
        if child.name == TYPENAME:
            typenames.append(child.key)
        else:
            held.append(type(child)(prefix + child.key, child.name, child.info, child.nodes))
    return held, tuple(typenames), tuple(child.key for child in held)


def _remote_name(field: Field) -> str | None:
    binding = binding_of(field.info.definition) if field.info else None
    return binding.name if isinstance(binding, RemoteRoot) else None
