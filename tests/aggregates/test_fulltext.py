"""`search`: which rows, in which order, with which rank and headline."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from aggregates.shelf import visible
from sqlalchemy.dialects import postgresql as pg

from gateway import Connection, Domain, column, entity, listing, queries
from gateway.errors import ConfigurationError
from gateway.schema import opaque
from gateway.schema.build import build
from gateway.viewer import Viewer

if TYPE_CHECKING:
    from toy.running import Zoo

ANN = Viewer(subject="ann")
EVERYTHING = (
    "query ($search: String, $where: BookWhere, $order: [BookOrderBy!], $first: Int,"
    " $after: String, $last: Int, $before: String) { books(search: $search, where: $where,"
    " orderBy: $order, first: $first, after: $after, last: $last, before: $before) {"
    " totalCount aggregate { count } pageInfo { hasNextPage hasPreviousPage }"
    " edges { cursor rank headline node { id } } } }"
)


async def ranked(library: Zoo, words: str, subject: str | None) -> list[tuple[str, float]]:
    """The books with these words, best first: by a statement of the test's own."""
    rows = await library.connection.fetch(
        "select id, ts_rank_cd(words, q) r from books, websearch_to_tsquery('english', $1) q"
        " where words @@ q and (owner is null or owner = $2) order by r desc, id",
        words,
        subject,
    )
    return [(str(row["id"]), row["r"]) for row in rows]


async def page(library: Zoo, **variables: Any) -> dict[str, Any]:
    """A page of books, seen by ann."""
    data = await library.data(EVERYTHING, {"first": 50, **variables}, viewer=ANN)
    found: dict[str, Any] = data["books"]
    return found


@pytest.mark.parametrize(
    "words", ["storm", "storms at night", "quiet or engine", '"winter garden" -ocean', "-storm"]
)
async def test_rows_with_the_words_come_best_first(library: Zoo, words: str) -> None:
    """Stems, all, either, phrases and exclusions; totals and aggregates are of the same rows."""
    expected = await ranked(library, words, "ann")
    found = await page(library, search=words)
    assert [edge["node"]["id"] for edge in found["edges"]] == [key for key, _ in expected][:50]
    assert [edge["rank"] for edge in found["edges"]] == [
        pytest.approx(rank) for _, rank in expected
    ][:50]
    assert found["totalCount"] == found["aggregate"]["count"] == len(expected)
    assert 5 < len(expected) < len(visible("ann"))


async def test_pages_follow_each_other_by_rank(library: Zoo) -> None:
    """Each row once from either end, though many ranks are the same."""
    expected = [key for key, _ in await ranked(library, "storm", "ann")]
    ranks = {rank for _, rank in await ranked(library, "storm", "ann")}
    assert len(ranks) < len(expected)
    forth: list[str] = []
    after, more = None, True
    while more and len(forth) <= len(expected):
        found = await page(library, search="storm", first=7, after=after)
        forth += [edge["node"]["id"] for edge in found["edges"]]
        after, more = found["edges"][-1]["cursor"], found["pageInfo"]["hasNextPage"]
    assert forth == expected
    back: list[str] = []
    before, more = None, True
    while more and len(back) <= len(expected):
        found = await page(library, search="storm", first=None, last=9, before=before)
        back = [edge["node"]["id"] for edge in found["edges"]] + back
        before, more = found["edges"][0]["cursor"], found["pageInfo"]["hasPreviousPage"]
    assert back == expected


async def test_an_order_of_ones_own_goes_before_rank(library: Zoo) -> None:
    """`orderBy` decides the order, `where` narrows; the rank is still shown."""
    found = await page(
        library, search="storm", order=[{"id": "DESC"}], where={"sold": {"eq": True}}
    )
    ranks = dict(await ranked(library, "storm", "ann"))
    sold = [str(row["id"]) for row in reversed(visible("ann")) if row["sold"]]
    assert [edge["node"]["id"] for edge in found["edges"]] == [key for key in sold if key in ranks][
        :50
    ]
    for edge in found["edges"]:
        assert edge["rank"] == pytest.approx(ranks[edge["node"]["id"]])


async def test_a_headline_is_html_that_is_safe_to_show(library: Zoo) -> None:
    """The words are marked, whatever the row holds is escaped."""
    found = await page(library, search="quiet storms")
    for edge in found["edges"]:
        shown = edge["headline"]
        assert re.search(r"<mark>(Storm|storm|storms)</mark>", shown)
        bare = re.sub(r"</?mark>", "", shown)
        assert "<" not in bare
        assert ">" not in bare
        assert html.escape(html.unescape(bare), quote=False) == bare
    title = "quiet&lt;/b&gt; river &amp; its <mark>storms</mark>"
    assert any(
        title in edge["headline"].replace("<mark>quiet</mark>", "quiet") for edge in found["edges"]
    )


async def test_without_a_search_there_is_no_rank(library: Zoo) -> None:
    """Rank and headline are null, the order is as ever."""
    found = await page(library, first=3)
    assert [edge["node"]["id"] for edge in found["edges"]] == [
        str(row["id"]) for row in visible("ann")[:3]
    ]
    assert all(edge["rank"] is None and edge["headline"] is None for edge in found["edges"])


@pytest.mark.parametrize("words", ["", "the of", "zeppelin", "' \\ :* & | ! ( <->"])
async def test_words_that_say_nothing_find_nothing(library: Zoo, words: str) -> None:
    """No error: whatever a person types is a search."""
    found = await page(library, search=words)
    assert (found["edges"], found["totalCount"]) == ([], 0)


async def test_below_a_row(library: Zoo) -> None:
    """A nested list searches the parent's rows, several in one statement."""
    before = len(library.postgres.ran)
    data = await library.data(
        "query ($w: String) { authors { nodes { id books(search: $w, first: 50) {"
        ' nodes { id } groups(by: [SOLD]) { count } } few: books(search: "engine", first: 1) {'
        " edges { rank } } } } }",
        {"w": "river"},
        viewer=ANN,
    )
    assert len(library.postgres.ran) == before + 1
    best = [key for key, _ in await ranked(library, "river", "ann")]
    for node in data["authors"]["nodes"]:
        mine = {str(row["id"]) for row in visible("ann") if row["author_id"] == node["id"]}
        ids = [key for key in best if key in mine]
        assert [row["id"] for row in node["books"]["nodes"]] == ids
        assert sum(group["count"] for group in node["books"]["groups"]) == len(ids)


async def test_a_search_is_compiled_once(library: Zoo) -> None:
    """The words are bound."""
    await page(library, search="engine")
    compiled = library.postgres.compiled
    await page(library, search="letter")
    assert library.postgres.compiled == compiled
    assert "letter" not in library.postgres.ran[-1]


@pytest.mark.parametrize("bad", ["a\x00b", "x" * 1001, "\ud800"])
async def test_words_that_cannot_be_bound_are_refused(library: Zoo, bad: str) -> None:
    """By a typed error that names the argument."""
    body = await library.ask(EVERYTHING, {"search": bad}, viewer=ANN)
    assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": "search"}


async def test_a_cursor_belongs_to_its_order(library: Zoo) -> None:
    """Cursors by rank and by key do not mix, and a rank that is none is refused."""
    by_rank = (await page(library, search="storm", first=1))["edges"][0]["cursor"]
    by_key = (await page(library, first=1))["edges"][0]["cursor"]
    decoded = opaque.decode(by_rank)
    assert decoded is not None
    forged = [opaque.encode(decoded[0], (rank, "1")) for rank in ("1e999", "NaN", "x")]
    tries = [{"after": by_rank}, {"after": by_key, "search": "storm"}]
    tries += [{"after": one, "search": "storm"} for one in forged]
    for variables in tries:
        body = await library.ask(EVERYTHING, variables, viewer=ANN)
        assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": "after"}


def _domain(search: Any, *names: str) -> Domain:
    table = sa.Table(
        "pages",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text),
        *(sa.Column(name, pg.TSVECTOR) for name in names),
    )

    @entity(table, search=search)
    class Page:
        id: int
        text: str | None = column("body")

    @queries
    class Root:
        pages: Connection[Page] | None = listing()

    Root.__annotations__  # noqa: B018 - evaluated here, where Page is known
    return Domain(entities=[Page], queries=[Root])


@pytest.mark.parametrize(
    ("search", "names", "found"),
    [
        (None, (), None),
        (None, ("one",), ("one", None)),
        (None, ("one", "two"), None),
        ("two", ("one", "two"), ("two", None)),
        (("one", "german"), ("one",), ("one", "german")),
    ],
)
def test_which_column_is_searched(search: Any, names: tuple[str, ...], found: Any) -> None:
    """The only tsvector column, or the one that is named; else there is no `search`."""
    api = build(_domain(search, *names))
    types: dict[str, Any] = dict(api.catalog.schema.type_map)
    text = api.catalog.entities["Page"].text
    assert (text and (text.vector, text.configuration)) == found
    field = types["Query"].fields["pages"]
    assert ("search" in field.args) == (found is not None)
    assert ("headline" in types["PageEdge"].fields) == (found is not None)


def test_a_search_by_what_is_no_tsvector_is_refused() -> None:
    """At start-up, by an error that names class and column."""
    with pytest.raises(ConfigurationError, match="Page: 'body' is not a tsvector column"):
        build(_domain("body", "one"))
