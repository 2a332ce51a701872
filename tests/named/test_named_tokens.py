"""A parameter is told from what only looks like one, in whatever it is wrapped."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.schema.named.tokens import Kind, UnfinishedError, tokens


def parameters(sql: str) -> list[str]:
    """The parameters of a statement, as they are written."""
    return [token.text for token in tokens(sql) if token.kind in {Kind.NAMED, Kind.NUMBERED}]


@pytest.mark.parametrize(
    "sql",
    [
        "':a'",
        "'it''s :a'",
        r"'ends in a backslash \'",
        r"E'\':a'",
        r"e'\\\':a'",
        "E'a'\n  'b\\':a'",
        "E'a' -- with a comment\n'b\\':a'",
        "N':a' B'0' X':a' U&':a'",
        '":a"',
        '"a "":a"" b"',
        'U&":a"',
        "$$:a$$",
        "$$ ' :a $$",
        "$q$ $$ :a $other$ :a $q$",
        "$q$ $q :a $q$",
        "$ä$ :a $ä$",
        "-- :a",
        "-- :a ' \" $$ /*",
        "/* :a */",
        "/* /* :a */ :a */",
        "/*/ :a /*/ :a */ :a */",
        "1 +/* :a */ 2",
        "@-- :a",
        "x::a",
        "x :: a",
        "'x'::a[]",
        "f(a := 1)",
        "f(a:= 1)",
        "b[1:a]",
        "b[low:high]",
        "b[f(x):a]",
        'b["x":a]',
        "b['1':a]",
        "b[x[1]:a]",
        "name$1",
        "a$b$ + c$d$",
        "日本:a",
        "': a'",
        ": a",
        ":1",
        ":",
        "a ? b",
    ],
)
def test_what_is_no_parameter(sql: str) -> None:
    """Strings, quoted names, comments, casts, named arguments and slices hide none."""
    assert parameters(sql) == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (":a", [":a"]),
        ("(:a)", [":a"]),
        ("x=:a", [":a"]),
        (":a::int", [":a"]),
        (":a::text||:b", [":a", ":b"]),
        ("b[:a]", [":a"]),
        ("b[1: :a]", [":a"]),
        ("f(x => :a)", [":a"]),
        ("f(x:=:a)", [":a"]),
        ("'' :a", [":a"]),
        ("'it''s' || :a", [":a"]),
        (r"'\' || :a", [":a"]),
        (r"E'\\' || :a", [":a"]),
        ("E'a'\n'b' || :a", [":a"]),
        ("E'a' 'b\\' || :a", [":a"]),
        ("'a'\n'b\\' || :a", [":a"]),
        ("te'x' || :a", [":a"]),
        ("$$a$$ || :a", [":a"]),
        ("$q$ $$ $q$ || :a", [":a"]),
        ("-- x\n:a", [":a"]),
        ("-- x\r:a", [":a"]),
        ("/* /* */ */ :a", [":a"]),
        ("/**/:a", [":a"]),
        ("/***/:a", [":a"]),
        (":a-- :b", [":a"]),
        (":a/* :b */", [":a"]),
        ("$1", ["$1"]),
        ("$1::int + $23", ["$1", "$23"]),
        ("x=$1", ["$1"]),
        (":snake_case2", [":snake_case2"]),
        ("a between :b and :c", [":b", ":c"]),
        ("- :a", [":a"]),
        ("-:a", [":a"]),
        ("'12:30'::time < :a", [":a"]),
        ("1e5 :a", [":a"]),
    ],
)
def test_what_is_a_parameter(sql: str, found: list[str]) -> None:
    """Wherever an expression may stand, and right after whatever may come before one."""
    assert parameters(sql) == found


@pytest.mark.parametrize(
    ("sql", "start"),
    [
        ("select 'a", 7),
        ("select 'it''s", 7),
        (r"select E'a\'", 7),
        ("select 1 /* a", 9),
        ("select 1 /* /* */", 9),
        ("select $$a", 7),
        ("select $a$ $b$ $a", 7),
        ('select "a', 7),
        ('select "a""', 7),
    ],
)
def test_what_has_no_end(sql: str, start: int) -> None:
    """An unfinished string, name or comment is refused where it begins."""
    with pytest.raises(UnfinishedError) as caught:
        list(tokens(sql))
    assert caught.value.start == start


@given(st.text(alphabet="'\"$:aE1\\-/*;([]) \n_q=", max_size=60))
def test_nothing_is_lost(sql: str) -> None:
    """The tokens of any text are that text, each at its place; or the text has an open end."""
    try:
        found = list(tokens(sql))
    except UnfinishedError:
        return
    assert "".join(token.text for token in found) == sql
    assert all(sql.startswith(token.text, token.start) for token in found)


PIECES = st.one_of(
    st.sampled_from(["select ", "+", "(", ")", " ", "\n", ",", "a ", "b.c ", "x::int ", "1.5 "]),
    st.text("':\"a$\\-/*", max_size=8).map(lambda text: "'" + text.replace("'", "''") + "' "),
    st.text("':\"a$\\-/*", max_size=8).map(lambda text: '"' + text.replace('"', '""') + '" '),
    st.text("':\"a\\-/*", max_size=8).map(lambda text: f"$t${text}$t$ "),
    st.text("':\"a$\\", max_size=8).map(lambda text: f"/*{text}*/"),
    st.text("':\"a$\\-/*", max_size=8).map(lambda text: f"--{text}\n"),
    st.text("':\"a$-/*", max_size=8).map(lambda text: " E'" + text.replace("'", r"\'") + "' "),
)


@given(st.lists(st.tuples(PIECES, st.sampled_from([" :p ", " :q_2::int ", " $7 "])), max_size=12))
def test_exactly_the_parameters_put_in(parts: list[tuple[str, str]]) -> None:
    """Among any strings, names and comments just the parameters that were put there are found."""
    sql = "".join(piece + parameter for piece, parameter in parts)
    wanted = [parameter.strip().removesuffix("::int") for _, parameter in parts]
    assert parameters(sql) == wanted


@pytest.mark.parametrize(
    "piece", ["'", "''", "E'\\'", "$", "$a$", "/*", "/*/", "*/", "-", ":", ":a", '"', "E'a'\n", "("]
)
@pytest.mark.timeout(60)
def test_time_grows_with_the_length_only(piece: str) -> None:
    """Half a million pieces take a second; would anything be read twice, they would take days."""
    with suppress(UnfinishedError):
        assert "".join(token.text for token in tokens(piece * 500_000)) == piece * 500_000
