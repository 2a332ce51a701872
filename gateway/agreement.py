"""What the domain asks for that the settings do not locate, or that engines hold otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.embedding.local_process import installed
from gateway.errors import ConfigurationError, SourceError
from gateway.schema.bindings import Vectors
from gateway.schema.state.fields import StateValue
from gateway.schema.vectors.writes import collections_of
from gateway.sources.contract import Health

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.planning.registry import Registry
    from gateway.schema.build import Api
    from gateway.schema.vectors.sync import VectorSync
    from gateway.settings import Settings
    from gateway.sources.contract import Budget


def check_bound(settings: Settings, api: Api) -> list[str]:
    """What the domain binds to a source that no setting locates, in words.

    Fields of theirs answer an error; everything else works. Raises ConfigurationError naming the
    setting where a table's database is missing: without it there is nothing to serve.
    """
    for entity in api.catalog.entities.values():
        if entity.source not in settings.postgres:
            raise ConfigurationError(
                f"{_setting('postgres', entity.source)}: the domain binds {entity.name} to this "
                "database; say where it is."
            )
    bound = [info.binding for info in api.catalog.fields.values()]
    wanted = {("qdrant", one.source) for one in bound if isinstance(one, Vectors)}
    wanted |= {("redis", one.source) for one in bound if isinstance(one, StateValue)}
    wanted |= {("directus", one.source) for one in api.catalog.collections.values()}
    wanted |= {("upstream", name) for name in api.catalog.upstreams}
    lines = [
        f"{_setting(family, name)} is not set: fields bound to it answer an error"
        for family, name in sorted(wanted)
        if name not in getattr(settings, family)
    ]
    searches = any(family == "qdrant" for family, _ in wanted)
    if searches and settings.embedding.kind == "local" and not installed():
        lines.append(
            "embedding.kind (PLAIT_EMBEDDING_KIND) is local, and its model is not installed: "
            "searches by text answer an error"
        )
    return lines


def _setting(family: str, name: str) -> str:
    prefix = family.upper() if name == "default" else f"{family}_{name}".upper()
    return f"{family}.{name}.url ({prefix}_URL)"


async def vectors_health(
    api: Api, syncs: Iterable[VectorSync], registry: Registry, budget: Budget
) -> dict[str, Health]:
    """By vector source, that collections are not there or not of the embedder's model.

    Of collections that fields are bound to or that are synced. Searches are refused there and all
    else is served, so that the gateway is ready without.
    """
    known = collections_of(api.catalog)
    for sync in syncs:
        known.setdefault(sync.source, set()).add(sync.name)
    found = {}
    for name, source in registry.vectors.items():
        try:
            unfit = await source.unfit(sorted(known.get(name, ())), budget.deadline)
        except SourceError:
            continue
        for what, reasons in unfit.items():
            detail = "; ".join(reasons)
            found[f"{source.name}:{what}"] = Health(ready=False, detail=detail, required=False)
    return found
