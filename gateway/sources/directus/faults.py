"""What Directus answers: the envelope of a good answer, and its error codes as our errors.

Messages are ours; of Directus's own only the code leaves, and the names of the collection and field
that a write was refused for. Its values, reasons and texts stay behind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.embedding.retrying import retry_after
from gateway.errors import (
    Code,
    SourceError,
    SourceOverloaded,
    SourceRefused,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from gateway.sources.http import Reply

_OK, _NO_CONTENT, _REFUSED = 200, 204, 400
_TOO_MANY, _AWAY = 429, 503
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")

TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a code, not a token
INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - likewise

_CREDENTIALS = {
    TOKEN_EXPIRED,
    INVALID_TOKEN,
    "INVALID_CREDENTIALS",
    "INVALID_IP",
    "INVALID_OTP",
    "USER_SUSPENDED",
}
_VIOLATIONS = {
    "RECORD_NOT_UNIQUE": ("unique", "An item with the same {field} is there already."),
    "INVALID_FOREIGN_KEY": ("foreignKey", "{field} must refer to an item that is there."),
    "NOT_NULL_VIOLATION": ("notNull", "{field} must have a value."),
    "CONTAINS_NULL_VALUES": ("notNull", "{field} must have a value."),
}
_INPUT = {
    "FAILED_VALIDATION": "{field} does not fit the rules of its collection.",
    "INVALID_PAYLOAD": "Directus does not accept these values.",
    "INVALID_QUERY": "Directus does not accept these arguments.",
    "VALUE_TOO_LONG": "A value is too long for its field.",
    "VALUE_OUT_OF_RANGE": "A value is out of the range of its field.",
    "UNPROCESSABLE_CONTENT": "Directus cannot do this with these values.",
    "CONTENT_TOO_LARGE": "This is more than Directus accepts.",
    "UNSUPPORTED_MEDIA_TYPE": "Directus does not accept files of this type.",
}
_MISTAKEN = {"VALUE_TOO_LONG", "VALUE_OUT_OF_RANGE"}
"""Codes whose `field` Directus guesses, on PostgreSQL wrongly."""
_BUSY = {"REQUESTS_EXCEEDED", "LIMIT_EXCEEDED", "EMAIL_LIMIT_EXCEEDED"}


class RemoteError(msgspec.Struct):
    """One entry of Directus's `errors`."""

    extensions: dict[str, Any] | None = None

    @property
    def code(self) -> str:
        """Its code; empty where it has none that looks like one."""
        code = (self.extensions or {}).get("code")
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""

    def name(self, key: str) -> str | None:
        """The name of a field or collection that it tells of."""
        name = (self.extensions or {}).get(key)
        return name if isinstance(name, str) and _NAME.fullmatch(name) else None


class Envelope(msgspec.Struct):
    """An answer whose parts stay as bytes; `data` and `meta` are empty where they are not there."""

    data: msgspec.Raw = msgspec.Raw()
    meta: msgspec.Raw = msgspec.Raw()
    errors: list[RemoteError] | None = None


_ENVELOPE = msgspec.json.Decoder(Envelope)


def envelope(name: str, reply: Reply, *, callers: bool = False) -> Envelope:
    """The parts of a good answer.

    Raises SourceError for anything else: an error of Directus by its code, or an answer that is
    none of Directus's. `callers`: the credentials were the caller's own, not the gateway's.
    """
    if reply.status == _NO_CONTENT:
        return Envelope()
    found = _decoded(reply)
    if found is not None and found.errors:
        raise fault(name, found.errors[0], reply, callers=callers)
    if reply.status >= _REFUSED:
        raise _of_status(name, reply)
    if found is None:
        raise SourceRefused(
            f"{name} answered with something else than Directus's JSON.", extensions=_status(reply)
        )
    if not bytes(found.data):
        raise SourceRefused(f"{name} answered without data.", extensions=_status(reply))
    return found


def code_of(reply: Reply) -> str:
    """The code of the first error of an answer; empty where there is none."""
    found = _decoded(reply)
    return found.errors[0].code if found is not None and found.errors else ""


def fault(  # noqa: PLR0911 - one return per kind
    name: str, error: RemoteError, reply: Reply, *, callers: bool = False
) -> SourceError:
    """What one error of Directus means to the gateway."""
    code = error.code
    details: dict[str, Any] = {"directusCode": code} if code else _status(reply)
    if code in _VIOLATIONS:
        kind, says = _VIOLATIONS[code]
        return SourceRefused(
            _about(says, error),
            code=Code.CONSTRAINT_VIOLATION,
            extensions={**details, "kind": kind, **_place(error)},
        )
    if code in _INPUT:
        return SourceRefused(
            _about(_INPUT[code], error),
            code=Code.BAD_USER_INPUT,
            extensions={**details, **_place(error)},
        )
    if code in _CREDENTIALS:
        return _bad_credentials(name, details, callers=callers)
    if code == "FORBIDDEN":
        return SourceRefused(
            f"{name} does not allow this.", code=Code.FORBIDDEN, extensions=details
        )
    if code in _BUSY:
        return SourceOverloaded(
            f"{name} is at its limits; try again later.", extensions=details | _hold(reply)
        )
    if code == "SERVICE_UNAVAILABLE" or reply.status == _AWAY:
        return SourceUnavailable(f"{name} is not available.", extensions=details | _hold(reply))
    return SourceRefused(f"{name} reported an error.", extensions=details)


def _decoded(reply: Reply) -> Envelope | None:
    """The envelope; None where the body is none."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return None
    try:
        if not reply.body.isascii():
            reply.body.decode()  # the decoder does not look into what it leaves as bytes
        return _ENVELOPE.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _of_status(name: str, reply: Reply) -> SourceError:
    """What a refusal without Directus's own errors means: a proxy before it, as a rule."""
    details = _status(reply) | _hold(reply)
    if reply.status == _TOO_MANY:
        return SourceOverloaded(f"{name} is at its limits; try again later.", extensions=details)
    if reply.status in {502, _AWAY, 504}:
        return SourceUnavailable(f"{name} is not available.", extensions=details)
    return SourceRefused(f"{name} answered with an error.", extensions=details)


def _bad_credentials(name: str, details: dict[str, Any], *, callers: bool) -> SourceError:
    if callers:
        return SourceRefused(
            f"{name} does not accept these credentials.",
            code=Code.UNAUTHENTICATED,
            extensions=details,
        )
    return SourceRefused(
        f"{name} does not accept the gateway's credentials; see its settings.",
        code=Code.CONFIGURATION,
        extensions=details,
    )


def _about(says: str, error: RemoteError) -> str:
    field = error.name("field")
    return says.format(field=f"`{field}`" if field else "A field")


def _place(error: RemoteError) -> dict[str, str]:
    if error.code in _MISTAKEN:
        return {}
    found = {key: error.name(key) for key in ("collection", "field")}
    return {key: name for key, name in found.items() if name is not None}


def _hold(reply: Reply) -> dict[str, Any]:
    seconds = retry_after(reply.headers.get("retry-after"))
    return {} if seconds is None else {"retryAfter": seconds}


def _status(reply: Reply) -> dict[str, Any]:
    return {"status": reply.status}
