"""What a file's header may say, and that a mistake in it names file and line."""

from __future__ import annotations

import re

import pytest

from gateway.errors import ConfigurationError
from gateway.schema.named.header import Member, TypeName, read

WHOLE = """\
-- How many, of what.
-- And since when.
--
-- mode: fetch
-- param since: timestamptz = now() - interval '1 day -- long' -- From here on.
-- param words: text[]?
-- param key: int8 as ID -- Whose.
-- returns: Count -- A count.
-- column total: int4? -- How many.
-- limit: 20

select 1 -- mode: execute
"""


def test_a_whole_header() -> None:
    """Prose, parameters with defaults and descriptions, a row type, columns, a limit."""
    file = read("a.sql", WHOLE)
    assert file.description == "How many, of what. And since when."
    assert (file.mode, file.limit, file.read_only, file.transaction) == ("fetch", 20, True, True)
    default = "now() - interval '1 day -- long'"
    assert file.params == [
        Member("since", TypeName("timestamptz"), 5, "From here on.", default),
        Member("words", TypeName("text", array=True, nullable=True), 6),
        Member("key", TypeName("int8", as_id=True), 7, "Whose."),
    ]
    assert (file.returns, file.returns_says) == (TypeName("Count"), "A count.")
    assert file.columns == [Member("total", TypeName("int4", nullable=True), 9, "How many.")]
    assert file.text[file.body :].strip() == "select 1 -- mode: execute"


@pytest.mark.parametrize("end", ["", "\n", ";", " ; \n-- done\n/* really */ \n"])
def test_one_semicolon_may_end_the_statement(end: str) -> None:
    """The semicolon and what follows it are left out."""
    file = read("a.sql", f"-- mode: execute\ndelete from t where a = ';' {end}")
    assert "".join(token.text for token in file.tokens()).strip() == "delete from t where a = ';'"


def test_windows_line_ends() -> None:
    """A file written on Windows reads the same."""
    assert read("a.sql", WHOLE.replace("\n", "\r\n")).params == read("a.sql", WHOLE).params


FETCH = "-- mode: fetch\n-- returns: T\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "lacks `mode:`"),
        ("select 1", 1, "lacks `mode:`"),
        ("-- mode: fetchall\nselect 1", 1, "one of fetch, fetchrow, fetchval, execute"),
        ("-- What.\n-- mode: fetch\nselect 1", 2, "lacks `returns:`"),
        ("-- mode: execute\n-- returns: int4\ndelete from t", 2, "has no place here"),
        ("-- mode: execute\n-- limit: 4\ndelete from t", 2, "has no place here"),
        ("-- mode: execute\n-- read_only: true\ndelete from t", 2, "has no place here"),
        (FETCH + "-- mode: fetch\nselect 1", 3, "stands in line 1 already"),
        (FETCH + "-- more prose\nselect 1", 3, "no declaration"),
        (FETCH + "-- parm a: int4\nselect 1", 3, "no declaration"),
        (FETCH + "-- parameter: a\nselect 1", 3, "`parameter:` is not known"),
        ("-- What.\n-- mod: fetch\nselect 1", 2, "`mod:` is not known"),
        (FETCH + "-- param A: int4\nselect 1", 3, "in lower case"),
        (FETCH + "-- param a b: int4\nselect 1", 3, "in lower case"),
        (FETCH + "-- param a: \nselect 1", 3, "is no type"),
        (FETCH + "-- param a: double precision\nselect 1", 3, "is no type"),
        (FETCH + "-- param a: int4; drop\nselect 1", 3, "is no type"),
        (FETCH + "-- param a: int4\n-- param a: text\nselect 1", 4, "stands in line 3 already"),
        (FETCH + "-- param a: int4? = 4\nselect 1", 3, "not both"),
        (FETCH + "-- param a: int4 = (1\nselect 1", 3, "is not closed"),
        (FETCH + "-- param a: int4 = 1) or (true\nselect 1", 3, "closes nothing"),
        (FETCH + "-- param a: int4 = f(1]\nselect 1", 3, "closes nothing"),
        (FETCH + "-- param a: int4 = 1, 2\nselect 1", 3, "cannot stand in a default"),
        (FETCH + "-- param a: int4 = 1; drop\nselect 1", 3, "cannot stand in a default"),
        (FETCH + "-- param a: int4 = :b\nselect 1", 3, "cannot use a parameter"),
        (FETCH + "-- param a: text = 'x\nselect 1", 3, "has no end"),
        (FETCH + "-- column a: int4 = 1\nselect 1", 3, "a column has no default"),
        (FETCH + "-- limit: 0\nselect 1", 3, "from 1 to 10000"),
        (FETCH + "-- limit: many\nselect 1", 3, "from 1 to 10000"),
        (FETCH + "-- read_only: yes\nselect 1", 3, "true or false"),
        (FETCH + "-- transaction: false\nselect 1", 3, "only what writes"),
        ("-- mode: fetch\n-- returns: T = 1\nselect 1", 2, "no default"),
        ("-- mode: fetch\n-- returns: T?\nselect 1", 2, "may always be null"),
        ("-- mode: fetchrow\n-- returns: T\n-- limit: 4\nselect 1", 3, "one row at most"),
        ("-- mode: fetchval\n-- returns: int4\n-- column a: int4\nselect 1", 3, "no columns"),
        (FETCH + "select \x00", 3, "NUL"),
    ],
)
def test_a_wrong_header(text: str, line: int, says: str) -> None:
    """The message names the file, the line, and what is wrong with it."""
    with pytest.raises(ConfigurationError, match=f"^sql/a.sql:{line}: .*{re.escape(says)}"):
        read("sql/a.sql", text)


@pytest.mark.parametrize(
    ("statement", "line", "says"),
    [
        ("select 1;\nselect 2", 4, "one statement only"),
        ("select 1;;", 3, "one statement only"),
        ("", 3, "no statement"),
        ("\n-- nothing\n;", 3, "no statement"),
        ("select\n'a", 4, "the string that begins here has no end"),
        ("select 1\n\n/* a", 5, "the comment that begins here has no end"),
    ],
)
def test_a_wrong_statement(statement: str, line: int, says: str) -> None:
    """What is not one whole statement is refused with its line, before any database sees it."""
    file = read("a.sql", FETCH + statement)
    with pytest.raises(ConfigurationError, match=f"^a.sql:{line}: .*{re.escape(says)}"):
        file.tokens()
