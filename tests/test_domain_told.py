"""What start-up says of a domain that cannot be imported: what, where, and what would be right."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from gateway.domain import load_module
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

WRONG = {
    "from gateway import VectorCollection\n\nVectorCollection('a/b')\n": (
        "'a/b' cannot be the name of a vector collection",
        "It is at {file}:3.",
    ),
    "\n\nauthor = 'Author' | None\n": ("quote the whole annotation", "at {file}:3"),
    "import told_b\n": ("if TYPE_CHECKING:", "at {folder}/told_c.py:1"),
    "from gateway import by_key, queries\n\n\n@queries\nclass Q:\n    book = by_key()\n": (
        'the type of field "book"',
        "at {file}:4",
    ),
    "from gateway import by_key\n\nbook = by_key(role='editor')\n": (
        "a field has no option 'role'; there are authenticated",
        "at {file}:3",
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_domain_that_cannot_be_imported_says_what_would_be_right(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place is in the domain's own file, not in what it called."""
    (tmp_path / "told_a.py").write_text(text)
    (tmp_path / "told_b.py").write_text("from told_c import C\n\nB = 1\n")
    (tmp_path / "told_c.py").write_text("from told_b import B\n\nC = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("told_a", "told_b", "told_c"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ConfigurationError) as refused:
        load_module("told_a", "resolvers")
    for part in WRONG[text]:
        told = part.format(file=tmp_path / "told_a.py", folder=tmp_path)
        assert told in refused.value.message
