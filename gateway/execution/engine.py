"""The way of a request from document to bytes: documents, plan, waves, splice.

An operation whose root fields are all planned never enters graphql-core: its variables are coerced,
its waves run, its bytes joined. Everything else runs in graphql-core with the planned fields
spliced among the walked ones (`gateway.execution.executor`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gateway.caching.function import CURRENT
from gateway.errors import Code, InputError, PlaitError, RequestError, SourceDataError
from gateway.execution.compiling import Compiling
from gateway.execution.context import RequestContext
from gateway.execution.exchange import Answer, refusal
from gateway.execution.executor import execute_walked
from gateway.execution.failures import error_entry, ours
from gateway.execution.mutations import Mutations, isolation_of
from gateway.execution.narrowing_tactics import Tactics, Trace
from gateway.execution.walk import Walk
from gateway.execution.waves import Waves
from gateway.planning.explanation import explanation
from gateway.planning.permits import demanded_by_values
from gateway.planning.variables import VariableCoercer
from gateway.schema.demands import demanded_by_fields
from gateway.schema.rules import VIEWER_SPEC, viewer_values
from gateway.schema.selection import Reader, condition_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway.context.registry import Datasources
    from gateway.documents.store import DocumentStore, Operation
    from gateway.execution.cached import CachedReads, CacheRequest
    from gateway.execution.exchange import GraphQLRequest
    from gateway.execution.groups import Groups
    from gateway.planning.outline import Outline
    from gateway.planning.plan import Planner
    from gateway.planning.steps import Plan
    from gateway.planning.variables import Variables
    from gateway.schema.access import Requirement
    from gateway.schema.build import Api
    from gateway.schema.demands import Demand
    from gateway.sources.contract import Prepared, Value
    from gateway.viewer import Viewer

_PLANNED = "planned"
_NO_VARIABLES: dict[str, Any] = {}
_NOTHING: frozenset[Requirement] = frozenset()


class _Planned:
    """What an operation needs at every request; kept in `Operation.plans`."""

    __slots__ = ("coercer", "conditions", "demands", "outlines", "root")

    def __init__(
        self,
        coercer: VariableCoercer,
        conditions: tuple[str, ...],
        root: str,
        demands: tuple[Requirement, ...],
    ) -> None:
        self.coercer = coercer
        self.conditions = conditions
        self.root = root
        self.demands = demands
        self.outlines: dict[tuple[Any, ...], tuple[Outline, Reader]] = {}


class Engine:
    """Answers requests for one API; shared by all requests of a process.

    `groups` are the sources' queues by the name their prepared requests carry; `describe` shows a
    prepared request for `explain`, which is refused unless `explains`. `writers` are the sources
    that write, by the same names; `fresh` are the queues of those where a mutation's reads must go
    elsewhere, to see what it wrote.
    """

    def __init__(  # noqa: PLR0913 - one collaborator each
        self,
        api: Api,
        store: DocumentStore,
        planner: Planner,
        groups: Mapping[str, Groups],
        describe: Callable[[Prepared], Mapping[str, Any]],
        *,
        writers: Mapping[str, Any],
        fresh: Mapping[str, Groups] | None = None,
        explains: bool = True,
        anonymous_writes: bool = True,
    ) -> None:
        self.api = api
        self.store = store
        self.planner = planner
        self.groups = groups
        self._describe = describe
        self._writers = writers
        self._fresh = {**groups, **(fresh or {})}
        self._explains = explains
        self._anonymous_writes = anonymous_writes
        self._authority = api.catalog.authority
        self.tactics = Tactics()
        self.compiling = Compiling()
        self.cached: CachedReads | None = None
        """The cache, where anything may be kept; set once, before the first request."""
        self.datasources: Datasources | None = None
        """The key-value sources, where any are configured; set once, before the first request."""

    async def answer(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        *,
        allow_mutations: bool,
        deadline: float,
        refresh: bool = False,
    ) -> Answer:
        """The complete response to a request. Raises nothing but cancellation.

        `refresh`: what is cached does not count, and is replaced.
        """
        try:
            operation = self.store.load(request.document).operation(request.operation_name)
            if operation.kind != "query":
                _refuse_kind(operation, allow_mutations=allow_mutations)
                self._refuse_writer(viewer)
            planned = operation.plans.get(_PLANNED) or self._prepare(operation)
            given = request.variables or _NO_VARIABLES
            variables = planned.coercer.coerce(given)
            outline, reader = self._outline(operation, planned, variables, viewer)
            read = [spec.read(variables) for spec in outline.specs]
            shapes = tuple([shape for shape, _ in read])
            plan = outline.known(shapes) or await self.compiling.plan(outline, shapes, deadline)
            values = tuple([values for _, values in read])
            if plan.demands:
                self._require(plan.demands, viewer)
            groups = self._fresh if operation.kind == "mutation" else self.groups
            waves = Waves(groups, (*values, viewer_values(viewer)), (), deadline)
            waves.tactics = self.tactics
            waves.cache = self._cache(operation, request, waves, refresh=refresh)
            if request.extensions:
                extensions = self._extensions(request.extensions, plan, waves)
                if extensions is not None:
                    return Answer(orjson.dumps({"data": None, "extensions": extensions}))
            isolation = None
            if operation.kind == "mutation":
                self._require(demanded_by_values(outline.specs, values), viewer)
                refused = bool(reader.refused)
                isolation = _isolation(operation, whole=outline.whole, refused=refused)
                waves.mutations = Mutations(self._writers, waves)
                waves.mutations.written = self.cached.written() if self.cached else None
            if outline.whole:
                if waves.mutations is not None:
                    answers = await waves.mutations.run(plan, isolation)
                else:
                    answers = await waves.run(plan)
                return Answer(_traced(_spliced(plan, answers, waves), waves))
            walk = Walk(
                planner=self.planner,
                reader=reader,
                outline=outline,
                plan=plan,
                waves=waves,
                variables=variables,
            )
            context = RequestContext(viewer, deadline, walk, self.datasources)
            data, errors = await execute_walked(
                self.api, operation.document.node, request.operation_name, given, context
            )
            # Within the same mask: a resolver's JSON may be more than JSON can hold.
            body = orjson.dumps({"data": data, "errors": errors} if errors else {"data": data})
            return Answer(_traced(body, waves))
        except PlaitError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - nothing of a library's may leave unmasked
            return refusal(ours(error))

    def _refuse_writer(self, viewer: Viewer) -> None:
        if viewer.subject is None and not self._anonymous_writes:
            raise RequestError("Sign in to write.", code=Code.UNAUTHENTICATED)

    def _prepare(self, operation: Operation) -> _Planned:
        schema = self.api.catalog.schema
        root = schema.mutation_type if operation.kind == "mutation" else schema.query_type
        name = root.name if root else ""
        selections, fragments = operation.node.selection_set, operation.fragments
        planned = _Planned(
            VariableCoercer(schema, operation.variable_definitions),
            condition_variables(selections, fragments),
            name,
            demanded_by_fields(self.api.catalog, name, selections, fragments),
        )
        operation.plans[_PLANNED] = planned
        return planned

    def _require(self, demands: Iterable[Demand], viewer: Viewer) -> None:
        """Refuse the whole request where an argument names what the viewer may not use."""
        for demand in demands:
            self._authority.require(demand.access, viewer, demand.what)

    def _outline(
        self,
        operation: Operation,
        planned: _Planned,
        variables: Variables,
        viewer: Viewer | None = None,
    ) -> tuple[Outline, Reader]:
        """The outline for this request's `@skip` and `@include`, without what is refused to it."""
        refused = _NOTHING
        if planned.demands and viewer is not None:
            refused = self._authority.refused(planned.demands, viewer)
        coerced = variables.coerced
        holding = tuple([coerced.get(name) for name in planned.conditions])
        if None in holding:
            name = planned.conditions[holding.index(None)]
            raise InputError(f"`${name}` must not be null where `@skip` or `@include` reads it.")
        key = (*holding, refused) if refused else holding
        found = planned.outlines.get(key)
        if found is None:
            if len(planned.outlines) >= MAX_OUTLINES:
                planned.outlines.clear()
            conditions = dict(zip(planned.conditions, map(bool, holding), strict=True))
            declared = operation.variable_definitions
            reader = Reader(self.api.catalog, operation.fragments, conditions, refused, declared)
            outline = self.planner.outline(operation.node, reader, planned.root)
            found = planned.outlines[key] = (outline, reader)
        return found

    def _extensions(
        self, asked: Mapping[str, Any], plan: Plan, waves: Waves
    ) -> dict[str, Any] | None:
        """The answer to a request for its plan; None for another, which may ask for a trace."""
        if self._wishes(asked, "trace"):
            waves.trace = Trace()
        if not self._wishes(asked, "explain"):
            return None
        return {"plan": explanation(plan, self._describe)}

    def _cache(
        self, operation: Operation, request: GraphQLRequest, waves: Waves, *, refresh: bool
    ) -> CacheRequest | None:
        """The cache for one query, if there is one; also for functions that its resolvers call."""
        if self.cached is None:
            return None
        CURRENT.set(self.cached.cache)
        if operation.kind != "query" or not self.planner.policies:
            return None  # what a mutation shows is newer than any entry
        tells = request.extensions is not None and self._wishes(request.extensions, "cache")
        return self.cached.request(waves.values[VIEWER_SPEC], refresh=refresh, tells=tells)

    def _wishes(self, asked: Mapping[str, Any], what: str) -> bool:
        """Whether a request asks for its plan, or for a trace of its searches or of the cache."""
        wish = asked.get("plait")
        if not (isinstance(wish, dict) and wish.get(what) is True):
            return False
        if not self._explains:
            raise RequestError("This server does not explain its plans.", code=Code.FORBIDDEN)
        return True

    def explain(self, text: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The plan of a document's only operation, without running it. Raises PlaitError."""
        operation = self.store.load(text).operation(None)
        planned = operation.plans.get(_PLANNED) or self._prepare(operation)
        coerced = planned.coercer.coerce(variables or _NO_VARIABLES)
        outline, _ = self._outline(operation, planned, coerced)
        shapes = tuple([spec.read(coerced)[0] for spec in outline.specs])
        return explanation(outline.plan(shapes), self._describe)


MAX_OUTLINES = 64
"""Sets of conditions remembered per operation: n variables in conditions make 2^n of them."""


def _refuse_kind(operation: Operation, *, allow_mutations: bool) -> None:
    if operation.kind == "subscription":
        raise RequestError(
            "Subscriptions do not travel over plain HTTP requests.",
            code=Code.OPERATION_RESOLUTION_FAILURE,
        )
    if not allow_mutations:
        raise RequestError(
            "A mutation needs a POST request; GET is for queries.", code=Code.METHOD_NOT_ALLOWED
        )


def _isolation(operation: Operation, *, whole: bool, refused: bool) -> str | None:
    """The isolation level of `@transaction`, which only planned fields can take part in.

    It commits together or not at all, so one refused field refuses all of it.
    """
    isolation = isolation_of(operation.node)
    if isolation is not None and refused and not whole:
        raise RequestError(
            "`@transaction` has a field that you may not use, so none of it was run.",
            code=Code.FORBIDDEN,
        )
    if isolation is not None and not whole:
        raise RequestError(
            "`@transaction` takes only fields that write to a source directly.",
            code=Code.BAD_USER_INPUT,
        )
    return isolation


def _traced(body: bytes, waves: Waves) -> bytes:
    """The body, with what was traced where the request asked for it."""
    told: dict[str, Any] = {}
    if waves.trace.wanted:
        told["trace"] = waves.trace.lines
    if waves.cache is not None and waves.cache.told is not None:
        told["cache"] = waves.cache.told
    return body[:-1] + b',"extensions":' + orjson.dumps(told) + b"}" if told else body


def _spliced(plan: Plan, answers: Sequence[Value], waves: Waves) -> bytes:
    """The response of an operation that is planned as a whole."""
    parts: list[bytes] = []
    errors: list[dict[str, Any]] = []
    nulled = False
    for root, value in zip(plan.roots, answers, strict=True):
        if type(value) is bytes:
            if waves.failures:
                value, found = waves.failures.locate(value, [root.field.key])  # noqa: PLW2901 - the same value, located
                errors += found
            parts.append(root.prefix + value)
            continue
        if isinstance(value, PlaitError):
            errors.append(error_entry(value, [root.field.key], root.field))
        elif not root.nullable:
            missing = SourceDataError("There is no value for this non-null field.")
            errors.append(error_entry(missing, [root.field.key], root.field))
        nulled = nulled or not root.nullable
        parts.append(root.prefix + b"null")
    data = b"null" if nulled else b"{" + b",".join(parts) + b"}"
    if not errors:
        return b'{"data":' + data + b"}"
    return b'{"data":' + data + b',"errors":' + orjson.dumps(errors) + b"}"
