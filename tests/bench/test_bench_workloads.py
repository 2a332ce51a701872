"""The workloads are what the promises speak of."""

import json

from graphql import parse

from bench.workloads import WORKLOADS

BY_NAME = {workload.name: workload for workload in WORKLOADS}


def test_the_workloads_and_their_promises_are_those_of_the_issue():
    """No row goes missing and no target is lowered unseen."""
    promised = {
        name: (workload.target.peer, workload.target.ratio)
        for name, workload in BY_NAME.items()
        if workload.target
    }
    assert {name for name in BY_NAME if name not in promised} == {
        *("W3f", "W4a", "W6", "W6v", "D1", "D1v", "W7")
    }
    assert promised == {
        "W1": ("floor", 0.6),
        "W2v": ("strawberry", 8),
        "W3": ("strawberry", 35),
        "W3v": ("strawberry", 14),
        "W4": ("strawberry", 60),
        "W4v": ("strawberry", 16),
        "W5": ("strawberry", 25),
        "W5v": ("strawberry", 12),
        "W5t": ("strawberry", 12),
    }


def test_rotating_workloads_never_repeat_among_thirty_two_neighbours():
    """Requests under way together differ, also where the rotation starts again."""
    for workload in WORKLOADS:
        bodies = workload.bodies()
        if len(bodies) > 1:
            turn = bodies * 2
            for start in range(len(bodies)):
                window = turn[start : start + 32]
                assert len(set(window)) == len(window), workload.name
        else:
            assert workload.writes or not workload.variables


def test_rotations_cover_the_ranges_of_the_definition():
    """500 ids that exist; 30 to 69; every pair of 15 to 25 and 8 to 12."""
    ids = [int(one["id"]) for one in BY_NAME["W2v"].variables]
    assert len(ids) == len(set(ids)) == 500
    assert min(ids) >= 1
    assert max(ids) <= 10_000
    assert [one["first"] for one in BY_NAME["W3v"].variables] == list(range(30, 70))
    pairs = {(one["outer"], one["inner"]) for one in BY_NAME["W4v"].variables}
    assert pairs == {(outer, inner) for outer in range(15, 26) for inner in range(8, 13)}


def test_what_is_asked_of_an_upstream_differs_in_one_argument():
    """500 lists, and the same 500 with their types' names."""
    firsts = [one["first"] for one in BY_NAME["W5v"].variables]
    assert len(set(firsts)) == 500
    assert BY_NAME["W5t"].variables == BY_NAME["W5v"].variables
    assert BY_NAME["W5t"].document.replace("__typename ", "") == BY_NAME["W5v"].document


def test_every_body_is_json_with_a_document_that_parses():
    """A typing error in a document shows here, not in the middle of a run."""
    for workload in WORKLOADS:
        for body in workload.bodies():
            parse(json.loads(body)["query"])
