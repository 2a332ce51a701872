"""The fillers of the domain's collections, as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigurationError
from gateway.sync.filling import Filler
from gateway.sync.pipeline import Options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.embedding.contract import Embedder
    from gateway.schema.vectors.sync import VectorSync
    from gateway.settings import Settings
    from gateway.sync.filling import Changed


def fillers_of(
    settings: Settings,
    syncs: Iterable[VectorSync],
    engines: Mapping[str, Any],
    model: Embedder,
    changed: Changed | None,
) -> dict[str, Filler]:
    """By collection; those whose rows or points no setting locates are left out.

    `engines` are the vector sources, by name; `changed` hears of collections whose points changed.

    Raises ConfigurationError for a collection that is declared twice.
    """
    options = Options(
        batch=settings.sync.batch,
        attempts=settings.sync.attempts,
        seconds=settings.sync.timeout_seconds,
    )
    fillers: dict[str, Filler] = {}
    for sync in syncs:
        if sync.name in fillers:
            raise ConfigurationError(f"collection {sync.name!r} is synced twice; list it once.")
        rows, engine = settings.postgres.get(sync.rows), engines.get(sync.source)
        if rows is not None and engine is not None:
            dsn = (rows.direct_url or rows.dsn).reveal()
            fillers[sync.name] = Filler(sync, dsn, engine, model, options, changed=changed)
    return fillers
