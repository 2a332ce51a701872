"""The small computations of the demo's data: texts, dates, clusters, standings, keywords."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from resolvers.demo import words
from resolvers.demo.cluster import agglomerate, cluster
from resolvers.demo.rank import Dated, standings
from resolvers.demo.texts import plain, report_date, whole_sentences
from resolvers.models import TrendState

NOW = datetime(2025, 11, 13, tzinfo=UTC)
YEAR = timedelta(days=365)


@pytest.mark.parametrize(
    ("marked", "expected", "citations", "cut"),
    [
        (
            "[OilRig](https://attack.mitre.org/groups/G0049) uses `net user`.(Citation: A 2016)",
            "OilRig uses net user.",
            ("A 2016",),
            False,
        ),
        ("It edits <code>C:\\a&amp;b</code>.(Citation: X)", "It edits C:\\a&b.", ("X",), False),
        ("One thing.(Citation: A)(Citation: B) Another.", "One thing. Another.", ("A", "B"), False),
        ("It hides.(Citation: Palo Alto Ap...", "It hides.", (), False),
        ("It hides.(Citat...", "It hides.", (), False),
        ("It hides without a stop (Cit...", "It hides without a stop…", (), True),
        ("It was found to encrypt the enti...", "It was found to encrypt the…", (), True),
        (
            "It uses tools such as [PsExec](https://attack.mitre....",
            "It uses tools such as…",
            (),
            True,
        ),
        ("It uses tools, [Psex...", "It uses tools…", (), True),
        ("It contacts bing[.]com and waits.", "It contacts bing[.]com and waits.", (), False),
    ],
)
def test_marked_up_texts_become_plain(marked, expected, citations, cut):
    """Links, marks and citations go; a torn end is dropped, and said so when a sentence lost it."""
    text = plain(marked)
    assert (text.plain, text.citations, text.cut) == (expected, citations, cut)


def test_whole_sentences_end_where_the_last_one_does():
    """A half sentence is left out; a text without any end stays."""
    assert whole_sentences("One. Two! Thr…") == "One. Two!"
    assert whole_sentences("No end in sight…") == "No end in sight…"
    assert whole_sentences("It edits a.b files. And…") == "It edits a.b files."


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("FireEye Periscope March 2018",), (datetime(2018, 3, 1, tzinfo=UTC), "month")),
        (("emotet_trendmicro_mar2023",), (datetime(2023, 3, 1, tzinfo=UTC), "month")),
        (("A Dec 2016", "B 2019", "C Jan 2018"), (datetime(2019, 7, 1, tzinfo=UTC), "year")),
        (("Too late 2031",), (NOW, "year")),
        (("Unit 42", "APT1", "Year 20181"), None),
        ((), None),
    ],
)
def test_dates_come_from_citations(names, expected):
    """The newest date counts, to the month where it is told, never later than the release."""
    found = report_date(names, NOW)
    assert (found and (found.moment, found.precision)) == expected


def test_likes_are_merged_and_strangers_are_not():
    """Average linkage joins what is alike on average, and keeps the order of first members."""
    vectors = np.array([[1, 0], [0, 1], [0.98, 0.2], [0.1, 0.99]], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert agglomerate(vectors, 0.9) == ((0, 2), (1, 3))
    assert agglomerate(vectors, 0.9999) == ((0,), (1,), (2,), (3,))
    assert agglomerate(vectors, -1.0) == ((0, 1, 2, 3),)


def test_a_usage_belongs_to_its_technique_and_to_what_it_says():
    """A usage filed under one technique that speaks of another belongs to both topics."""
    rng = np.random.default_rng(7)
    directions = np.eye(4, 16, dtype=np.float32)
    technique_of = np.repeat(np.arange(4), 20)
    usages = directions[technique_of] + rng.normal(0, 0.02, (80, 16)).astype(np.float32)
    usages[0] = directions[3]

    found = cluster(directions, usages, technique_of)

    assert found.members == ((0,), (1,), (2,), (3,))
    topics = {topic for topic, usage, _ in found.memberships if usage == 0}
    assert topics == {0, 3}
    assert all(0 <= relevance <= 1 for *_, relevance in found.memberships)
    assert len(found.memberships) == 81
    first = [relevance for topic, _, relevance in found.memberships if topic == 0]
    assert first == sorted(first, reverse=True)


def test_standings_tell_the_states_apart():
    """Age, silence and growth of the share decide the state; recency and relevance the score."""

    def times(count, years):
        return [Dated(NOW - years * YEAR, 0.5, 2)] * count

    found = standings(
        {
            0: times(40, 1) + times(5, 3) + times(10, 6),
            1: times(2, 1) + times(40, 3) + times(10, 6),
            2: times(30, 5),
            3: times(20, 1) + times(20, 3),
            4: times(10, 1) + times(20, 3) + times(20, 6),
            5: [],
        },
        NOW,
    )
    assert {topic: standing.state for topic, standing in found.items()} == {
        0: TrendState.VIRAL,
        1: TrendState.DECLINING,
        2: TrendState.DEAD,
        3: TrendState.EMERGING,
        4: TrendState.SUSTAINED,
    }
    assert found[0].velocity > 0 > found[1].velocity
    assert found[0].score > found[1].score > found[2].score > 0
    assert found[0].engagement == pytest.approx(4 * found[0].score, abs=0.001)
    half = standings({0: [Dated(NOW - timedelta(days=730), 1.0, 1)]}, NOW)[0]
    assert half.score == 0.5


def test_keywords_single_a_topic_out():
    """What all topics say, what only one user does, and names are no keywords."""
    topics = {
        0: [("A", "Emotet has used rundll32 to inject code"), ("B", "B can inject code, oddly")],
        1: [("A", "Emotet has used a keylogger for code"), ("B", "B uses a keylogger for code")],
    }
    found = words.keywords(topics, {"Emotet", "A", "B"})
    assert found == {0: ["inject", "code"], 1: ["keylogger", "code"]}
