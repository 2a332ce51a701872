"""What an upstream's errors are to our clients: a refusal keeps its code where it is about them.

That is so of who asks, where the upstream saw the callers' own credentials, and of input, where it
came from the client. A refusal of the gateway's own credentials is nothing a client could mend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.errors import Code, SourceError, SourceOverloaded, SourceRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.sources.upstream.answers import Envelope, RemoteError

_OK, _TOO_MANY = 200, 429
_MOST_TEXT = 500
_MOST_CODE = 64
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_WHO = {401: Code.UNAUTHENTICATED, 403: Code.FORBIDDEN}
"""What is about who asks, by HTTP status."""
_NAMED = {
    **{code.value: code for code in (*_WHO.values(), Code.BAD_USER_INPUT)},
    "UNAUTHORIZED_FIELD_OR_TYPE": Code.FORBIDDEN,  # Apollo's Router, and those that follow it
    "AUTH_NOT_AUTHENTICATED": Code.UNAUTHENTICATED,  # Hot Chocolate
    "AUTH_NOT_AUTHORIZED": Code.FORBIDDEN,
}
"""What is about the client, by an upstream's own code."""
_CLOSED = {4401: 401, 4403: 403}
"""Codes with which servers of graphql-transport-ws end a connection, by what says the same."""
_SAYS = {
    Code.UNAUTHENTICATED: "does not accept these credentials, or asks for some",
    Code.FORBIDDEN: "does not allow this",
    Code.BAD_USER_INPUT: "does not accept this input",
    Code.SOURCE_OVERLOADED: "is at its limits; try again later",
}


class Refusals:
    """How the refusals of one upstream are told.

    `callers`: it is asked with its callers' credentials, and with none of the gateway's. `trusted`
    lets its messages out.
    """

    def __init__(self, name: str, *, callers: bool, trusted: bool) -> None:
        self.name = name
        self._callers = callers
        self._trusted = trusted

    def of_error(
        self, error: RemoteError, answer: Envelope, *, own: bool = False, elsewhere: bool = False
    ) -> SourceError:
        """What one error of an answer is.

        `own`: what it may say of input is about the gateway's, as the keys of rows are.
        `elsewhere`: it stands for a value that is missing because of an error at another place.
        """
        said = (error.extensions or {}).get("code")
        if not (isinstance(said, str) and len(said) <= _MOST_CODE and _LETTERS.issuperset(said)):
            said = ""
        code = self._code("" if elsewhere else said, answer.status, own=own)
        details = {"upstream": self.name, **({"upstreamCode": said} if said else {})}
        message = error.message[:_MOST_TEXT] if self._trusted else ""
        return self._error(code, message, "reported an error", {**details, **_hold(answer)})

    def of_answer(self, answer: Envelope, says: str) -> SourceError:
        """What an answer is that holds no GraphQL; `says` is what is wrong with it."""
        details = {} if answer.status == _OK else {"status": answer.status}
        return self._error(self._code("", answer.status), "", says, {**details, **_hold(answer)})

    def of_stream(self, error: SourceError) -> SourceError:
        """What it is that a stream could not be had or has ended: a refusal, or `error` itself."""
        status = _CLOSED.get(error.details.get("closeCode", 0), error.details.get("status", _OK))
        code = self._code("", status)
        return error if code is Code.SOURCE_ERROR else self._error(code, "", "", error.details)

    def _code(self, said: str, status: int, *, own: bool = False) -> Code:
        """The code of what an upstream said under a code of its own, or by a status alone."""
        if status == _TOO_MANY:
            return Code.SOURCE_OVERLOADED
        code = _NAMED.get(said) or _WHO.get(status, Code.SOURCE_ERROR)
        ours = own if code is Code.BAD_USER_INPUT else not self._callers
        return Code.SOURCE_ERROR if ours else code

    def _error(
        self, code: Code, message: str, otherwise: str, details: Mapping[str, Any]
    ) -> SourceError:
        kind = SourceOverloaded if code is Code.SOURCE_OVERLOADED else SourceRefused
        says = message or f"{self.name} {_SAYS.get(code, otherwise)}."
        return kind(says, code=code, extensions=details)


def _hold(answer: Envelope) -> dict[str, float]:
    """For how many seconds it wants to be left alone, where it says so."""
    if answer.status != _TOO_MANY or answer.hold is None:
        return {}
    return {"retryAfter": answer.hold}
