"""Generated documents: the dearest that the limits let through, and broken ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

TOKENS = 1_450
"""Just below `limits.max_tokens`."""

_SEEDS = (
    "query ($id: ID!) { trend(id: $id) { id topic { title items(first: 2) { nodes { id } } } } }",
    "{ trends(first: 3, where: {score: {gt: 1.5}}, orderBy: [{id: ASC}]) { nodes { id } } }",
    "query A { ...F } fragment F on Query { __typename topics(first: 1) { edges { cursor } } }",
    'mutation { insertTopic(input: {title: "x", category: TECHNOLOGY}) { id } }',
    "{ trend(id: 1) { ... @defer { similar(first: 1) { score } } article { title } views } }",
    '{ __type(name: "Trend") { fields { name type { ofType { name } } } } }',
)
_SCALARS = ("id", "title", "summary", "score", "rank", "state", "category", "velocity")
_BITS = (
    *("{", "}", "(", ")", "[", "]", "...", ":", "!", "$", "@", "|", "&", '"', '"""', "\\", "#"),
    *(
        "\u0000",
        "\ud7ff",
        "\ufeff",
        "1e999",
        "-0",
        "99999999999999999999",
        "null",
        "on",
        "fragment",
    ),
    *(
        "@skip(if: true)",
        "@defer",
        "@stream(initialCount: -1)",
        "__typename",
        "{}",
        "$id",
        "é",
        "💥",
    ),
)


def worst_cases(random: Random) -> Iterator[str]:
    """Documents near the limits, of every kind in turn, without end."""
    while True:
        for make in _KINDS:
            yield make(random)


def _repeated(random: Random) -> str:
    """One field over and over: each must agree with each."""
    name = random.choice(_SCALARS)
    return "{ trend(id: 1) { " + f"{name} " * (TOKENS - random.randint(20, 60)) + "} }"


def _repeated_objects(random: Random) -> str:
    """Selections that are merged, level by level."""
    depth = random.randint(1, 4)
    inner = "topic { trends { nodes { " * depth + random.choice(_SCALARS) + " } } }" * depth
    return "{ trend(id: 1) { " + f"{inner} " * (TOKENS // (9 * depth + 1) - 2) + "} }"


def _fragments(random: Random) -> str:
    """Fragments that spread each other, each several times."""
    count = random.randint(10, 60)
    each = TOKENS // count - 8
    texts = ["{ trend(id: 1) { ...F0 } }"]
    for number in range(count):
        later = range(number + 1, min(count, number + 20))
        spreads = [f"...F{random.choice(later)}" for _ in range(each // 4) if later]
        fields = random.choices(_SCALARS, k=each // 3)
        texts.append(f"fragment F{number} on Trend {{ id {' '.join(spreads + fields)} }}")
    return " ".join(texts)


def _inline(random: Random) -> str:
    """Inline fragments in and beside each other."""
    depth = random.randint(2, 15)
    one = "... on Trend { " * depth + random.choice(_SCALARS) + " }" * depth
    return "{ trend(id: 1) { " + f"{one} " * (TOKENS // (5 * depth + 1) - 1) + "} }"


def _aliases(random: Random) -> str:
    """As many aliases as may be, with arguments that must agree."""
    field = "{}: similar(first: {}, scoreThreshold: 0.99) {{ score }}"
    fields = [field.format(f"a{one}", random.randint(1, 3)) for one in range(80)]
    return "{ trend(id: 1) { " + " ".join(fields) + " } }"


def _conditions(random: Random) -> str:
    """A condition that is deep, or wide."""
    depth = random.randint(1, 16)
    leaf = "{score: {gt: 1.5}}"
    wide = TOKENS // (depth * 5 + 10) - 1
    one = "{and: [" * depth + leaf + "]}" * depth
    conditions = ", ".join([one] * wide)
    return f"{{ trends(first: 1, where: {{or: [{conditions}]}}) {{ nodes {{ id }} }} }}"


def _variables(random: Random) -> str:
    """Many variables, each used, or none."""
    count = random.randint(50, 200)
    declared = " ".join(f"$v{one}: Boolean! = true" for one in range(count))
    used = " ".join(f"... @include(if: $v{one}) {{ id }}" for one in range(min(count, 95)))
    return f"query ({declared}) {{ trend(id: 1) {{ {used} }} }}"


def _mistakes(random: Random) -> str:
    """Everything wrong: unknown fields, arguments, types."""
    kinds = ("titel", "id(x: 1)", "topic", "title { x }", "... on Nothing { id }", "...Gone")
    return "{ trend(id: 1) { " + " ".join(random.choices(kinds, k=TOKENS // 4)) + " } }"


def _numbers(random: Random) -> str:
    """A literal list as long as may be."""
    ids = ", ".join(str(random.randint(1, 10_000)) for _ in range(TOKENS - 30))
    return f"{{ trends(first: 1, where: {{id: {{in: [{ids}]}}}}) {{ nodes {{ id }} }} }}"


def _operations(random: Random) -> str:
    """Many operations; the one that runs is not named."""
    count = random.randint(50, 150)
    return " ".join(f"query Q{one} {{ trend(id: 1) {{ id }} }}" for one in range(count))


def _schema(random: Random) -> str:
    """The schema, as deep as may be."""
    depth = random.randint(1, 6)
    inner = "fields { name type { " * depth + "name" + " } }" * depth
    return f"{{ __schema {{ types {{ {inner} }} }} }}"


_KINDS: tuple[Callable[[Random], str], ...] = (
    _repeated,
    _repeated_objects,
    _fragments,
    _inline,
    _aliases,
    _conditions,
    _variables,
    _mistakes,
    _numbers,
    _operations,
    _schema,
)


def mutated_documents(random: Random) -> Iterator[str]:
    """Documents with pieces cut, doubled, moved or put in, without end."""
    while True:
        text = random.choice(_SEEDS)
        for _ in range(random.randint(1, 6)):
            begin = random.randint(0, len(text))
            end = min(len(text), begin + random.randint(0, 12))
            kind = random.randint(0, 3)
            put = (random.choice(_BITS), text[begin:end] * random.randint(2, 9), "", text[:end])
            text = text[:begin] + put[kind] + text[end:]
        yield text


def mutated_bodies(random: Random) -> Iterator[bytes]:
    """Bodies: JSON of a wrong shape, or with bytes changed, without end."""
    values: tuple[Any, ...] = (None, 1, -1.5, "", "x", [], {}, [[]], {"id": [1]}, True, 10**30)
    while True:
        body: dict[str, Any] = {"query": random.choice(_SEEDS), "variables": {"id": 1}}
        for _ in range(random.randint(0, 3)):
            names = ("query", "variables", "operationName", "extensions", "id", "documentId")
            body[random.choice(names)] = random.choice(values)
        shaped: Any = [body] * random.randint(0, 12) if random.random() < 0.1 else body  # noqa: PLR2004
        data = bytearray(json.dumps(shaped).encode())
        for _ in range(random.randint(0, 4)):
            if data:
                at = random.randrange(len(data))
                data[at : at + random.randint(0, 5)] = random.randbytes(random.randint(0, 5))
        yield bytes(data)
