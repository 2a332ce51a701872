"""From an upstream's reply to the values of its parts: the envelope is read, the data is not.

Data is checked (it must be JSON) and split at its first level; errors are typed and re-pathed.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from gateway.embedding.retrying import retry_after
from gateway.errors import SourceError, SourceRefused
from gateway.sources import pieces
from gateway.sources.contract import Pieces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.schema.upstreams.remote import RemotePart
    from gateway.sources.contract import Value
    from gateway.sources.http import Reply
    from gateway.sources.upstream.error_log import ErrorLog
    from gateway.sources.upstream.refusals import Refusals

MAX_ERRORS = 100
_TOKEN = f"plait-{secrets.token_hex(12)}-"
_MARKED = re.compile(b'"' + _TOKEN.encode() + rb'(\d+);"')
_OWN = "plait_"
"""How aliases begin that a client does not know of."""
_OK = 200
_TYPES = ("application/json", "application/graphql-response+json")


class RemoteError(msgspec.Struct):
    """One entry of an upstream's `errors`."""

    message: str = ""
    path: list[str | int] | None = None
    extensions: dict[str, Any] | None = None


class _Response(msgspec.Struct):
    """A GraphQL response whose data stays as bytes."""

    data: dict[str, msgspec.Raw] | None = None
    errors: list[RemoteError] | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A GraphQL response, and what came with it.

    `status` is that of HTTP, `hold` the seconds for which the service asks to be left alone.
    """

    data: Mapping[str, msgspec.Raw] | None = None
    errors: Sequence[RemoteError] = ()
    status: int = _OK
    hold: float | None = None


_BARE = Envelope()
_RESPONSE = msgspec.json.Decoder(_Response)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def envelope(refusals: Refusals, reply: Reply) -> Envelope:
    """The reply's envelope. Raises SourceError where it is no GraphQL response."""
    bare = Envelope(status=reply.status, hold=retry_after(reply.headers.get("retry-after")))
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TYPES:
        raise refusals.of_answer(bare, f"answered with status {reply.status} and no JSON")
    return result(refusals, reply.body, bare)


def result(refusals: Refusals, body: bytes, bare: Envelope = _BARE) -> Envelope:
    """A response's envelope, or a subscription's event's. Raises SourceError as `envelope`.

    `bare` is what came with it.
    """
    try:
        if not body.isascii():
            body.decode()
        found = _RESPONSE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        says = f"answered with status {bare.status} and no GraphQL response"
        raise refusals.of_answer(bare, says) from None
    if found.data is None and not found.errors:
        raise refusals.of_answer(bare, "answered without data")
    return Envelope(found.data, found.errors or (), bare.status, bare.hold)


def items(name: str, raw: bytes) -> list[msgspec.Raw]:
    """The elements of a list. Raises SourceRefused where it is none."""
    try:
        return _LIST.decode(raw)
    except msgspec.MsgspecError:
        raise SourceRefused(f"{name} answered with something else than a list.") from None


def members(raw: bytes) -> Mapping[str, msgspec.Raw]:
    """The members of an object; none for anything else."""
    try:
        return _OBJECT.decode(raw)
    except msgspec.MsgspecError:
        return {}


def part_value(part: RemotePart, answer: Envelope, errors: Errors) -> Value:
    """A root field's value, or that of a namespace with the root fields below it."""
    if not part.namespace:
        (key,) = part.keys
        return errors.at(answer.data, key)
    if answer.data is None:
        return errors.value(None, ())
    typenames = [(key, orjson.dumps(part.typename)) for key in part.typename_keys]
    fields = [(part.shown(alias), errors.at(answer.data, alias)) for alias in part.keys]
    return pieces.members([*typenames, *fields])


class Errors:
    """An answer's errors by where they belong; `log` takes them in.

    `own`: how long a path of an error is at most that is about what the gateway asked by itself.
    """

    def __init__(
        self, refusals: Refusals, answer: Envelope, *, own: int = -1, log: ErrorLog | None = None
    ) -> None:
        self.by_root: dict[str | int, list[tuple[tuple[str | int, ...], SourceError]]] = {}
        self.general: SourceError | None = None
        """The error of a value that is not there though nothing is said of it."""
        self.pathless: SourceError | None = None
        """An error that does not say where it belongs."""
        if answer.errors and log is not None:
            log.note(answer.errors)
        for error in answer.errors[:MAX_ERRORS]:
            path = tuple(error.path or ())
            given = len(path) <= own
            typed = refusals.of_error(error, answer, own=given)
            if path:
                self.by_root.setdefault(path[0], []).append((path[1:], typed))
            elif self.pathless is None:
                self.pathless = typed
            if self.general is None:  # one of its own: each keeps what is below its null
                self.general = refusals.of_error(error, answer, own=given, elsewhere=bool(path))

    def at(self, data: Mapping[str, msgspec.Raw] | None, key: str, *, whole: bool = False) -> Value:
        """The value under a key of the data; with `whole`, what failed below it stays null."""
        raw = None if data is None else data.get(key)
        located = self.by_root.get(key, ())
        if whole:
            if raw is not None and raw != b"null":
                return bytes(raw)
            located = [((), error) for _, error in located[:1]]  # names that no client knows
        return self.value(None if raw is None else bytes(raw), located)

    def value(
        self, raw: bytes | None, errors: Sequence[tuple[tuple[str | int, ...], SourceError]]
    ) -> Value:
        """A part's value with the errors that belong below it."""
        if raw is None or raw == b"null":
            if errors:
                first, *others = [_placed(error, path) for path, error in errors]
                first.others = tuple(others)
                return first
            return self.general if raw is None else self.pathless
        if errors:
            return _with_errors(raw, errors)
        return raw if self.pathless is None else Pieces([raw])  # which is never kept


def _with_errors(raw: bytes, errors: Sequence[tuple[tuple[str | int, ...], SourceError]]) -> Value:
    """The value with its errors where the upstream says they belong, or where null took over."""
    tree: Any = [orjson.loads(raw)]
    for number, (path, error) in enumerate(errors):
        first, below = _mark(tree, (0, *path), number)
        _placed(error, below)
        if first != number:
            errors[first][1].others += (error,)
    text = orjson.dumps(tree[0])
    return Pieces(
        errors[int(part)][1] if index % 2 else part
        for index, part in enumerate(_MARKED.split(text))
    )


def _mark(tree: Any, path: tuple[str | int, ...], number: int) -> tuple[int, tuple[str | int, ...]]:
    """Mark the null on the way of `path` with `number`; whose mark it has, and what is below it.

    Nothing is marked if there is none.
    """
    for depth, step in enumerate(path, 1):
        try:
            below = tree[step]
        except (KeyError, IndexError, TypeError):
            break
        if below is None:
            below = tree[step] = f"{_TOKEN}{number};"
        if isinstance(below, str) and below.startswith(_TOKEN):
            return int(below[len(_TOKEN) : -1]), path[depth:]
        tree = below
    return number, ()


def _placed(error: SourceError, below: tuple[str | int, ...]) -> SourceError:
    """The error, which happened `below` its null: as far as the client knows the names there."""
    error.below = tuple(takewhile(lambda step: not str(step).startswith(_OWN), below))
    return error
