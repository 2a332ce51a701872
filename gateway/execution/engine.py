"""The way of a request from document to bytes: documents, plan, waves, splice.

An operation whose root fields are all planned never enters graphql-core: its variables are coerced,
its waves run, its bytes joined. Everything else runs in graphql-core with the planned fields
spliced among the walked ones (`gateway.execution.executor`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from gateway.caching.function import CURRENT
from gateway.errors import Code, InputError, PlaitError, RequestError
from gateway.execution.cache.fields import CachedFields
from gateway.execution.cache.responses import CachedResponses, freshness_of
from gateway.execution.coercing import coerced
from gateway.execution.context import RequestContext
from gateway.execution.exchange import Answer, codes_of, refusal
from gateway.execution.executor import execute_walked
from gateway.execution.failures import ours
from gateway.execution.mutations import Mutations, allowed_isolation
from gateway.execution.planned import MAX_OUTLINES, PLANNED, PlannedOperation, PlannedRequest
from gateway.execution.response import spliced, traced
from gateway.execution.vector_search.tactics import Tactics, Trace
from gateway.execution.walk import Walk
from gateway.execution.waves import Waves
from gateway.planning.explanation import explanation
from gateway.planning.variables import VariableCoercer
from gateway.schema.access.demands import demanded_by_fields
from gateway.schema.access.rules import VIEWER_SPEC, viewer_values
from gateway.schema.selection import Reader, condition_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from gateway.context.registry import Datasources
    from gateway.documents.cost import Costs
    from gateway.documents.persisted import NamedDocuments
    from gateway.documents.store import Document, DocumentStore, Operation
    from gateway.execution.cache.reads import CachedReads, CacheRequest
    from gateway.execution.exchange import GraphQLRequest
    from gateway.execution.groups import Groups
    from gateway.planning.outline import Outline
    from gateway.planning.plan import Planner
    from gateway.planning.steps import Plan
    from gateway.planning.variables import Variables
    from gateway.schema.access.demands import Demand
    from gateway.schema.access.requirements import Requirement
    from gateway.schema.build import Api
    from gateway.sources.contract import Prepared
    from gateway.viewer import Viewer

_NOBODY_WRITES = "Sign in to write: the request has no token or API key that this gateway reads."
_WISHES = frozenset({"explain", "trace", "cache"})
_NAMED = 100
"""Characters of what a client sent that an error repeats."""
_NEEDS_POST = "A mutation needs a POST request; GET is for queries."
_NEEDS_A_STREAM = (
    "A subscription needs `Accept: text/event-stream`, or a WebSocket that speaks "
    "graphql-transport-ws."
)
_NOTHING: frozenset[Requirement] = frozenset()


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
        self.describe = describe
        self._writers = writers
        self.fresh = {**groups, **(fresh or {})}
        self._explains = explains
        self._anonymous_writes = anonymous_writes
        self._authority = api.catalog.authority
        self.tactics = Tactics()
        self.beside = store.beside
        self.cached: CachedReads | None = None
        """The cache, where anything may be kept; set once, before the first request."""
        self.datasources: Datasources | None = None
        """The key-value sources, where any are configured; set once, before the first request."""
        self.workflows: object | None = None
        """The workflows, for their own fields; set once, before the first request."""
        self._costs: Costs | None = None
        self._named: NamedDocuments | None = None
        self._texts = True

    def admit(self, costs: Costs | None, named: NamedDocuments) -> None:
        """What operations may cost, and which documents; said once, before the first request."""
        self._costs, self._named, self._texts = costs, named, not named.required

    def _known(self, request: GraphQLRequest) -> Document | None:
        """The kept document of a request that only gives its text."""
        if request.extensions is not None or not self._texts:
            return None
        return self.store.known(request.document)

    async def load(self, request: GraphQLRequest, deadline: float) -> Document:
        """The document that a request gives or names. Raises RequestError."""
        if self._named is None:
            return await self.store.find(request.document, deadline)
        return await self._named.load(request, deadline)

    async def answer(  # noqa: PLR0913 - the hot path is written out; all but two are named
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        *,
        allow_mutations: bool,
        deadline: float,
        refresh: bool = False,
        operation: Operation | None = None,
    ) -> Answer:
        """The complete response to a request. Raises nothing but cancellation.

        `refresh`: what is cached does not count, and is replaced. `operation`: what is to run,
        where that is known already.
        """
        try:
            operation = operation or (
                self._known(request) or await self.load(request, deadline)
            ).operation(request.operation_name)
            if operation.kind != "query":
                self._check_kind(operation, viewer, allow_mutations=allow_mutations)
            known = operation.plans.get(PLANNED) or self.prepare(operation)
            responses = None if refresh else known.responses
            tells = not allow_mutations
            if responses and (kept := responses.find(request, viewer, operation, tells=tells)):
                return kept
            planned = await self.planned(operation, request.variables or {}, viewer, deadline)
            writes = operation.kind == "mutation"
            waves = Waves(self.fresh if writes else self.groups, planned.values, deadline)
            waves.tactics = self.tactics
            waves.cache = self._cache(planned, request, refresh=refresh)
            if request.extensions and (told := self._told(request.extensions, planned, waves)):
                return Answer(orjson.dumps({"data": None, "extensions": told}))
            writing = self._mutations(planned, waves) if writes else None
            body, codes = await self.executed(planned, waves, writing)
            plan = planned.plan
            if responses and planned.outline.whole and not codes:
                responses.keep(request, viewer, plan, waves, body)
            fresh = freshness_of(plan, waves, viewer, codes) if tells else None
            return Answer(traced(body, waves), freshness=fresh, operation=operation, codes=codes)
        except PlaitError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - nothing of a library's may leave unmasked
            return refusal(ours(error))

    async def planned(
        self,
        operation: Operation,
        given: Mapping[str, Any],
        viewer: Viewer,
        deadline: float,
        *,
        marked: bool = False,
    ) -> PlannedRequest:
        """An operation with these variables, planned and permitted for a viewer.

        `marked`: its answers tell what they show, so far as they can. Raises PlaitError.
        """
        known = operation.plans.get(PLANNED) or self.prepare(operation)
        variables = await coerced(known.coercer, given, self.beside, deadline)
        outline, reader = self.outline(operation, known, variables, viewer)
        if marked and outline.whole:
            outline = outline.marked
        shapes, read = outline.read(variables)
        plan = outline.known(shapes) or await self.plan(outline, shapes, deadline)
        if plan.demands:
            self._require(plan.demands, viewer)
        values = (*read, viewer_values(viewer))
        return PlannedRequest(operation, given, viewer, outline, reader, plan, variables, values)

    async def executed(
        self,
        planned: PlannedRequest,
        waves: Waves,
        writing: Mutations | None = None,
        event: Any = None,
    ) -> tuple[bytes, tuple[str, ...]]:
        """The response to a planned request, and the codes of its errors.

        `writing`: what runs the writes of a mutation. `event`: of a subscription that a generator
        feeds. Raises TypeError where a resolver gives more than JSON can hold.
        """
        plan = planned.plan
        if planned.outline.whole:
            runner = writing or waves
            return spliced(plan, await runner.run(plan), waves)
        self.lend_cache()
        waves.mutations = writing
        walk = Walk(self.planner, planned, waves)
        walk.cached = self._cached_fields(planned, waves)
        context = RequestContext(
            planned.viewer, waves.deadline, walk, self.datasources, self.workflows
        )
        data, errors = await execute_walked(self.api, planned, context, event)
        body = orjson.dumps({"data": data, "errors": errors} if errors else {"data": data})
        return body, codes_of(errors)

    def lend_cache(self) -> None:
        """From now on functions that this task's resolvers call find the cache (`@cached`)."""
        if self.cached is not None:
            CURRENT.set(self.cached.cache)

    async def plan(self, outline: Outline, shapes: tuple[Hashable, ...], deadline: float) -> Plan:
        """The plan of an outline for shapes that it does not know. Raises as `Beside.made`."""
        make, keep = partial(outline.compiled, shapes), partial(outline.keep, shapes)
        return await self.beside.made((outline, shapes), make, keep, deadline)

    def _check_kind(self, operation: Operation, viewer: Viewer, *, allow_mutations: bool) -> None:
        """Refuse what is no query and may not run here. Raises RequestError."""
        if operation.kind == "subscription":
            raise RequestError(_NEEDS_A_STREAM, code=Code.OPERATION_RESOLUTION_FAILURE)
        if not allow_mutations:
            raise RequestError(_NEEDS_POST, code=Code.METHOD_NOT_ALLOWED)
        if viewer.subject is None and not self._anonymous_writes:
            raise RequestError(_NOBODY_WRITES, code=Code.UNAUTHENTICATED)

    def prepare(self, operation: Operation) -> PlannedOperation:
        """What the operation needs at every request; kept with it."""
        schema = self.api.catalog.schema
        root = schema.get_root_type(operation.node.operation)
        name = root.name if root else ""
        selections, fragments = operation.node.selection_set, operation.fragments
        planned = PlannedOperation(
            VariableCoercer(
                schema, operation.variable_definitions, suggestions=self.store.suggestions
            ),
            condition_variables(selections, fragments),
            name,
            demanded_by_fields(self.api.catalog, name, selections, fragments),
            self._costs.priced(operation) if self._costs is not None else None,
        )
        if self.cached is not None and operation.kind == "query":
            planned.responses = CachedResponses(self.cached.cache)
        operation.plans[PLANNED] = planned
        return planned

    def _require(self, demands: Iterable[Demand], viewer: Viewer) -> None:
        """Refuse the whole request where an argument names what the viewer may not use."""
        for demand in demands:
            self._authority.require(demand.access, viewer, demand.what)

    def outline(
        self,
        operation: Operation,
        planned: PlannedOperation,
        variables: Variables,
        viewer: Viewer | None = None,
    ) -> tuple[Outline, Reader]:
        """The outline for this request's `@skip` and `@include`, without what is refused to it."""
        refused = _NOTHING
        if planned.demands and viewer is not None:
            refused = self._authority.refused(planned.demands, viewer)
        holding = tuple([variables.coerced.get(name) for name in planned.conditions])
        if None in holding:
            name = planned.conditions[holding.index(None)]
            raise InputError(f"`${name}` must not be null where `@skip` or `@include` reads it.")
        key = (*holding, refused) if refused else holding
        found = planned.outlines.get(key)
        if found is None:
            if len(planned.outlines) >= MAX_OUTLINES:
                planned.outlines.clear()
            conditions = dict(zip(planned.conditions, map(bool, holding), strict=True))
            asked = (self.api.catalog, operation.fragments, conditions)
            reader = Reader(*asked, refused, operation.variable_definitions, operation.name or "")
            outline = self.planner.outline(operation.node, reader, planned.root)
            found = planned.outlines[key] = (outline, reader)
        if planned.priced is not None and viewer is not None:
            planned.priced.require(variables, found[0].specs)
        return found

    def _told(
        self, asked: Mapping[str, Any], planned: PlannedRequest, waves: Waves
    ) -> dict[str, Any] | None:
        """The answer to a request for its plan; None for another, which may ask for a trace."""
        if self.wishes(asked, "trace"):
            waves.trace = Trace()
        if not self.wishes(asked, "explain"):
            return None
        plan = {"plan": explanation(planned.plan, self.describe)}
        return plan | self._price(planned.operation, planned.variables)

    def _cache(
        self, planned: PlannedRequest, request: GraphQLRequest, *, refresh: bool
    ) -> CacheRequest | None:
        """The cache for one query, if there is one; what a mutation shows is newer than it."""
        if self.cached is None or planned.operation.kind != "query" or not self.planner.policies:
            return None
        tells = request.extensions is not None and self.wishes(request.extensions, "cache")
        return self.cached.request(planned.values[VIEWER_SPEC], refresh=refresh, tells=tells)

    def _mutations(self, planned: PlannedRequest, waves: Waves) -> Mutations:
        """What runs the fields that write. Raises RequestError where the viewer may not."""
        self._require(planned.outline.demanded(planned.values[:-1]), planned.viewer)
        mutations = Mutations(self._writers, waves, allowed_isolation(planned))
        mutations.written = self.cached.written() if self.cached else None
        return mutations

    def _cached_fields(self, planned: PlannedRequest, waves: Waves) -> CachedFields | None:
        """The plain fields that may be cached; an extension of the schema would not see them."""
        policies = self.planner.policies
        if waves.cache is None or not policies.plain or not self.api.catalog.short:
            return None
        places = planned.outline.places
        return CachedFields(waves.cache, waves.deadline, policies, planned.reader, places)

    def wishes(self, asked: Mapping[str, Any], what: str) -> bool:
        """Whether a request asks for its plan, or for a trace of its searches or of the cache."""
        wish = asked.get("plait")
        if not isinstance(wish, dict):
            return False
        if unknown := wish.keys() - _WISHES:
            named = ", ".join(sorted(map(str, unknown)))[:_NAMED]
            raise RequestError(f"`extensions.plait` takes explain, trace and cache, not {named}.")
        if wish.get(what) is not True:
            return False
        if not self._explains:
            raise RequestError("This server does not explain its plans.", code=Code.FORBIDDEN)
        return True

    def explain(
        self, text: str, variables: Mapping[str, Any] | None = None, name: str | None = None
    ) -> dict[str, Any]:
        """The plan of a document's operation, without running it. Raises PlaitError."""
        operation = self.store.load(text).operation(name)
        planned = operation.plans.get(PLANNED) or self.prepare(operation)
        coerced = planned.coercer.coerce(variables or {})
        outline, _ = self.outline(operation, planned, coerced)
        plan = explanation(outline.plan(outline.read(coerced)[0]), self.describe)
        return {**plan, **self._price(operation, coerced)}

    def _price(self, operation: Operation, variables: Variables) -> dict[str, int]:
        """What a request costs, where that is bounded."""
        costs = self._costs
        return {} if costs is None else {"cost": costs.explained(operation, variables.coerced)}
