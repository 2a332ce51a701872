"""Changes of payloads and deletions: by ids, by filter, and of everything only where that is said."""

from __future__ import annotations

import pytest

DELETE = """
  mutation ($ids: [ID!], $filter: NoteVectorFilter, $all: Boolean! = false) {
    deleteNotes(ids: $ids, filter: $filter, all: $all) { status count }
  }
"""
SET = """
  mutation ($payload: NotePayloadInput!, $ids: [ID!], $filter: NoteVectorFilter) {
    setNotePayload(payload: $payload, ids: $ids, filter: $filter) { status count }
  }
"""
POINTS = """
  { points(collection: "jottings", ids: ["1", "2", "3", "4"]) { id payload } }
"""


@pytest.fixture
async def four(site, notes):
    """Notes 1 to 4, the odd ones in a good mood."""
    assert notes is None
    points = [
        {
            "id": str(number),
            "vector": [float(number)] + [1.0] * 255,
            "payload": {"stars": number, "mood": "GOOD" if number % 2 else "BAD"},
        }
        for number in range(1, 5)
    ]
    await site.data(
        "mutation ($points: [NotePointInput!]!) { upsertNotes(points: $points) { count } }",
        {"points": points},
    )


async def payloads(site):
    """The payloads of the notes by id; those that are gone are not there."""
    found = await site.data(POINTS)
    return {one["id"]: one["payload"] for one in found["points"] if one}


@pytest.mark.usefixtures("four")
async def test_delete_by_ids(site):
    """The named points go, the others stay; absent ones do no harm."""
    deleted = await site.data(DELETE, {"ids": ["1", "3", "99"]}, role="editor")
    assert deleted == {"deleteNotes": {"status": "COMPLETED", "count": 3}}
    assert set(await payloads(site)) == {"2", "4"}


@pytest.mark.usefixtures("four")
async def test_delete_by_filter(site):
    """The points the filter picks go, and their number is told."""
    deleted = await site.data(DELETE, {"filter": {"mood": {"eq": "GOOD"}}})
    assert deleted["deleteNotes"]["count"] == 2
    assert set(await payloads(site)) == {"2", "4"}


@pytest.mark.parametrize("variables", [{}, {"filter": {}}, {"filter": {"must": []}}])
@pytest.mark.usefixtures("four")
async def test_everything_must_be_said(site, variables):
    """Neither no filter nor an empty one means all points, unless `all` says so."""
    code, message = await site.refused(DELETE, variables)
    assert (code, "say `all: true`" in message) == ("BAD_USER_INPUT", True)
    assert len(await payloads(site)) == 4
    deleted = await site.data(DELETE, {**variables, "all": True})
    assert deleted["deleteNotes"]["count"] == 4
    assert await payloads(site) == {}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ids": []}, "give 1 to"),
        ({"ids": ["1"] * 10_001}, "give 1 to 10000"),
        ({"ids": ["x"]}, "`ids[0]` is not a point id"),
        ({"ids": ["1"], "all": True}, "not several"),
        ({"ids": ["1"], "filter": {"stars": {"eq": 1}}}, "not several"),
        ({"filter": {"stars": {"eq": 1}}, "all": True}, "not both"),
        ({"filter": {"stars": {}}}, "says nothing"),
        ({"filter": {"nosuch": {"eq": 1}}}, "nosuch"),
    ],
)
@pytest.mark.usefixtures("four")
async def test_choices_that_are_refused(site, variables, words):
    """What is picked must be said once and be well formed; nothing is deleted otherwise."""
    code, message = await site.refused(DELETE, variables)
    assert code == "BAD_USER_INPUT"
    assert words in message
    assert len(await payloads(site)) == 4


@pytest.mark.usefixtures("four")
async def test_set_payload(site):
    """Fields that are named change, by ids or by filter; the others stay."""
    written = await site.data(SET, {"payload": {"title": "odd"}, "ids": ["1"]})
    assert written == {"setNotePayload": {"status": "COMPLETED", "count": 1}}
    picked = {"filter": {"stars": {"gte": 3}}, "payload": {"title": "many", "meta_lang": "de"}}
    assert (await site.data(SET, picked))["setNotePayload"]["count"] == 2
    assert await payloads(site) == {
        "1": {"stars": 1, "mood": "good mood", "title": "odd"},
        "2": {"stars": 2, "mood": "bad mood"},
        "3": {"stars": 3, "mood": "good mood", "title": "many", "meta": {"lang": "de"}},
        "4": {"stars": 4, "mood": "bad mood", "title": "many", "meta": {"lang": "de"}},
    }
    code, message = await site.refused(SET, {"payload": {}, "ids": ["1"]})
    assert (code, "`payload` is empty" in message) == ("BAD_USER_INPUT", True)


@pytest.mark.usefixtures("four")
async def test_overwrite_and_delete_payload(site):
    """The whole payload is replaced, or named fields go."""
    await site.data(
        'mutation { overwriteNotePayload(payload: {title: "new"}, ids: ["1"]) { count } }'
    )
    await site.data('mutation { overwriteNotePayload(payload: {}, ids: ["2"]) { count } }')
    await site.data(
        "mutation { deleteNotePayload(fields: [mood], filter: {stars: {eq: 3}}) { count } }"
    )
    assert await payloads(site) == {
        "1": {"title": "new"},
        "2": {},
        "3": {"stars": 3},
        "4": {"stars": 4, "mood": "bad mood"},
    }
    code, message = await site.refused(
        'mutation { deleteNotePayload(fields: [], ids: ["1"]) { count } }'
    )
    assert (code, "`fields` has 0 names" in message) == ("BAD_USER_INPUT", True)


@pytest.mark.usefixtures("four")
async def test_any_collection(site):
    """The generic fields do the same with the generic filter and any payload."""
    document = """
      mutation {
        setPayload(collection: "jottings", payload: {a: {b: 1}}, filter: {field: "stars", match: 1}) {
          count
        }
        overwritePayload(collection: "jottings", payload: {only: [1]}, ids: [2]) { count }
        deletePayload(collection: "jottings", fields: ["stars", "meta.lang"], ids: [3]) { count }
        deletePoints(collection: "jottings", ids: [4]) { count }
      }
    """
    await site.data(document)
    assert await payloads(site) == {
        "1": {"stars": 1, "mood": "good mood", "a": {"b": 1}},
        "2": {"only": [1]},
        "3": {"mood": "good mood"},
    }
    for bad, words in (
        ('deletePayload(collection: "jottings", fields: ["a..b"], ids: [1])', "fields[0]"),
        ('setPayload(collection: "jottings", payload: [1], ids: [1])', "must be an object"),
        ('deletePoints(collection: "nowhere", ids: [1])', "no collection 'nowhere'"),
    ):
        code, message = await site.refused(f"mutation {{ {bad} {{ count }} }}")
        assert code == "BAD_USER_INPUT", message
        assert words in message
