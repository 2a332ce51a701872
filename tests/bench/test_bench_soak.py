"""What the soak generates, and how it reads what it found."""

# ruff: noqa: S311 - repeatable, not secret

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from graphql import GraphQLSyntaxError, build_schema, parse
from rich.console import Console

from bench import report, soak
from bench.load import LoadError
from bench.soak_shapes import mutated_bodies, mutated_documents, worst_cases
from bench.soak_stage import Answer, p99_ms
from gateway.documents.refusal import InvalidDocument
from gateway.documents.store import DocumentStore
from gateway.errors import RequestError

ROOT = Path(__file__).parent.parent.parent


def test_worst_cases_are_near_the_limits():
    """Some are within them, and most are as long as may be."""
    schema = build_schema((ROOT / "schema.graphql").read_text("utf-8"), assume_valid_sdl=True)
    store = DocumentStore(schema)
    texts = list(islice(worst_cases(Random(1)), 22))
    assert sum(len(text) > 2_000 for text in texts) > len(texts) // 2
    accepted = 0
    for text in texts:
        with suppress(RequestError, InvalidDocument):
            accepted += store.load(text) is not None
    assert accepted > len(texts) // 4


def test_what_is_mutated_is_sometimes_still_right_and_mostly_not():
    """And the same for the same seed."""

    def parses(text):
        try:
            return bool(parse(text))
        except GraphQLSyntaxError:
            return False

    texts = list(islice(mutated_documents(Random(1)), 500))
    assert 10 < sum(map(parses, texts)) < 490
    assert texts == list(islice(mutated_documents(Random(1)), 500))
    assert len(set(islice(mutated_bodies(Random(1)), 500))) > 450


def test_an_unknown_scenario_is_named():
    """Beside those there are, before anything is started."""
    with pytest.raises(LoadError, match="'sizes', only slow, size"):
        soak.run(Console(), ["slow", "sizes"])


def test_the_document_has_a_place_for_the_figures():
    """A whole run is written there."""
    document = (ROOT / "docs/performance.md").read_text("utf-8")
    assert "figures here" in report.insert(document, "figures here", soak.BEGIN, soak.END)


def test_the_time_of_nearly_all():
    """One in a hundred may take longer."""
    answers = [Answer(0.0, seconds / 1000, 200, b"{}") for seconds in range(1, 201)]
    assert p99_ms(answers) == 199
    assert p99_ms([]) == 0
    assert answers[0].whole
    assert not Answer(0.0, 0.1, 200, b'{"errors":[]}').whole
