"""Keys that two runs would share: run `a`, step `b-c`, and run `a-b`, step `c`, are both `a-b-c`.

Which patterns can meet so is known when workflows are loaded, as a rule none. Of those alone is
asked, when a run is started, whose key each of its own would be, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.workflows.records import key_names, new_steps
from gateway.workflows.templates import RUN, fill

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.workflows.declaring import Step, Workflow

RUN_ID = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
"""The ids of runs."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of one step: what stands before the first id and behind the last, and all of it."""

    workflow: str
    targets: frozenset[str]
    before: str
    behind: str
    reader: re.Pattern[str]

    @classmethod
    def of(cls, workflow: Workflow, step: Step) -> _Keys:
        names = key_names(workflow, step)
        before, *others = (fill(part, names) for part in step.key.split(RUN))
        more = "(?P=id)".join(map(re.escape, others))
        reader = re.compile(f"{re.escape(before)}(?P<id>{RUN_ID}){more}")
        return cls(workflow.name, frozenset(step.targets), before, others[-1], reader)

    def meets(self, other: _Keys) -> bool:
        """Whether two ids could give both the same key."""
        return (
            (self.behind.endswith(other.behind) or other.behind.endswith(self.behind))
            and (self.before.startswith(other.before) or other.before.startswith(self.before))
            and self.reader.pattern != other.reader.pattern  # equal keys are of equal ids
            and not self.targets.isdisjoint(other.targets)
        )


class Crossings:
    """The patterns of these workflows that can meet."""

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        every = [_Keys.of(one, step) for one in workflows for step in one.steps if step.targets]
        self._crossed = [one for one in every if any(map(one.meets, every))]

    def of(self, workflow: Workflow, request_id: str) -> set[tuple[str, str]]:
        """The runs, id and workflow, that have a key which this run has, too.

        Raises InputError where a key is too long.
        """
        steps = new_steps(workflow, request_id) if self._crossed else ()
        return {
            (found["id"], one.workflow)
            for one in self._crossed
            for step in steps
            if not one.targets.isdisjoint(step.targets)
            if (found := one.reader.fullmatch(step.key)) and found["id"] != request_id
        }
