"""Plain resolvers' values out of the cache: completed JSON at the field, all below it included.

The key holds the schema, the field, its arguments, what the object gives the resolver, the
selection with its variables, and the whole viewer where the policy is private or something asks
who that is. One call runs for all who miss at one moment; what went wrong in it is told to each of
them, at its own place, and is not kept. Rows are kept by their keys: what is asked of them is
planned.
"""

from __future__ import annotations

import asyncio
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from graphql import (
    GraphQLError,
    get_argument_values,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)

from gateway.caching.answers import Want
from gateway.caching.key import UncacheableError, canonical, entry_key, plan_identity
from gateway.errors import HTTP_STATUS, Code, PlaitError, SourceTimeout
from gateway.execution.context import Reference
from gateway.planning.cacheable_fields import CacheableField, cacheable_field
from gateway.schema.access.rules import SUBJECT
from gateway.schema.selection import Field

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from graphql import GraphQLObjectType, GraphQLResolveInfo
    from graphql.pyutils import Path

    from gateway.caching.filling import Load
    from gateway.execution.cache.reads import CacheRequest
    from gateway.execution.executor import WalkingExecutor
    from gateway.planning.cacheability import CachePolicies
    from gateway.planning.cacheable_fields import Places
    from gateway.schema.selection import Reader


class FieldCall(NamedTuple):
    """Where graphql-core is about to execute a field: what `execute_field` is given."""

    parent: GraphQLObjectType
    source: Any
    details: Any
    path: Path
    position: Any


class Unfinished(Exception):  # noqa: N818 - an outcome, as in gateway.errors
    """A value of which something failed: not kept, but everybody's who waited for it.

    `errors` have the path of whoever ran the resolver, which is `depth` long at the field.
    """

    def __init__(self, value: Any, errors: Sequence[GraphQLError], depth: int) -> None:
        super().__init__()
        self.value = value
        self.errors = errors
        self.depth = depth

    @property
    def code(self) -> Code | None:
        """The first code that says what is wrong with the request itself, if one does."""
        codes = {error.code for error in map(_cause, self.errors) if isinstance(error, PlaitError)}
        return min(codes, key=HTTP_STATUS.__getitem__, default=None)


class CachedFields:
    """The plain fields of one operation that may be kept.

    `deadline`: of the request, in the event loop's clock. `places` is kept from request to
    request, beside the outline whose `reader` this is.
    """

    __slots__ = ("_deadline", "_places", "_policies", "_reader", "_request")

    def __init__(
        self,
        request: CacheRequest,
        deadline: float,
        policies: CachePolicies,
        reader: Reader,
        places: Places,
    ) -> None:
        self._request = request
        self._deadline = deadline
        self._policies = policies
        self._reader = reader
        self._places = places

    def value(self, executor: WalkingExecutor, call: FieldCall) -> Awaitable[Any] | None:
        """The completed value of a field to come; None for one that is executed as ever."""
        name = call.details[0].node.name.value
        if (call.parent.name, name) not in self._policies.plain:
            return None
        kept = self._find(call.parent.name, name, call.details)
        if kept is None:
            return None
        try:
            arguments = get_argument_values(
                kept.info.definition,
                call.details[0].node,
                executor.variable_values,
                call.details[0].fragment_variable_values,
            )
            want = self._want(kept, arguments, executor.variable_values.coerced, call.source)
        except (GraphQLError, UncacheableError, RecursionError):
            return None
        if want is None:
            return None
        if kept.entity is None:
            return self._completed(executor, kept, call, want)
        definition = kept.info.definition
        nodes = [detail.node for detail in call.details]
        info = executor.build_resolve_info(definition, nodes, call.parent, call.path)
        references = self._references(
            kept,
            want,
            info,
            lambda: definition.resolve(  # type: ignore[misc]  # a plain field has a resolver
                call.source, info, **arguments
            ),
        )
        return executor.complete_awaitable_value(
            definition.type, call.details, info, call.path, references, call.position
        )

    def _find(self, type_name: str, name: str, details: Any) -> CacheableField | None:
        """How a field is kept, found out once for its place in a document."""
        nodes = tuple([detail.node for detail in details])
        place = tuple(map(id, nodes))
        if place not in self._places:
            info = self._reader.catalog.fields[type_name, name]
            field = Field(name, name, info, nodes)
            self._places[place] = cacheable_field(self._policies, self._reader, field)
        return self._places[place]

    def _want(
        self, kept: CacheableField, arguments: Any, variables: Mapping[str, Any], source: Any
    ) -> Want | None:
        """What to ask the cache for; None where there is no scope. Raises UncacheableError."""
        viewer, policy, info = self._request.viewer, kept.policy, kept.info
        if policy.private and viewer[SUBJECT] is None:
            return None
        read = {name: variables[name] for name in kept.variables if name in variables}
        native = canonical((info.parent, info.name, kept.text))
        plan = plan_identity(self._request.owner.schema, "resolver", native)
        who = viewer if policy.private or kept.by_viewer else None
        told = (arguments, self._given(kept, source), read)
        return Want(entry_key(plan, told, None, who), policy.tags)

    def _given(self, kept: CacheableField, source: Any) -> Any:
        """What the resolver may read of its object: of a row, what it needs."""
        entity = self._reader.catalog.entities.get(kept.info.parent)
        if entity is None:
            return source
        names = (*kept.info.needs, *(attribute for attribute, _ in entity.required.values()))
        return [getattr(source, name) for name in names]

    async def _read(self, kept: CacheableField, want: Want, key: str, load: Load) -> Any:
        """JSON, or what went wrong; `key` is the field's name in the response."""
        request = self._request
        answers = await request.owner.cache.fetch(
            [want], kept.policy, load, self._deadline, refresh=request.refresh
        )
        request.note(f"{kept.info.parent}.{kept.info.name}", key, answers)
        return answers[0].value

    async def _completed(
        self, executor: WalkingExecutor, kept: CacheableField, call: FieldCall, want: Want
    ) -> Any:
        """The field's value with all that is asked below it."""
        path = call.path

        async def load(_places: Sequence[int], deadline: float) -> list[Any]:
            twin = executor.alone()
            value, errors = None, twin.collected_errors.errors
            try:
                value = await _within(deadline, lambda: twin.execute_here(call))
            except SourceTimeout as late:
                return [late]
            except GraphQLError as error:  # of a field that is not nullable
                errors = [error]
            if errors:
                return [Unfinished(value, errors, len(path.as_list()))]
            return [orjson.dumps(value)]

        value = await self._read(kept, want, str(path.key), load)
        if isinstance(value, bytes):
            return orjson.Fragment(value)
        return_type = kept.info.definition.type
        if not isinstance(value, Unfinished):
            executor.handle_field_error(value, return_type, call.details, path)
            return None
        errors = [_moved(error, value.depth, path) for error in value.errors]
        if value.value is None and is_non_null_type(return_type):
            raise errors[0]
        executor.collected_errors.errors.extend(errors)
        return value.value

    async def _references(
        self,
        kept: CacheableField,
        want: Want,
        info: GraphQLResolveInfo[Any],
        run: Callable[[], Any],
    ) -> Any:
        """What the resolver `run` returned that refers to rows. Raises what it raised."""

        async def load(_places: Sequence[int], deadline: float) -> list[Any]:
            return [orjson.dumps(_keys(await _within(deadline, run)))]

        value = await self._read(kept, want, str(info.path.key), load)
        if not isinstance(value, bytes):
            raise value
        cls = self._reader.catalog.entities[str(kept.entity)].cls
        return _references(orjson.loads(value), info.return_type, cls)


def _cause(error: GraphQLError) -> Exception | None:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


async def _within(deadline: float, run: Callable[[], Any]) -> Any:
    """What `run` gives, at once or to be awaited. Raises SourceTimeout at the deadline."""
    try:
        async with asyncio.timeout_at(deadline):
            value = run()
            return await value if isawaitable(value) else value
    except TimeoutError:
        raise SourceTimeout("A resolver took longer than its deadline allows.") from None


def _keys(value: Any) -> Any:
    """References as their keys, lists of them as lists. Raises PlaitError for anything else."""
    if value is None:
        return None
    if type(value) is Reference:
        return list(value.key)
    if isinstance(value, list | tuple):
        return [_keys(one) for one in value]
    raise PlaitError(
        "A resolver whose value the cache may keep names rows by `reference(…)`, not by an object "
        f"of {type(value).__name__}."
    )


def _references(keys: Any, type_: Any, cls: type) -> Any:
    """The same references again, as a field of this type has them."""
    if keys is None:
        return None
    nullable = get_nullable_type(type_)
    if is_list_type(nullable):
        return [_references(one, nullable.of_type, cls) for one in keys]
    return Reference(cls, tuple(keys))


def _moved(error: GraphQLError, depth: int, path: Path) -> GraphQLError:
    """An error of another place where the same was asked, as one of this place."""
    rest = (error.path or [])[depth:]
    return GraphQLError(
        error.message,
        error.nodes,
        path=[*path.as_list(), *rest],
        original_error=error.original_error,
        extensions=error.extensions,
    )
