"""Documents that cost the most to check, by kind; run as a script to see how long each takes.

python tests/documents/worst_documents.py
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

from graphql import GraphQLSchema, build_schema

from gateway.documents.limits import DocumentLimits
from gateway.documents.refusal import InvalidDocument
from gateway.documents.store import DocumentStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WIDE = " ".join(f"column{index}: Int" for index in range(100))
_SDL = f"""
    type Query {{
      a(x: Int, y: Int, s: String, f: F): Query
      b: Int
      c: [Query]
      n: Node
      u: U
      w: Wide
    }}
    interface Node {{ id: ID b: Int n: Node }}
    type T1 implements Node {{ id: ID b: Int n: Node q: Query }}
    type T2 implements Node {{ id: ID b: Int n: Node q: Query }}
    type Wide {{ {_WIDE} }}
    union U = T1 | T2
    input F {{ and: [F] or: [F] not: F eq: Int s: String }}
    directive @d(x: Int) repeatable on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
"""

SIZES = (5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 450, 650)


def worst_schema() -> GraphQLSchema:
    """The schema the documents are for."""
    return build_schema(_SDL)


def _repeat(unit: str) -> Callable[[int], str]:
    return lambda n: "{a{" + "".join(unit.replace("#", str(i)) for i in range(n)) + "}}"


def _fragments(body: str) -> Callable[[int], str]:
    def build(n: int) -> str:
        spreads = " ".join(f"...f{i}" for i in range(n))
        return f"{{a{{{spreads}}}}}" + "".join(
            f"fragment f{i} on Query{{{body}}}" for i in range(n)
        )

    return build


def _chain(n: int) -> str:
    links = "".join(f"fragment f{i} on Query{{b a{{...f{i + 1}}}}}" for i in range(n))
    return "{...f0}" + links + f"fragment f{n} on Query{{b}}"


def _fan(n: int) -> str:
    parts = [" ".join(f"...f{j}" for j in range(i + 1, min(n, i + 12))) + " a{b}" for i in range(n)]
    return "{a{...f0}}" + "".join(
        f"fragment f{i} on Query{{{part}}}" for i, part in enumerate(parts)
    )


def _doubling(n: int) -> str:
    links = "".join(f"fragment f{i} on Query{{...f{i + 1} ...f{i + 1}}}" for i in range(n))
    return "{...f0}" + links + f"fragment f{n} on Query{{b}}"


def _operations(n: int) -> str:
    count = min(n, 20)
    queries = "".join(f"query q{i}($v:Int){{a{{...f}}}}" for i in range(count))
    return queries + "fragment f on Query{" + "a{a(x:$v){b}}" * (n // 2) + "}"


def _variables(n: int) -> str:
    head = "query(" + "".join(f"$v{i}:Int " for i in range(n)) + ")"
    return head + "{a(f:{and:[" + "".join(f"{{eq:$v{i}}}" for i in range(n)) + "]}){b}}"


KINDS: dict[str, Callable[[int], str]] = {
    "repeated leaf": _repeat("b "),
    "repeated branch": _repeat("a{b}"),
    "repeated arguments": _repeat("a(x:1){b}"),
    "repeated deep branch": _repeat("a{a{a{a{b}}}}"),
    "repeated wide branch": _repeat("a{a{b} c{b}}"),
    "aliases": _repeat("z#:a{b}"),
    "typenames": lambda n: "{w{" + " __typename" * n + "}}",
    "columns": lambda n: "{w{" + " ".join(f"column{i % 100}" for i in range(n)) + "}}",
    "inline fragments": _repeat("...{b}"),
    "narrowing fragments": lambda n: "{n{" + "...on T1{n{id}}...on T2{n{b}}" * n + "}}",
    "union members": lambda n: "{u{" + "...on T1{id q{b}}...on T2{id q{b}}" * n + "}}",
    "fragments of a leaf": _fragments("b"),
    "fragments of a branch": _fragments("b a{b}"),
    "fragments in a chain": _chain,
    "fragments in a fan": _fan,
    "fragments that double": _doubling,
    "operations sharing a fragment": _operations,
    "variables": _variables,
    "input list": lambda n: "{a(f:{and:[" + "{eq:1}" * n + "]}){b}}",
    "input nesting": lambda n: "{a(f:" + "{not:" * n + "{eq:1}" + "}" * n + "){b}}",
    "repeated input": _repeat("a(f:{and:[{eq:1}{eq:2}{eq:3}{eq:4}{eq:5}{eq:6}]}){b}"),
    "repeated text": _repeat('a(s:"' + "x" * 500 + '"){b}'),
    "directives": lambda n: "{a{b" + " @d(x:1)" * n + "}}",
    "text": lambda n: '{a(s:"' + "x" * 50 * n + '"){b}}',
    "block text": lambda n: '{a(s:"""' + " x\n" * 15 * n + '"""){b}}',
    "comments": lambda n: "#\n" * 3 * n + "{b}",
    "commas": lambda n: "," * 50 * n + "{b}",
    "unknown fields": _repeat("unknown#"),
    "nesting": lambda n: "{" + "c{" * n + "b" + "}" * n + "}",
}


def worst_documents() -> Iterator[tuple[str, str]]:
    """Every kind in every size: (what it is, text)."""
    for kind, build in KINDS.items():
        for size in SIZES:
            yield f"{kind}, {size}", build(size)


def _main() -> None:
    schema = worst_schema()
    DocumentStore(schema).load("{b}")
    gc.collect()
    gc.freeze()  # as a server does after start-up: or full collections are what is measured
    rows = []
    for name, text in worst_documents():
        outcome = "accepted"
        start = time.process_time()
        try:
            DocumentStore(schema, DocumentLimits()).load(text)
        except InvalidDocument as error:
            outcome = error.code
        rows.append(((time.process_time() - start) * 1000, name, len(text), outcome))
    for milliseconds, name, chars, outcome in sorted(rows, reverse=True)[:25]:
        print(f"{milliseconds:7.1f} ms  {chars:6} chars  {name:40} {outcome}")  # noqa: T201 - its output


if __name__ == "__main__":
    _main()
