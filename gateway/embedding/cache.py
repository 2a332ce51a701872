"""Vectors kept by the hash of their text: in this process, and in a store that processes share.

Both levels are optional. Whatever goes wrong with the shared store is a miss, never a failed
request: it has a hard timeout, and after a fault it is left alone for a while.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from gateway.embedding.vectors import NUMBER_BYTES, packed, unpacked

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Mapping, Sequence

_LOG = logging.getLogger(__name__)

_OVERHEAD = 300
"""Bytes an entry costs beside its numbers: key, dictionary, bookkeeping."""
_MAX_SAVES = 8


class SharedStore(Protocol):
    """Bytes by key, beyond this process. It may raise whatever it likes."""

    async def load(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """What is stored under each key, in their order."""

    async def save(self, values: Mapping[str, bytes], seconds: int) -> None:
        """Store values for a time."""

    async def aclose(self) -> None:
        """Release everything."""


class VectorCache:
    """The vectors one model made."""

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        model: str,
        dimensions: int,
        *,
        max_bytes: int,
        seconds: int,
        shared: SharedStore | None = None,
        shared_seconds: float = 0.1,
        rest_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_bytes`: of memory, 0 for none. `seconds`: how long a vector is kept.

        `shared_seconds`: what a look into the shared store may take; `rest_seconds`: how long it
        is left alone after a fault.
        """
        self._salt = f"{len(model)}:{model}:{dimensions}:"
        self._dimensions = dimensions
        self._room = max_bytes // (NUMBER_BYTES * dimensions + _OVERHEAD)
        self._seconds = seconds
        self._shared = shared
        self._shared_seconds = shared_seconds
        self._rest_seconds = rest_seconds
        self._clock = clock
        # Until when, and what: of the few and of the many, each by the last use.
        self._few: OrderedDict[str, tuple[float, array[float]]] = OrderedDict()
        self._many: OrderedDict[str, tuple[float, array[float]]] = OrderedDict()
        self._rests_until = 0.0
        self._saves: set[asyncio.Task[None]] = set()

    def key(self, text: str) -> str:
        """`embedding:<hash>` of the text, the model and its dimensions."""
        return f"embedding:{hashlib.sha256((self._salt + text).encode()).hexdigest()}"

    def near(self, key: str, *, few: bool = True) -> array[float] | None:
        """The vector this process keeps under `key`, not to be changed.

        `few`: whether who asks wants few vectors, see `keep`.
        """
        kept = self._few if key in self._few else self._many
        found = kept.get(key)
        if found is None:
            return None
        fresh = found[0] > self._clock()
        if few or not fresh:
            del kept[key]
        if few and fresh:
            self._few[key] = found
        return found[1] if fresh else None

    async def far(self, keys: Sequence[str], *, few: bool = True) -> dict[str, array[float]]:
        """The vectors the shared store has under `keys`; this process keeps them as `keep` does."""
        if self._shared is None or self._clock() < self._rests_until:
            return {}
        try:
            async with asyncio.timeout(self._shared_seconds):
                stored = await self._shared.load(keys)
        except Exception as error:  # noqa: BLE001 - any fault is a miss
            self._rest(error)
            return {}
        found: dict[str, array[float]] = {}
        for key, data in zip(keys, stored, strict=False):
            vector = unpacked(data, self._dimensions) if isinstance(data, bytes) else None
            if vector is not None:
                found[key] = vector
        self._remember(found, few=few)
        return found

    def keep(self, vectors: Mapping[str, array[float]], *, few: bool = True) -> None:
        """Keep new vectors, by key; the shared store gets them in the background.

        Where room is short, those go first that were never among a `few` asked for together: a
        backfill does not push the vectors of searches out.
        """
        self._remember(vectors, few=few)
        resting = self._clock() < self._rests_until
        if self._shared is None or resting or len(self._saves) >= _MAX_SAVES:
            return
        values = {key: packed(vector) for key, vector in vectors.items()}
        save = asyncio.ensure_future(self._save(self._shared, values))
        self._saves.add(save)
        save.add_done_callback(self._saves.discard)

    async def aclose(self) -> None:
        """Let saves under way end, and close the shared store."""
        if self._saves:
            await asyncio.wait(self._saves, timeout=self._shared_seconds * 10)
        if self._shared is not None:
            await self._shared.aclose()

    async def _save(self, shared: SharedStore, values: Mapping[str, bytes]) -> None:
        try:
            async with asyncio.timeout(self._shared_seconds * 10):
                await shared.save(values, self._seconds)
        except Exception as error:  # noqa: BLE001 - any fault is only a later miss
            self._rest(error)

    def _rest(self, error: Exception) -> None:
        self._rests_until = self._clock() + self._rest_seconds
        _LOG.warning("the shared cache of vectors failed: %s", type(error).__name__)

    def _remember(self, vectors: Mapping[str, array[float]], *, few: bool) -> None:
        until, kept = self._clock() + self._seconds, self._few if few else self._many
        for key, vector in vectors.items():
            self._many.pop(key, None)
            kept[key] = (until, vector)
        while len(self._few) + len(self._many) > self._room:
            (self._many or self._few).popitem(last=False)
