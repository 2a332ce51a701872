"""An answer in parts over HTTP: `multipart/mixed`, each part a JSON document.

https://github.com/graphql/graphql-over-http/blob/main/rfcs/IncrementalDelivery.md. Every part ends
with the delimiter of the next, so that a client need not wait for that to know the part is whole.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Protocol

from gateway.execution.incremental.formats import Form
from gateway.transport.framing import LAST, PART_HEAD, UNGATHERED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.types import Send

    from gateway.execution.exchange import Answer, GraphQLRequest
    from gateway.viewer import Viewer

_TYPES: Mapping[Form, bytes] = {
    Form.LEGACY: b'multipart/mixed; boundary="-"; deferSpec=20220824',
    Form.CURRENT: b'multipart/mixed; boundary="-"; incrementalSpec=v0.2',
}
_DELIMITER = b"\r\n---"


class InParts(Protocol):
    """What answers requests in parts."""

    def answers(
        self,
        request: GraphQLRequest,
        viewer: Viewer,
        *,
        allow_mutations: bool,
        deadline: float,
        form: Form,
    ) -> AsyncGenerator[Answer, None]:
        """The parts of one answer; all but the last have `more`. Closing it ends the work."""


class Mixed:
    """One response that may have parts. `begun`: whether it has, and something was sent."""

    __slots__ = ("_ended", "_form", "_source", "_vary", "begun", "send")

    def __init__(self, source: InParts, form: Form, send: Send, vary: bytes) -> None:
        self._source = source
        self._form = form
        self._vary = vary
        self.send = send
        self.begun = self._ended = False

    async def answer(
        self, request: GraphQLRequest, viewer: Viewer, *, allow_mutations: bool, deadline: float
    ) -> Answer:
        """Send an answer in parts as they come; one that has none is only returned."""
        answers = self._source.answers(
            request,
            viewer,
            allow_mutations=allow_mutations,
            deadline=deadline,
            form=self._form,
        )
        async with aclosing(answers):
            first = await anext(answers)
            if first.more:
                await self._begin()
                await self._part(first)
                async for answer in answers:
                    await self._part(answer)
        return first

    async def close(self, seconds: float) -> None:
        """End what was cut off by its deadline, if the client takes that in so many seconds."""
        if not self._ended:
            body = PART_HEAD + b'{"hasNext":false}' + _DELIMITER + LAST
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._body(body, more=False)

    async def _begin(self) -> None:
        kind = (b"content-type", _TYPES[self._form])
        headers = [kind, *UNGATHERED, (b"vary", self._vary)]
        self.begun = True
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._body(_DELIMITER, more=True)

    async def _part(self, answer: Answer) -> None:
        self._ended = not answer.more
        end = b"" if answer.more else LAST
        await self._body(PART_HEAD + answer.body + _DELIMITER + end, more=answer.more)

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": more})
