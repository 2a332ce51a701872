"""Every error Plait raises, and the code with which it leaves the gateway.

    PlaitError
    ├── ConfigurationError      start-up: a setting or a binding is wrong; names it, never its value
    ├── RequestError            nothing was executed: malformed, refused or invalid request
    │   ├── InputError          an argument or variable is not acceptable
    │   └── CredentialsError    who sends the request cannot be told, or nobody was named
    └── SourceError             a source could not give its part of the answer
        ├── SourceUnavailable   not reachable, connection lost, shutting down
        ├── SourceTimeout       the request's deadline passed while the source worked
        ├── SourceOverloaded    the source's queue is full
        ├── SourceConflict      concurrent transactions conflicted; worth trying again
        ├── SourceDataError     this input made the source fail; others of its batch are innocent
        └── SourceRefused       the source answered, and the answer is an error

Catch broadly at the top, narrowly below. Only `PlaitError` messages reach a client; every other
exception is masked and logged under an id.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Code(StrEnum):
    """What `extensions.code` may say. Documented one by one in `docs/errors.md`."""

    BAD_REQUEST = "BAD_REQUEST"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    CSRF_REFUSED = "CSRF_REFUSED"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    OPERATION_RESOLUTION_FAILURE = "OPERATION_RESOLUTION_FAILURE"
    DOCUMENT_LIMIT_EXCEEDED = "DOCUMENT_LIMIT_EXCEEDED"
    COST_LIMIT_EXCEEDED = "COST_LIMIT_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    CONSTRAINT_VIOLATION = "CONSTRAINT_VIOLATION"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    TRANSACTION_ROLLED_BACK = "TRANSACTION_ROLLED_BACK"
    SUBSCRIPTION_LIMIT_EXCEEDED = "SUBSCRIPTION_LIMIT_EXCEEDED"
    SUBSCRIPTION_LAGGED = "SUBSCRIPTION_LAGGED"
    SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
    SOURCE_TIMEOUT = "SOURCE_TIMEOUT"
    SOURCE_OVERLOADED = "SOURCE_OVERLOADED"
    SOURCE_DATA = "SOURCE_DATA"
    SOURCE_ERROR = "SOURCE_ERROR"
    CONFIGURATION = "CONFIGURATION"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


HTTP_STATUS: Mapping[Code, int] = {
    Code.BAD_REQUEST: 400,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.NOT_ACCEPTABLE: 406,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.PAYLOAD_TOO_LARGE: 413,
    Code.REQUEST_TIMEOUT: 408,
    Code.CSRF_REFUSED: 400,
    Code.GRAPHQL_PARSE_FAILED: 400,
    Code.GRAPHQL_VALIDATION_FAILED: 400,
    Code.OPERATION_RESOLUTION_FAILURE: 400,
    Code.DOCUMENT_LIMIT_EXCEEDED: 400,
    Code.COST_LIMIT_EXCEEDED: 400,
    Code.RATE_LIMITED: 429,
    Code.PERSISTED_QUERY_NOT_FOUND: 404,
    Code.PERSISTED_QUERY_NOT_SUPPORTED: 400,
    Code.DOCUMENT_NOT_TRUSTED: 403,
    Code.BAD_USER_INPUT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.CONSTRAINT_VIOLATION: 409,
    Code.VERSION_CONFLICT: 409,
    Code.TRANSACTION_ROLLED_BACK: 409,
    Code.SUBSCRIPTION_LIMIT_EXCEEDED: 429,
    Code.SUBSCRIPTION_LAGGED: 503,
    Code.SOURCE_UNAVAILABLE: 503,
    Code.SOURCE_TIMEOUT: 504,
    Code.SOURCE_OVERLOADED: 503,
    Code.SOURCE_DATA: 500,
    Code.SOURCE_ERROR: 502,
    Code.CONFIGURATION: 500,
    Code.INTERNAL_SERVER_ERROR: 500,
}
"""The HTTP status of a response in which nothing was executed, by its first error's code."""


class PlaitError(Exception):
    """An error with a message fit for a client and a code.

    `extensions` is merged into the GraphQL error's `extensions` beside `code`; it must hold only
    JSON values and nothing secret.
    """

    code: Code = Code.INTERNAL_SERVER_ERROR
    below: tuple[str | int, ...] = ()
    """Where it happened, from the place of the null that took over: keys, and places in lists."""
    others: tuple[PlaitError, ...] = ()
    """What else happened below that null, as a source told it."""

    def __init__(
        self,
        message: str,
        *,
        code: Code | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.details: dict[str, Any] = dict(extensions or {})

    @property
    def extensions(self) -> dict[str, Any]:
        """`{"code": …, **details}`: what graphql-core copies into the error it reports."""
        return {"code": self.code.value, **self.details}


class ConfigurationError(PlaitError):
    """A setting, a binding or a schema is wrong; raised at start-up, names the culprit."""

    code = Code.CONFIGURATION


class RequestError(PlaitError):
    """The request was refused before anything was executed.

    `locations` are (line, column) pairs into the document, 1-based, where there are any.
    """

    code = Code.BAD_REQUEST

    def __init__(
        self,
        message: str,
        *,
        code: Code | None = None,
        extensions: Mapping[str, Any] | None = None,
        locations: tuple[tuple[int, int], ...] = (),
    ) -> None:
        super().__init__(message, code=code, extensions=extensions)
        self.locations = locations


class InputError(RequestError):
    """An argument or variable value is wrong; the message names it and says what would be right."""

    code = Code.BAD_USER_INPUT

    @classmethod
    def about(cls, argument: str, says: str) -> InputError:
        """What is wrong with one argument, which `extensions` name too: "`argument` says."."""
        return cls(f"`{argument}` {says}.", extensions={"argument": argument})


class CredentialsError(RequestError):
    """The credentials that came with a request are missing or no good.

    `reason` is for figures, and no client learns it: it would tell a forger what to try next.
    `fault` is its code in RFC 6750, which knows few; empty where that has none for it.
    """

    code = Code.UNAUTHENTICATED

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        fault: str = "",
        code: Code | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, extensions=extensions)
        self.reason = reason
        self.fault = fault


class SourceError(PlaitError):
    """A source failed; the field it serves is null and carries this error."""

    code = Code.SOURCE_ERROR

    def as_own(self) -> Self:
        """A copy for one of several who get it: raising one object twice tangles its traces."""
        own = type(self).__new__(type(self), *self.args)
        own.__dict__.update(self.__dict__)
        own.__cause__ = self
        return own


class SourceUnavailable(SourceError):
    """The source cannot be reached or lost the connection in mid-flight."""

    code = Code.SOURCE_UNAVAILABLE


class SourceTimeout(SourceError):
    """The deadline passed before the source answered."""

    code = Code.SOURCE_TIMEOUT


class SourceOverloaded(SourceError):
    """Too many calls wait for the source already; this one was refused at once."""

    code = Code.SOURCE_OVERLOADED


class SourceDataError(SourceError):
    """The source rejected one input of a batch (SQLSTATE class 22 and the like).

    The only source error after which the members of a group are tried again singly, once.
    """

    code = Code.SOURCE_DATA


class SourceConflict(SourceError):
    """Concurrent transactions got in each other's way; the whole one may be tried again."""


class SourceRefused(SourceError):
    """The source answered with an error of its own."""
