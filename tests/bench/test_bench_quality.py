"""The measures are those of the books, and the judged queries are fit to be asked."""

from collections import Counter

import pytest

from bench.quality_measures import EXACT, RELATED, Judged, Score, agreement, judged, mean, score
from bench.quality_search import ranking
from bench.replies import ReplyError
from resolvers.demo import attack


def test_a_perfect_ranking_has_ones_and_an_empty_one_noughts():
    """Whatever the number of good ones."""
    grades = {"a": EXACT, "b": RELATED}
    assert score(["a", "b", "x"], grades) == Score(1.0, 1.0, 1.0)
    assert score([], grades) == score(["x", "y"], grades) == Score(0.0, 0.0, 0.0)


def test_measures_by_hand():
    """Gains 3 and 1, discounted by the binary logarithm of rank + 1."""
    found = score(["b", "x", "a"], {"a": EXACT, "b": RELATED, "c": RELATED})
    assert found.recall == pytest.approx(2 / 3)
    assert found.mrr == pytest.approx(1 / 3)
    assert found.ndcg == pytest.approx((1 + 3 / 2) / (3 + 1 / 1.584962500721156 + 1 / 2))


def test_only_the_first_ten_count():
    """A hit in the eleventh place is no hit, and more than ten good ones cannot be missed."""
    assert score([*"0123456789", "a"], {"a": EXACT}) == Score(0.0, 0.0, 0.0)
    many = {str(number): EXACT for number in range(15)}
    assert score([str(number) for number in range(10)], many).recall == 1.0


def test_a_query_without_an_answer_is_refused():
    """It would pull every mean down, whatever is found."""
    with pytest.raises(ValueError, match="exactly"):
        score(["a"], {"a": RELATED})


def test_means_weigh_queries_alike():
    """The mean of each measure by itself."""
    assert mean([Score(1.0, 0.5, 0.0), Score(0.0, 0.5, 0.5)]) == Score(0.5, 0.5, 0.25)


def test_a_trend_has_the_best_grade_of_its_techniques():
    """One without a good technique is not graded at all."""
    one = Judged("?", "plain", {"T1": EXACT, "T2": RELATED})
    techniques = {"1": ["T9", "T2", "T1"], "2": ["T2"], "3": ["T9"], "4": []}
    assert one.of_trends(techniques) == {"1": EXACT, "2": RELATED}


def test_equal_scores_are_as_good_as_the_point_itself():
    """Which of several equal points is shown is chance; a worse one is missing."""
    exact = [(1, 0.9), (2, 0.8), (3, 0.8)]
    assert agreement(exact, [(1, 0.9), (4, 0.8), (2, 0.8)]) == 1.0
    assert agreement(exact, [(1, 0.9), (2, 0.8), (5, 0.7)]) == pytest.approx(2 / 3)
    assert agreement(exact, []) == 0.0


def test_judged_queries_are_of_this_release():
    """At least thirty in plain words, each once, and every code is of a technique that is told."""
    queries = judged()
    assert Counter(one.kind for one in queries)["plain"] >= 30
    assert {one.kind for one in queries} == {"plain", "named"}
    assert len({one.text for one in queries}) == len(queries)
    dated = {usage.technique for usage in attack.read().usages if usage.published}
    for one in queries:
        assert EXACT in one.grades.values(), one.text
        assert set(one.grades) <= dated, one.text


@pytest.mark.parametrize(
    "reply", [{"data": None}, {"data": {"searchTrends": None}}, {"errors": [{}], "data": {}}]
)
def test_what_is_no_answer_is_refused(reply):
    """Figures over errors would look like bad hits."""
    with pytest.raises(ReplyError):
        ranking(reply)


def test_a_hit_without_a_row_is_left_out():
    """It takes no place in the ranking."""
    hits = [{"trend": {"id": "7"}}, {"trend": None}, {"trend": {"id": "8"}}]
    assert ranking({"data": {"searchTrends": hits}}) == ["7", "8"]
