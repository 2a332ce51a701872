"""What is planned of an operation: once for all of its requests, and for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.documents.cost import Priced
    from gateway.documents.store import Operation
    from gateway.execution.cache.responses import CachedResponses
    from gateway.planning.outline import Outline
    from gateway.planning.steps import Plan
    from gateway.planning.variables import VariableCoercer, Variables
    from gateway.schema.access.requirements import Requirement
    from gateway.schema.selection import Reader
    from gateway.viewer import Viewer

PLANNED = "planned"
"""The key of a `PlannedOperation`, among an operation's `plans`."""
MAX_OUTLINES = 64
"""Sets of conditions remembered per operation: n variables in conditions make 2^n of them."""


class PlannedOperation:
    """What an operation needs at every request; kept in `Operation.plans`.

    `conditions` are the variables that `@skip` and `@include` read, `root` is the root type,
    `demands` are what its fields ask of a viewer.
    """

    __slots__ = ("coercer", "conditions", "demands", "outlines", "priced", "responses", "root")

    def __init__(
        self,
        coercer: VariableCoercer,
        conditions: tuple[str, ...],
        root: str,
        demands: tuple[Requirement, ...],
        priced: Priced | None = None,
    ) -> None:
        self.coercer = coercer
        self.conditions = conditions
        self.root = root
        self.demands = demands
        self.priced = priced
        self.outlines: dict[tuple[Any, ...], tuple[Outline, Reader]] = {}
        self.responses: CachedResponses | None = None


class PlannedRequest(NamedTuple):
    """An operation as it is planned for a viewer and these variables.

    `given` are the variables as they came. `values` are what the plan's readers made of them; the
    viewer's come last.
    """

    operation: Operation
    given: Mapping[str, Any]
    viewer: Viewer
    outline: Outline
    reader: Reader
    plan: Plan
    variables: Variables
    values: tuple[tuple[Any, ...], ...]
