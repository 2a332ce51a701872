"""What each field of `State` asks of Redis, and how the answers read as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from redis.exceptions import ResponseError

from gateway.errors import SourceDataError
from gateway.schema.state.keys import MOST
from gateway.sources.pieces import array, members
from gateway.sources.redis.faults import refused
from gateway.sources.redis.link import Command
from gateway.sources.redis.values import big_counter, json_value, score, text_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway.schema.asks import Part
    from gateway.schema.state.namespaces import Namespace
    from gateway.sources.contract import Value
    from gateway.sources.redis.link import Word

    Reader = Callable[[bytes | None], Value]

BEYOND = MOST + 1
"""What a scan asks for, so that it is whole where there are no more than `MOST`."""

_KINDS = {
    b"string": b'"STRING"',
    b"hash": b'"HASH"',
    b"list": b'"LIST"',
    b"set": b'"SET"',
    b"zset": b'"SORTED_SET"',
    b"stream": b'"STREAM"',
}


@dataclass(frozen=True, slots=True)
class Read:
    """A field of `State`: its command's words behind the key, and the reader of the answer.

    `expected`: the sort of value it is for. `read(namespace, part, arguments, answer)`.
    """

    words: Callable[..., Iterable[Word]]
    command: str | Callable[..., str]
    expected: str
    read: Callable[[Namespace, Part, tuple[Any, ...], Any], Value]


def value_reader(namespace: Namespace) -> Reader:
    """How a value of this namespace reads."""
    limit = namespace.max_value_bytes
    if namespace.text:
        return lambda stored: text_value(stored, limit)
    return lambda stored: json_value(stored, limit)


def stored_key(namespace: Namespace, segment: str) -> bytes:
    """The key in Redis."""
    return (namespace.prefix + segment).encode()


def command_of(namespace: Namespace, name: str, arguments: tuple[Any, ...]) -> Command:
    """The command of a field that names one key."""
    key, *rest = arguments
    one = READS[name]
    command = one.command if isinstance(one.command, str) else one.command(*rest)
    return Command((command, stored_key(namespace, key), *one.words(*rest)))


def answer_of(namespace: Namespace, part: Part, arguments: tuple[Any, ...], answer: Any) -> Value:
    """The field's value, or its error."""
    one = READS[part.name]
    if isinstance(answer, ResponseError):
        return refused(answer, namespace.shown, one.expected)
    return one.read(namespace, part, arguments, answer)


def many(namespace: Namespace, found: Sequence[Any]) -> Value:
    """The values of several keys, in their order."""
    reader = value_reader(namespace)
    return array(
        [
            refused(one, namespace.shown, "value")
            if isinstance(one, ResponseError)
            else reader(one)
            for one in found
        ]
    )


# Readers -----------------------------------------------------------------------------------------


def _alone(read: Callable[[Any], Value]) -> Callable[..., Value]:
    """A reader that needs nothing but the answer."""
    return lambda _namespace, _part, _arguments, answer: read(answer)


def _value(namespace: Namespace, _part: Any, _arguments: Any, answer: Any) -> Value:
    return value_reader(namespace)(answer)


def _values(namespace: Namespace, _part: Any, _arguments: Any, answer: Sequence[bytes]) -> Value:
    return array(list(map(value_reader(namespace), answer)))


def _boolean(answer: int) -> Value:
    return b"true" if answer else b"false"


def _number(answer: int | None) -> Value:
    return None if answer is None else b"%d" % answer


def _seconds(answer: int) -> Value:
    return None if answer < 0 else orjson.dumps(answer / 1_000)


def _kind(answer: bytes) -> Value:
    if answer == b"none":
        return None
    return _KINDS.get(answer) or SourceDataError("the key holds a value of a foreign kind")


def scanned(answer: Any, what: str) -> list[bytes] | SourceDataError:
    """All that HSCAN or SSCAN found at once, or an error where that was not all."""
    cursor, found = answer
    if int(cursor):
        return SourceDataError(f"the {what} has more than {MOST} members")
    return list(found)


def set_members(answer: Any) -> Value:
    """The members of a set, each once."""
    found = scanned(answer, "set")
    if isinstance(found, SourceDataError):
        return found
    return array([text_value(member) for member in dict.fromkeys(found)])


def _hash(namespace: Namespace, part: Part, arguments: tuple[Any, ...], answer: Any) -> Value:
    names = arguments[1]
    if names is None:
        found = scanned(answer, "hash")
        if isinstance(found, SourceDataError):
            return found
        pairs: Iterable[tuple[bytes, bytes | None]] = zip(found[::2], found[1::2], strict=True)
    else:
        pairs = zip(names, answer, strict=True)
    reader = value_reader(namespace)
    return array(
        [
            shaped(part.parts, {"name": text_value(name), "value": reader(value)})
            for name, value in pairs
        ]
    )


def _leaderboard(
    _namespace: Any, part: Part, arguments: tuple[Any, ...], answer: Sequence[bytes]
) -> Value:
    _, _, offset, _, low, high = arguments
    ranked = low is None and high is None
    return array(
        [
            shaped(
                part.parts,
                {
                    "member": text_value(member),
                    "score": score(points),
                    "rank": b"%d" % (offset + place) if ranked else None,
                },
            )
            for place, (member, points) in enumerate(zip(answer[::2], answer[1::2], strict=True))
        ]
    )


def shaped(parts: Sequence[Part], values: Mapping[str, Value]) -> Value:
    """An object with what was asked for, under the keys of the response."""
    return members(
        (part.key, orjson.dumps(part.text) if part.text is not None else values[part.name])
        for part in parts
    )


# Words -------------------------------------------------------------------------------------------


def _nothing(*_: Any) -> Iterable[Word]:
    return ()


def _range(start: int, first: int) -> Iterable[Word]:
    stop = start + first - 1
    return (start, -1 if start < 0 <= stop else stop)


def _board(
    first: int, offset: int, order: str, low: float | None, high: float | None
) -> Iterable[Word]:
    reverse = order == "highest"
    if low is None and high is None:
        bounds: tuple[Word, ...] = (offset, offset + first - 1)
        return (*bounds, *(("REV",) if reverse else ()), "WITHSCORES")
    ends = ("-inf" if low is None else low, "+inf" if high is None else high)
    if reverse:
        return (*reversed(ends), "BYSCORE", "REV", "LIMIT", offset, first, "WITHSCORES")
    return (*ends, "BYSCORE", "LIMIT", offset, first, "WITHSCORES")


def _fields(names: Sequence[bytes] | None) -> str:
    return "HSCAN" if names is None else "HMGET"


def _from_end(_member: bytes, order: str) -> str:
    return "ZREVRANK" if order == "highest" else "ZRANK"


READS: Mapping[str, Read] = {
    "get": Read(_nothing, "GET", "plain value", _value),
    "exists": Read(_nothing, "EXISTS", "value", _alone(_boolean)),
    "ttl": Read(_nothing, "PTTL", "value", _alone(_seconds)),
    "kind": Read(_nothing, "TYPE", "value", _alone(_kind)),
    "counter": Read(_nothing, "GET", "counter", _alone(big_counter)),
    "hash": Read(lambda names: names or (0, "COUNT", BEYOND), _fields, "hash", _hash),
    "hashLength": Read(_nothing, "HLEN", "hash", _alone(_number)),
    "list": Read(_range, "LRANGE", "list", _values),
    "listLength": Read(_nothing, "LLEN", "list", _alone(_number)),
    "members": Read(lambda: (0, "COUNT", BEYOND), "SSCAN", "set", _alone(set_members)),
    "isMember": Read(lambda member, _: (member,), "SISMEMBER", "set", _alone(_boolean)),
    "memberCount": Read(_nothing, "SCARD", "set", _alone(_number)),
    "leaderboard": Read(_board, "ZRANGE", "sorted set", _leaderboard),
    "score": Read(lambda member, _: (member,), "ZSCORE", "sorted set", _alone(score)),
    "rank": Read(lambda member, _: (member,), _from_end, "sorted set", _alone(_number)),
    "leaderboardSize": Read(_nothing, "ZCARD", "sorted set", _alone(_number)),
}
"""The fields that name one key, by name."""
