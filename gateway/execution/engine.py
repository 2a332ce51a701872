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
from gateway.execution.bodies import spliced, traced
from gateway.execution.context import RequestContext
from gateway.execution.exchange import Answer, codes_of, refusal
from gateway.execution.executor import execute_walked
from gateway.execution.failures import ours
from gateway.execution.kept import KeptFields
from gateway.execution.mutations import Mutations, allowed_isolation
from gateway.execution.narrowing_tactics import Tactics, Trace
from gateway.execution.walk import Walk
from gateway.execution.waves import Waves
from gateway.execution.wholes import Wholes, freshness_of
from gateway.planning.explanation import explanation
from gateway.planning.variables import VariableCoercer
from gateway.schema.demands import demanded_by_fields
from gateway.schema.rules import VIEWER_SPEC, viewer_values
from gateway.schema.selection import Reader, condition_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from gateway.context.registry import Datasources
    from gateway.documents.cost import Costs, Priced
    from gateway.documents.persisted import NamedDocuments
    from gateway.documents.store import Document, DocumentStore, Operation
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
    from gateway.sources.contract import Prepared
    from gateway.viewer import Viewer

PLANNED = "planned"
"""The key of what is planned for an operation, among its `plans`."""
_NO_VARIABLES: dict[str, Any] = {}
_NOBODY_WRITES = "Sign in to write: the request has no token or API key that this gateway reads."
_NOTHING: frozenset[Requirement] = frozenset()


class _Planned:
    """What an operation needs at every request; kept in `Operation.plans`."""

    __slots__ = ("coercer", "conditions", "demands", "outlines", "priced", "root", "wholes")

    def __init__(
        self,
        coercer: VariableCoercer,
        conditions: tuple[str, ...],
        root: str,
        demands: tuple[Requirement, ...],
        priced: Priced | None = None,
    ) -> None:
        self.coercer = coercer
        self.priced = priced
        self.conditions = conditions
        self.root = root
        self.demands = demands
        self.outlines: dict[tuple[Any, ...], tuple[Outline, Reader]] = {}
        self.wholes: Wholes | None = None


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
                _refuse_kind(operation, allow_mutations=allow_mutations)
                self._refuse_writer(viewer)
            planned = operation.plans.get(PLANNED) or self.prepare(operation)
            wholes = None if refresh else planned.wholes
            tells = not allow_mutations
            if wholes and (kept := wholes.find(request, viewer, operation, tells=tells)):
                return kept
            variables = planned.coercer.coerce(request.variables or _NO_VARIABLES)
            outline, reader = self.outline(operation, planned, variables, viewer)
            shapes, values = outline.read(variables)
            plan = outline.known(shapes) or await self.plan(outline, shapes, deadline)
            if plan.demands:
                self.require(plan.demands, viewer)
            groups = self.fresh if operation.kind == "mutation" else self.groups
            waves = Waves(groups, (*values, viewer_values(viewer)), deadline)
            waves.tactics = self.tactics
            waves.cache = self._cache(operation, request, waves, refresh=refresh)
            if request.extensions and (told := self._extensions(request.extensions, plan, waves)):
                told |= self._price(operation, variables)
                return Answer(orjson.dumps({"data": None, "extensions": told}))
            isolation = mutations = None
            if operation.kind == "mutation":
                self.require(outline.demanded(values), viewer)
                refused = bool(reader.refused)
                isolation = allowed_isolation(operation, whole=outline.whole, refused=refused)
                mutations = Mutations(self._writers, waves)
                mutations.written = self.cached.written() if self.cached else None
            if outline.whole:
                run = waves.run(plan) if mutations is None else mutations.run(plan, isolation)
                answers = await run
                body, codes = spliced(plan, answers, waves)
                if wholes and not codes:
                    wholes.keep(request, viewer, plan, waves, body)
            else:
                waves.mutations = mutations
                walk = Walk(
                    planner=self.planner,
                    reader=reader,
                    outline=outline,
                    plan=plan,
                    waves=waves,
                    variables=variables,
                )
                walk.kept = self._kept(waves, reader, outline)
                given = request.variables or _NO_VARIABLES
                body, codes = await self.walked(walk, operation, given, viewer)
            fresh = freshness_of(plan, waves, viewer, codes) if tells else None
            return Answer(traced(body, waves), freshness=fresh, operation=operation, codes=codes)
        except PlaitError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001 - nothing of a library's may leave unmasked
            return refusal(ours(error))

    async def walked(
        self,
        walk: Walk,
        operation: Operation,
        given: Mapping[str, Any],
        viewer: Viewer,
        event: Any = None,
    ) -> tuple[bytes, tuple[str, ...]]:
        """The response of an operation with plain resolvers in it, and the codes of its errors.

        `given`: its variables. `event`: of a subscription that a generator feeds.
        """
        deadline = walk.waves.deadline
        context = RequestContext(viewer, deadline, walk, self.datasources, self.workflows)
        data, errors = await execute_walked(self.api, operation, given, context, event)
        # A resolver's JSON may be more than JSON can hold: that is masked by the caller.
        body = orjson.dumps({"data": data, "errors": errors} if errors else {"data": data})
        return body, codes_of(errors)

    async def plan(self, outline: Outline, shapes: tuple[Hashable, ...], deadline: float) -> Plan:
        """The plan of an outline for shapes that it does not know. Raises as `Beside.made`."""
        make, keep = partial(outline.compiled, shapes), partial(outline.keep, shapes)
        return await self.beside.made((outline, shapes), make, keep, deadline)

    def _refuse_writer(self, viewer: Viewer) -> None:
        if viewer.subject is None and not self._anonymous_writes:
            raise RequestError(_NOBODY_WRITES, code=Code.UNAUTHENTICATED)

    def prepare(self, operation: Operation) -> _Planned:
        """What the operation needs at every request; kept with it."""
        schema = self.api.catalog.schema
        root = schema.get_root_type(operation.node.operation)
        name = root.name if root else ""
        selections, fragments = operation.node.selection_set, operation.fragments
        planned = _Planned(
            VariableCoercer(
                schema, operation.variable_definitions, suggestions=self.store.suggestions
            ),
            condition_variables(selections, fragments),
            name,
            demanded_by_fields(self.api.catalog, name, selections, fragments),
            self._costs.priced(operation) if self._costs is not None else None,
        )
        if self.cached is not None and operation.kind == "query":
            planned.wholes = Wholes(self.cached.cache)
        operation.plans[PLANNED] = planned
        return planned

    def require(self, demands: Iterable[Demand], viewer: Viewer) -> None:
        """Refuse the whole request where an argument names what the viewer may not use."""
        for demand in demands:
            self._authority.require(demand.access, viewer, demand.what)

    def outline(
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
            name = operation.node.name.value if operation.node.name else ""
            asked = (self.api.catalog, operation.fragments, conditions)
            reader = Reader(*asked, refused, declared, name)
            outline = self.planner.outline(operation.node, reader, planned.root)
            found = planned.outlines[key] = (outline, reader)
        if planned.priced is not None and viewer is not None:
            planned.priced.require(variables, found[0].specs)
        return found

    def _extensions(
        self, asked: Mapping[str, Any], plan: Plan, waves: Waves
    ) -> dict[str, Any] | None:
        """The answer to a request for its plan; None for another, which may ask for a trace."""
        if self.wishes(asked, "trace"):
            waves.trace = Trace()
        if not self.wishes(asked, "explain"):
            return None
        return {"plan": explanation(plan, self.describe)}

    def _cache(
        self, operation: Operation, request: GraphQLRequest, waves: Waves, *, refresh: bool
    ) -> CacheRequest | None:
        """The cache for one query, if there is one."""
        if self.cached is None:
            return None
        if operation.kind != "query" or not self.planner.policies:
            return None  # what a mutation shows is newer than any entry
        tells = request.extensions is not None and self.wishes(request.extensions, "cache")
        return self.cached.request(waves.values[VIEWER_SPEC], refresh=refresh, tells=tells)

    def _kept(self, waves: Waves, reader: Reader, outline: Outline) -> KeptFields | None:
        """The plain fields that may be cached; an extension of the schema would not see them.

        Functions that resolvers call (`@cached`) find the cache from here on.
        """
        if self.cached is not None:
            CURRENT.set(self.cached.cache)
        policies = self.planner.policies
        if waves.cache is None or not policies.plain or not self.api.catalog.short:
            return None
        return KeptFields(waves.cache, waves.deadline, policies, reader, outline.places)

    def wishes(self, asked: Mapping[str, Any], what: str) -> bool:
        """Whether a request asks for its plan, or for a trace of its searches or of the cache."""
        wish = asked.get("plait")
        if not (isinstance(wish, dict) and wish.get(what) is True):
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
        coerced = planned.coercer.coerce(variables or _NO_VARIABLES)
        outline, _ = self.outline(operation, planned, coerced)
        plan = explanation(outline.plan(outline.read(coerced)[0]), self.describe)
        return {**plan, **self._price(operation, coerced)}

    def _price(self, operation: Operation, variables: Variables) -> dict[str, int]:
        """What a request costs, where that is bounded."""
        costs = self._costs
        return {} if costs is None else {"cost": costs.explained(operation, variables.coerced)}


MAX_OUTLINES = 64
"""Sets of conditions remembered per operation: n variables in conditions make 2^n of them."""


def _refuse_kind(operation: Operation, *, allow_mutations: bool) -> None:
    if operation.kind == "subscription":
        raise RequestError(
            "A subscription needs `Accept: text/event-stream`, or a WebSocket that speaks "
            "graphql-transport-ws.",
            code=Code.OPERATION_RESOLUTION_FAILURE,
        )
    if not allow_mutations:
        raise RequestError(
            "A mutation needs a POST request; GET is for queries.", code=Code.METHOD_NOT_ALLOWED
        )
