"""Documents that requests name instead of sending: automatic persisted queries, trusted documents.

Automatic persisted queries are Apollo's protocol: a client sends a document's SHA-256 alone; where
nobody knows it the client sends the document as well, once. What is kept here was valid and has
the hash it is kept under, so a client can neither poison an entry nor fill the memory with
rubbish. Trusted documents come from a manifest and may be named by the same hash or by the
`documentId` of the GraphQL-over-HTTP specification's persisted documents.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from gateway.errors import Code, RequestError, SourceError
from gateway.sources.breaker import Breaker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from gateway.documents.store import Document, DocumentStore

    class Request(Protocol):
        """What of a request says which document it is about."""

        @property
        def document(self) -> str:
            """Its text, empty where the request only names it."""

        @property
        def document_id(self) -> str | None:
            """Its name."""

        @property
        def extensions(self) -> Mapping[str, Any] | None:
            """Where Apollo's protocol names it."""

    class Blobs(Protocol):
        """Bytes that processes share; `gateway.sources.redis.blobs` is one."""

        async def load(self, keys: Sequence[str]) -> Sequence[bytes | None]:
            """What is stored under each key."""

        async def save(self, values: Mapping[str, bytes], seconds: int) -> None:
            """Store values for so long."""

        async def aclose(self) -> None:
            """Release the connections."""


_LOG = logging.getLogger(__name__)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PREFIX = "sha256:"
_OVERHEAD = 300
"""Bytes that an entry takes beside its text, estimated."""
_SAVING = 64
"""Documents on their way to the shared store; more are left out, and come again."""
_PATIENCE = 0.25
"""The part of the time left that the shared store gets."""

_NOT_FOUND = "PersistedQueryNotFound"
_NOT_SUPPORTED = "PersistedQueryNotSupported"
"""Clients of Apollo's protocol know these messages."""


class NamedDocuments:
    """Finds the document of a request that names it, and keeps those that clients persist.

    `most_bytes` of them are kept here, 0 for none at all; `blobs` shares them, for `seconds`.
    `trusted`: documents by their ids, always known; `own`: those that the gateway itself runs.
    `required`: nothing else is run.
    """

    def __init__(  # noqa: PLR0913 - one parameter per setting
        self,
        store: DocumentStore,
        *,
        most_bytes: int,
        blobs: Blobs | None = None,
        seconds: int = 86_400,
        trusted: Mapping[str, str] | None = None,
        own: Sequence[str] = (),
        required: bool = False,
    ) -> None:
        self.required = required
        self._store = store
        self._most = most_bytes
        self._blobs = blobs
        self._seconds = seconds
        self._trusted = {name.removeprefix(_PREFIX): text for name, text in (trusted or {}).items()}
        self._texts = frozenset((*self._trusted.values(), *own))
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._bytes = 0
        self._breaker = Breaker()
        self._saving: set[asyncio.Task[None]] = set()
        self._counts = {"hits": 0, "misses": 0, "registered": 0, "refused": 0}

    async def load(self, request: Request, deadline: float) -> Document:
        """The document of a request: by its text, by `documentId`, or by a hash in `extensions`.

        Raises InvalidDocument, and RequestError: PERSISTED_QUERY_NOT_FOUND, DOCUMENT_NOT_TRUSTED,
        PERSISTED_QUERY_NOT_SUPPORTED, or BAD_REQUEST for a hash that is not the document's.
        """
        text, digest = request.document, _named(request.document_id, request.extensions)
        if self.required:
            return await self._store.find(self._believed(text, digest), deadline)
        if digest is None:
            if not text:
                raise RequestError("The request has no `query`, and names no document.")
            return await self._store.find(text, deadline)
        if not text:
            return await self._store.find(await self._find(digest, deadline), deadline)
        if digest not in self._trusted and not self._most:
            return await self._store.find(text, deadline)
        _require_hash(text, digest, self._trusted.get(digest))
        document = await self._store.find(text, deadline)
        self._register(digest, text)
        return document

    async def close(self) -> None:
        """End what is on its way to the shared store."""
        for task in self._saving:
            task.cancel()
        if self._saving:
            await asyncio.wait(self._saving)
        if self._blobs is not None:
            await self._blobs.aclose()

    def figures(self) -> Mapping[str, float]:
        """Gauges: entries, bytes; counters: hits, misses, registered, refused."""
        return {"entries": len(self._kept), "bytes": self._bytes, **self._counts}

    def trusted(self) -> Mapping[str, str]:
        """The documents of the manifest, by id."""
        return self._trusted

    def _believed(self, text: str, digest: str | None) -> str:
        """A trusted document's text; no other is even looked at."""
        if text in self._texts:
            return text
        known = None if digest is None or text else self._trusted.get(digest)
        if known is None:
            self._counts["refused"] += 1
            raise RequestError(
                "Only documents of this server's manifest are run.", code=Code.DOCUMENT_NOT_TRUSTED
            )
        return known

    async def _find(self, digest: str, deadline: float) -> str:
        trusted = self._trusted.get(digest)
        if trusted is not None:
            return trusted
        if not self._most:
            raise RequestError(_NOT_SUPPORTED, code=Code.PERSISTED_QUERY_NOT_SUPPORTED)
        text = self._kept.get(digest)
        if text is None:
            text = await self._shared(digest, deadline)
        else:
            self._kept.move_to_end(digest)
        if text is None:
            self._counts["misses"] += 1
            raise RequestError(_NOT_FOUND, code=Code.PERSISTED_QUERY_NOT_FOUND)
        self._counts["hits"] += 1
        return text

    async def _shared(self, digest: str, deadline: float) -> str | None:
        """What another process was told; a store that is away knows nothing."""
        if self._blobs is None or not _SHA256.fullmatch(digest) or not self._breaker.allows():
            return None
        loop = asyncio.get_running_loop()
        patience = (deadline - loop.time()) * _PATIENCE
        try:
            async with asyncio.timeout(max(0.0, patience)):
                (found,) = await self._blobs.load([_key(digest)])
        except (SourceError, TimeoutError):
            self._breaker.failed()
            return None
        self._breaker.succeeded()
        if found is None or hashlib.sha256(found).hexdigest() != digest:
            return None
        text = found.decode()
        self._keep(digest, text)
        return text

    def _register(self, digest: str, text: str) -> None:
        if digest in self._kept or digest in self._trusted:
            return
        self._counts["registered"] += 1
        self._keep(digest, text)
        if self._blobs is not None and len(self._saving) < _SAVING and self._breaker.allows():
            task = asyncio.ensure_future(self._save(self._blobs, digest, text))
            self._saving.add(task)
            task.add_done_callback(self._saving.discard)

    def _keep(self, digest: str, text: str) -> None:
        self._kept[digest] = text
        self._bytes += len(text) + _OVERHEAD
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest) + _OVERHEAD

    async def _save(self, blobs: Blobs, digest: str, text: str) -> None:
        try:
            await blobs.save({_key(digest): text.encode()}, self._seconds)
        except SourceError:
            self._breaker.failed()
            _LOG.info("a persisted query could not be shared")
        else:
            self._breaker.succeeded()


def _named(name: str | None, extensions: Mapping[str, Any] | None) -> str | None:
    """The id by which a request names its document, None where it does not."""
    if name:
        return name.removeprefix(_PREFIX)
    asked = (extensions or {}).get("persistedQuery")
    if asked is None:
        return None
    if not isinstance(asked, dict) or asked.get("version") != 1:
        raise RequestError("`extensions.persistedQuery` must have `version: 1`.")
    digest = asked.get("sha256Hash")
    if not isinstance(digest, str) or not digest:
        raise RequestError("`extensions.persistedQuery.sha256Hash` must be a text.")
    return digest


def _require_hash(text: str, digest: str, trusted: str | None) -> None:
    """A document is known by its own hash alone, unless the manifest says otherwise."""
    if text == trusted:
        return
    if hashlib.sha256(text.encode()).hexdigest() != digest:
        raise RequestError("The document does not have the SHA-256 that the request gives it.")


def _key(digest: str) -> str:
    return f"plait:document:{digest}"
