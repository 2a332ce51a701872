"""A collector of traces for the tests: takes OTLP over HTTP, and remembers spans and headers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """Where it listens, and what it got."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    heads: list[str] = field(default_factory=list)

    def one(self, name: str) -> Span:
        """The only span of a name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            self.heads.append(head)
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
            body = await reader.readexactly(length)
            if "application/x-protobuf" in head:
                self._take(ExportTraceServiceRequest.FromString(body))
            answer = b'{"data": {"ok": 1}}'
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(answer), answer)
            )
            await writer.drain()
        finally:
            writer.close()

    def _take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            named = [one for one in resource.resource.attributes if one.key == "service.name"]
            self.services |= {one.value.string_value for one in named}
            for scope in resource.scope_spans:
                self.spans += scope.spans


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    server = await asyncio.start_server(collector._serve, "127.0.0.1", 0)
    collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/traces"
    async with server:
        yield collector
