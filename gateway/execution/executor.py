"""Operations that graphql-core runs: plain resolvers walked, planned fields spliced among them."""

from __future__ import annotations

import asyncio
from copy import copy
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    create_source_event_stream,
    experimental_execute_incrementally,
    is_non_null_type,
)
from graphql.execution.executor import CollectedErrors
from strawberry.exceptions import StrawberryGraphQLError, StrawberryInputCoercionError
from strawberry.execution import optimized_is_awaitable
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.errors import Code, PlaitError, SourceTimeout
from gateway.execution.by_hand import entity_of
from gateway.execution.cache.fields import FieldCall
from gateway.execution.context import Reference, RequestContext
from gateway.execution.exchange import error_entry
from gateway.execution.failures import ours
from gateway.execution.introspecting import META, introspected
from gateway.execution.walk import Spliced
from gateway.planning.wording import of_null

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Iterator

    from graphql import DocumentNode, GraphQLResolveInfo

    from gateway.execution.planned import PlannedRequest
    from gateway.schema.access.requirements import Authority
    from gateway.schema.build import Api
    from gateway.schema.catalog import FieldInfo

_GRACE = 0.1
"""Seconds after the deadline in which a source's timeout still becomes its own fields' error."""
_NULL_IN_NON_NULL = "Cannot return null for non-nullable field"
_ARGUMENT = "Argument '"
"""How graphql-core begins what it says of an argument that a variable makes wrong."""


class WalkingExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, for which planned values are complete as they come."""

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Any,
        position_context: Any,
    ) -> Any:
        """As graphql-core does, but what may be kept comes out of the cache."""
        call = FieldCall(parent_type, source, field_details_list, path, position_context)
        if path.prev is None and field_details_list[0].node.name.value in META:
            return introspected(self, call)
        walk = getattr(self.context_value, "walk", None)
        if walk is not None and walk.cached is not None:
            value = walk.cached.value(self, call)
            if value is not None:
                return value
        return super().execute_field(*call)

    def execute_here(self, call: FieldCall) -> Any:
        """Execute a field whatever is cached of it."""
        return super().execute_field(*call)

    def alone(self) -> WalkingExecutor:
        """The same execution, with errors of its own."""
        twin: WalkingExecutor = copy(self)
        twin.collected_errors = CollectedErrors()
        return twin

    @staticmethod
    def complete_leaf_value(return_type: Any, result: Any) -> Any:
        """As graphql-core does, but without quoting to the client what a resolver returned."""
        try:
            return StrawberryGraphQLCoreExecutionContext.complete_leaf_value(return_type, result)
        except GraphQLError as error:
            raise TypeError(f"a resolver returned no {return_type}") from error

    def complete_value(  # noqa: PLR0913, PLR0917 - graphql-core's signature
        self,
        return_type: Any,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """As graphql-core does, but planned values are not walked and references are fetched.

        So is what an object lacks that a resolver made by hand.
        """
        if type(result) is Spliced:
            if result.value is None and is_non_null_type(return_type):
                raise TypeError(
                    f"Cannot return null for non-nullable field "
                    f"{info.parent_type}.{info.field_name}."
                )
            return result.value
        if type(result) is Reference:
            fetched = info.context.walk.fetch(result, info, path)
            return self.complete_awaitable_value(
                return_type, field_details_list, info, path, fetched, position_context
            )
        walk = info.context.walk
        entity = entity_of(walk.catalog, return_type, result, info, path)
        if entity is not None:
            made = walk.complete(result, entity, info, path)
            return self.complete_awaitable_value(
                return_type, field_details_list, info, path, made, position_context
            )
        return super().complete_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def complete_object_value(  # noqa: PLR0913, PLR0917 - graphql-core's signature
        self,
        return_type: Any,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        """As graphql-core does, unless the object's type is refused to the viewer."""
        catalog = info.context.walk.catalog
        if return_type.name in catalog.types:
            access = catalog.types[return_type.name]
            catalog.authority.require(access, info.context.viewer, info.field_name)
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
        )


def resolve_planned(source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    """The resolver of every planned field; its arguments were read when it was planned."""
    return info.context.walk.resolve(source, info)


def install_resolvers(api: Api) -> None:
    """Make the planned fields of a schema resolve from their plan; once, at start-up."""
    catalog = api.catalog
    for type_ in catalog.schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_.name.startswith("__"):
            continue
        for name, field in type_.fields.items():
            info = catalog.fields[type_.name, name]
            planned = info.binding is not None or type_.name in catalog.structures
            if planned and not info.walked:
                field.resolve = resolve_planned
            if info.access:
                field.resolve = _guarded(info, field.resolve, catalog.authority)


def _guarded(info: FieldInfo, resolve: Any, authority: Authority) -> Any:
    """A resolver that runs for viewers only who may use its field."""

    def guarded(source: Any, resolving: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        authority.require(info.access, resolving.context.viewer, info.name)
        return resolve(source, resolving, **arguments)

    return guarded


class GivenDocument(SchemaExtension):
    """Hands Strawberry a document that was parsed and validated before."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document

    def on_parse(self) -> Iterator[None]:
        """Set the document, so that it is neither parsed nor validated again."""
        self.execution_context.graphql_document = self._document
        self.execution_context.validation_rules = ()
        yield


async def execute_walked(
    api: Api, planned: PlannedRequest, context: RequestContext, root: Any = None
) -> tuple[Any, list[dict[str, Any]]]:
    """Run an operation by graphql-core: its data, ready for orjson, and its error entries.

    `root`: the event, where it is a subscription that a generator feeds.
    """
    try:
        async with asyncio.timeout_at(context.deadline + _GRACE):
            run = _run_core if api.catalog.short else _run_strawberry
            result = await run(api, planned, context, root)
    except TimeoutError:
        late = SourceTimeout("The request took longer than its deadline allows.")
        return None, [error_entry(late)]
    finally:
        await context.walk.close()
    errors = _entries(result.errors or ())
    return result.data, errors + context.walk.errors


async def _run_core(api: Api, planned: PlannedRequest, context: RequestContext, root: Any) -> Any:
    # `execute` refuses every schema that knows `@defer`; none is left in what comes here.
    result: Any = experimental_execute_incrementally(
        api.catalog.schema,
        planned.operation.document.node,
        root_value=root,
        context_value=context,
        variable_values=dict(planned.given),
        operation_name=planned.operation.name,
        is_awaitable=cast("Any", optimized_is_awaitable),
        executor_class=WalkingExecutor,
        operation_extensions=None,
    )
    return result if isinstance(result, ExecutionResult) else await result


async def _run_strawberry(
    api: Api, planned: PlannedRequest, context: RequestContext, root: Any
) -> Any:
    """Through the schema's extensions, which may see and change everything."""
    schema = api.schema
    given = GivenDocument(planned.operation.document.node)
    extensions = [*schema.get_extensions(), given]
    runner_schema = _with_extensions(schema, extensions)
    return await runner_schema.execute(
        "{ __typename }",
        variable_values=dict(planned.given),
        root_value=root,
        context_value=context,
        operation_name=planned.operation.name,
    )


async def source_events(
    api: Api, planned: PlannedRequest, context: RequestContext
) -> AsyncIterable[Any] | list[dict[str, Any]]:
    """The events of a subscription that a generator feeds, or why there are none."""
    built: Any = WalkingExecutor.build(
        api.catalog.schema,
        planned.operation.document.node,
        context_value=context,
        raw_variable_values=dict(planned.given),
        operation_name=planned.operation.name,
        is_awaitable=cast("Any", optimized_is_awaitable),
        operation_extensions=None,
    )
    if isinstance(built, list):
        return _entries(built)
    stream: Any = create_source_event_stream(built)
    if isawaitable(stream):
        stream = await stream
    if isinstance(stream, ExecutionResult):
        return _entries(stream.errors or ())
    return cast("AsyncIterable[Any]", stream)


def _with_extensions(schema: Any, extensions: list[SchemaExtension]) -> Any:
    """The schema with these extension instances, for one execution."""
    twin = object.__new__(type(schema))
    twin.__dict__.update(schema.__dict__)
    twin.get_extensions = lambda **_: extensions
    return twin


def _entries(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """Errors of graphql-core as they may leave, and what else their nulls took."""
    entries = []
    for error in errors:
        original = _original(error)
        own = _entry(error, original)
        entries.append(own)
        others = original.others if isinstance(original, PlaitError) else ()
        entries += [{**own, **error_entry(other, error.path or ())} for other in others]
    return entries


def _original(error: GraphQLError) -> Exception | None:
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return original


def _entry(error: GraphQLError, original: Exception | None) -> dict[str, Any]:
    """An error of graphql-core as it may leave: with a code, and masked unless it is meant."""
    made: dict[str, Any] = {"message": of_null(error.message)}
    extensions = dict(error.extensions or {})
    below: tuple[str | int, ...] = ()
    if isinstance(original, PlaitError):
        extensions, below = original.extensions, original.below
    elif original is not None and not error.message.startswith(_NULL_IN_NON_NULL):
        masked = ours(original)
        made["message"] = masked.message
        extensions = masked.extensions
    extensions.setdefault("code", _code_of(error).value)
    if error.locations:
        made["locations"] = [
            {"line": place.line, "column": place.column} for place in error.locations
        ]
    if error.path is not None:
        made["path"] = [*error.path, *below]
    made["extensions"] = extensions
    return made


def _code_of(error: GraphQLError) -> Code:
    """The code of an error whose author gave none: Strawberry's permissions raise such errors."""
    raised = error.original_error
    argument = _original(error) is None and error.message.startswith(_ARGUMENT)
    if argument or isinstance(raised, StrawberryInputCoercionError):
        return Code.BAD_USER_INPUT
    if isinstance(raised, StrawberryGraphQLError):
        return Code.FORBIDDEN
    return Code.INTERNAL_SERVER_ERROR
