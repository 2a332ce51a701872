"""Source is written as the formatter would leave it, and means what it should."""

import ast
import subprocess
import sys
from keyword import iskeyword
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.scaffold import text
from gateway.scaffold.text import Literal, call, listed

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
NAMES = st.from_regex(r"[a-z]{1,30}", fullmatch=True).filter(lambda name: not iskeyword(name))
NODES = st.recursive(
    st.builds(Literal, st.text(st.sampled_from("ab '\"\\.,\n"), max_size=150)) | NAMES,
    lambda inner: (
        st.builds(lambda head, parts: call(head, *parts), NAMES, st.lists(inner, max_size=4))
        | st.lists(inner, max_size=4).map(lambda parts: listed(*parts))
        | st.builds(lambda part: call("f", key=part), inner)
    ),
    max_leaves=8,
)


@given(TEXTS, st.integers(0, 90))
@example('"""\\', 0)
@example("a" * 300, 80)
def test_a_literal_is_its_text(content, used):
    """Whatever is in it: quotes, backslashes, control characters; on one line or on several."""
    source = text.render(Literal(content), used)
    assert ast.literal_eval(f"({source})") == content
    assert source.isprintable() or "\n" in source


@given(TEXTS)
def test_a_docstring_is_one_line_that_ends_a_sentence(content):
    """Where a text does not suit a docstring, there is none; it never ends the string early."""
    written = text.docstring(content)
    if written is not None:
        assert "\n" not in written
        assert len(written) <= text.WIDTH
        said = " ".join(content.split())
        assert ast.literal_eval(written).casefold().startswith(said.casefold())


@given(TEXTS)
def test_a_comment_is_a_comment(content):
    """No text of a database becomes code by standing in a comment."""
    lines = text.comment(content)
    assert all(line.startswith("# ") for line in lines)
    assert not ast.parse("\n".join(lines)).body


@settings(max_examples=25)  # each starts a process
@given(st.lists(NODES, min_size=1, max_size=20))
def test_the_formatter_has_nothing_to_change(nodes):
    """Any expression is written as `ruff format` leaves it."""
    source = "".join(f"{text.assignment('name', node)}\n" for node in nodes)
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ruff"),
            *("format", "--diff", "--isolated", "--line-length", "100"),
            *("--stdin-filename", "x.py", "-"),
        ],
        input=source,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
