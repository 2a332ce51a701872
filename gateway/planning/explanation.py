"""A plan for people: what each source is asked, wave by wave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.planning.narrowing import branches
from gateway.schema.writes.mutations import WriteBinding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gateway.planning.steps import Fetch, Plan
    from gateway.sources.contract import Prepared


def explanation(
    plan: Plan, describe: Callable[[Prepared], Mapping[str, Any]]
) -> dict[str, list[list[dict[str, Any]]]]:
    """`{"waves": [[{"source", "paths", "kind", "request", "branches"}, …], …]}`.

    Equal requests of one wave are shown once, since they are made once. `describe` asks the source
    for its native request. `branches` is there where a search may go more than one way: by the
    name of each way, what is asked on it. The first wave of a mutation are its writes, whose
    requests come of their values; the others read what is selected of the rows.
    """
    writes = [*_writes(plan)]
    waves = [writes] if writes else []
    level = [([root.field.key], fetch) for root in plan.roots for fetch in root.fetches]
    while level:
        waves.append(_wave(level, describe))
        level = [([*path, hole.field.key], hole) for path, fetch in level for hole in fetch.holes]
    return {"waves": waves}


def _writes(plan: Plan) -> Iterator[dict[str, Any]]:
    """Which rows are written, and how; what other sources change is described by their fetches."""
    for root in plan.roots:
        binding = root.field.info.binding if root.field.info else None
        if isinstance(binding, WriteBinding) and root.fetch is not None:
            yield {
                "source": root.fetch.prepared.source,
                "paths": [root.field.key],
                "kind": type(binding).__name__.lower(),
                "request": {"rows": root.fetch.entity},
            }


def _wave(
    level: list[tuple[list[str], Fetch]], describe: Callable[[Prepared], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    shown: dict[Any, dict[str, Any]] = {}
    for path, fetch in level:
        entry = shown.setdefault(
            (fetch.prepared, fetch.slots),
            {
                "source": fetch.prepared.source,
                "paths": [],
                "kind": fetch.verb.value,
                "request": dict(describe(fetch.prepared)),
            },
        )
        if fetch.ranked is not None:
            entry["branches"] = branches(fetch.ranked, describe)
        entry["paths"].append(".".join(path))
    return list(shown.values())
