"""What each write asks of Redis, and how the answer reads as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gateway.errors import InputError
from gateway.sources.pieces import array
from gateway.sources.redis.link import Command
from gateway.sources.redis.reads import shaped, stored_key, value_reader
from gateway.sources.redis.values import score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway.schema.asks import Part
    from gateway.schema.state.namespaces import Namespace
    from gateway.sources.contract import Value
    from gateway.sources.redis.link import Word

    Parts = Sequence[Part]


@dataclass(frozen=True, slots=True)
class Write:
    """A write: its commands, and the reader of their answers.

    `expected`: the sort of value it works on. `lives`: it may make a key, which then gets a life
    where the namespace wants one.
    """

    commands: Callable[[Namespace, tuple[Any, ...], Parts], list[Command]]
    read: Callable[[Namespace, tuple[Any, ...], Parts, list[Any]], Value]
    expected: str
    lives: bool = True


def encoded(namespace: Namespace, value: Any) -> bytes:
    """A value as it is stored. Raises InputError for one that does not fit the namespace."""
    if namespace.text:
        if not isinstance(value, str):
            raise InputError(f"Values in {namespace.shown} are text; give a string.")
        try:
            stored = value.encode()
        except UnicodeEncodeError:
            raise InputError("`value` must be Unicode text.") from None
    else:
        try:
            stored = orjson.dumps(value)
        except TypeError:
            raise InputError("`value` is nested too deeply, or holds a number too large.") from None
    if len(stored) > namespace.max_value_bytes:
        raise InputError(
            f"A value in {namespace.shown} takes at most {namespace.max_value_bytes} bytes."
        )
    return stored


def life(namespace: Namespace, seconds: int | None) -> int | None:
    """The life of something written. Raises InputError where the namespace allows less."""
    most = namespace.max_ttl_seconds
    if most and seconds is not None and seconds > most:
        raise InputError.about("ttlSeconds", f"must be at most {most} in {namespace.shown}")
    return seconds if seconds is not None else most or None


def commands_of(
    namespace: Namespace, verb: str, arguments: tuple[Any, ...], parts: Parts
) -> list[Command]:
    """All commands of a write that names its keys. Raises InputError."""
    write = WRITES[verb]
    commands = write.commands(namespace, arguments, parts)
    if write.lives and namespace.max_ttl_seconds:
        key = commands[0].words[1]
        commands.append(Command(("EXPIRE", key, namespace.max_ttl_seconds, "NX")))
    return commands


# Commands ----------------------------------------------------------------------------------------


def _set(namespace: Namespace, arguments: tuple[Any, ...], parts: Parts) -> list[Command]:
    key, value, seconds, only = arguments
    words: list[Word] = ["SET", stored_key(namespace, key), encoded(namespace, value)]
    seconds = life(namespace, seconds)
    if seconds is not None:
        words += ("EX", seconds)
    if only is not None:
        words.append(only)
    if _wants_previous(parts):
        words.append("GET")
    return [Command(tuple(words))]


def _set_many(namespace: Namespace, arguments: tuple[Any, ...], _parts: Parts) -> list[Command]:
    entries, seconds = arguments
    seconds = life(namespace, seconds)
    ends: tuple[Word, ...] = () if seconds is None else ("EX", seconds)
    return [
        Command(("SET", stored_key(namespace, key), encoded(namespace, value), *ends))
        for key, value in entries
    ]


def _expire(namespace: Namespace, arguments: tuple[Any, ...], _parts: Parts) -> list[Command]:
    key, seconds = arguments
    life(namespace, seconds)
    if seconds is not None:
        return [Command(("EXPIRE", stored_key(namespace, key), seconds))]
    if namespace.max_ttl_seconds:
        raise InputError(f"Nothing lives for ever in {namespace.shown}; give `ttlSeconds`.")
    stored = stored_key(namespace, key)
    return [Command(("PERSIST", stored)), Command(("EXISTS", stored))]


def _on_key(
    command: str, words: Callable[..., Iterable[Word]] = lambda *rest: rest
) -> Callable[[Namespace, tuple[Any, ...], Parts], list[Command]]:
    def commands(namespace: Namespace, arguments: tuple[Any, ...], _: Parts) -> list[Command]:
        key, *rest = arguments
        return [Command((command, stored_key(namespace, key), *words(*rest)))]

    return commands


def _hash_set(namespace: Namespace, arguments: tuple[Any, ...], _parts: Parts) -> list[Command]:
    key, entries = arguments
    words: list[Word] = ["HSET", stored_key(namespace, key)]
    for name, value in entries:
        words += (name, encoded(namespace, value))
    return [Command(tuple(words))]


def _push(namespace: Namespace, arguments: tuple[Any, ...], _parts: Parts) -> list[Command]:
    key, values, end = arguments
    stored = (encoded(namespace, value) for value in values)
    return [Command((f"{end}PUSH", stored_key(namespace, key), *stored))]


def _pop(namespace: Namespace, arguments: tuple[Any, ...], _parts: Parts) -> list[Command]:
    key, end, count = arguments
    return [Command((f"{end}POP", stored_key(namespace, key), count))]


def _score_set(namespace: Namespace, arguments: tuple[Any, ...], _parts: Parts) -> list[Command]:
    key, scores, only = arguments
    words: list[Word] = ["ZADD", stored_key(namespace, key), *((only,) if only else ())]
    for pair in scores:
        words += pair
    return [Command(tuple(words))]


# Readers -----------------------------------------------------------------------------------------


def _wants_previous(parts: Parts) -> bool:
    return any(part.name == "previous" for part in parts)


def _stored(
    namespace: Namespace, arguments: tuple[Any, ...], parts: Parts, answers: list[Any]
) -> Value:
    """SET answers OK or nothing; with GET it answers the old value, which tells as much."""
    (answer,) = answers[:1]
    only = arguments[3]
    stored = answer is not None
    previous: Value = None
    if _wants_previous(parts):
        stored = {None: True, "NX": answer is None, "XX": answer is not None}[only]
        previous = value_reader(namespace)(answer)
    return shaped(parts, {"stored": b"true" if stored else b"false", "previous": previous})


def _popped(namespace: Namespace, _arguments: Any, _parts: Any, answers: list[Any]) -> Value:
    return None if answers[0] is None else array(list(map(value_reader(namespace), answers[0])))


def _alone(read: Callable[[list[Any]], Value]) -> Callable[..., Value]:
    """A reader that needs nothing but the answers."""
    return lambda _namespace, _arguments, _parts, answers: read(answers)


_COUNT = _alone(lambda answers: b"%d" % answers[0])
_BIG = _alone(lambda answers: b'"%d"' % answers[0])
_SCORE = _alone(lambda answers: score(answers[0]))
_ALL_STORED = _alone(lambda answers: b"%d" % sum(one is not None for one in answers))
# Of PERSIST and EXISTS the second tells: a key that had no life is there all the same.
_LAST = _alone(lambda answers: b"true" if answers[-1] else b"false")

_ZSET = "sorted set"
WRITES: Mapping[str, Write] = {
    "set": Write(_set, _stored, "plain value", lives=False),
    "set_many": Write(_set_many, _ALL_STORED, "plain value", lives=False),
    "expire": Write(_expire, _LAST, "value", lives=False),
    "increment": Write(_on_key("INCRBY"), _BIG, "counter"),
    "hash_set": Write(_hash_set, _COUNT, "hash"),
    "hash_delete": Write(_on_key("HDEL", lambda names: names), _COUNT, "hash", lives=False),
    "push": Write(_push, _COUNT, "list"),
    "pop": Write(_pop, _popped, "list", lives=False),
    "set_add": Write(_on_key("SADD", lambda members: members), _COUNT, "set"),
    "set_remove": Write(_on_key("SREM", lambda members: members), _COUNT, "set", lives=False),
    "score_set": Write(_score_set, _COUNT, _ZSET),
    "score_increment": Write(_on_key("ZINCRBY", lambda member, by: (by, member)), _SCORE, _ZSET),
    "score_remove": Write(_on_key("ZREM", lambda members: members), _COUNT, _ZSET, lives=False),
}
"""The writes that name their keys, by verb."""
