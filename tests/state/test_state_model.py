"""Random sequences of writes and reads do what they do to plain Python values."""

from __future__ import annotations

import uuid

from hypothesis import given, settings
from hypothesis import strategies as st
from state.cabinet import cabinet

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
).filter(lambda value: value is not None)
KEYS = st.sampled_from(["a", "b:*", "é", "\n"])
NAMES = st.sampled_from(["x", "y", "", "%"])
SCORES = st.integers(-1000, 1000).map(lambda number: number / 4)

OPERATIONS = st.one_of(
    st.tuples(st.just("set"), KEYS, JSON, st.sampled_from([None, "IF_ABSENT", "IF_PRESENT"])),
    st.tuples(st.just("delete"), st.lists(KEYS, min_size=1, max_size=3)),
    st.tuples(st.just("increment"), KEYS, st.integers(-(2**62), 2**62)),
    st.tuples(st.just("hash_set"), KEYS, st.dictionaries(NAMES, JSON, min_size=1, max_size=3)),
    st.tuples(st.just("hash_delete"), KEYS, st.lists(NAMES, min_size=1, max_size=2)),
    st.tuples(
        st.just("push"),
        KEYS,
        st.lists(JSON, min_size=1, max_size=3),
        st.sampled_from(["LEFT", "RIGHT"]),
    ),
    st.tuples(st.just("pop"), KEYS, st.integers(1, 3), st.sampled_from(["LEFT", "RIGHT"])),
    st.tuples(st.just("add"), KEYS, st.lists(NAMES, min_size=1, max_size=3)),
    st.tuples(st.just("remove"), KEYS, st.lists(NAMES, min_size=1, max_size=2)),
    st.tuples(st.just("score"), KEYS, st.dictionaries(NAMES, SCORES, min_size=1, max_size=3)),
    st.tuples(st.just("score_by"), KEYS, NAMES, SCORES),
    st.tuples(st.just("score_remove"), KEYS, st.lists(NAMES, min_size=1, max_size=2)),
)

DOCUMENTS = {
    "set": "mutation ($k: String!, $v: JSON!, $o: StateCondition) { setState(namespace: NOTES, key: $k, value: $v, only: $o) { stored previous } }",
    "delete": "mutation ($k: [String!]!) { deleteState(namespace: NOTES, keys: $k) }",
    "increment": "mutation ($k: String!, $v: BigInt!) { incrementState(namespace: NOTES, key: $k, by: $v) }",
    "hash_set": "mutation ($k: String!, $v: [StateFieldInput!]!) { setStateFields(namespace: NOTES, key: $k, entries: $v) }",
    "hash_delete": "mutation ($k: String!, $v: [String!]!) { deleteStateFields(namespace: NOTES, key: $k, names: $v) }",
    "push": "mutation ($k: String!, $v: [JSON!]!, $o: StateEnd!) { pushState(namespace: NOTES, key: $k, values: $v, end: $o) }",
    "pop": "mutation ($k: String!, $v: Int!, $o: StateEnd!) { popState(namespace: NOTES, key: $k, count: $v, end: $o) }",
    "add": "mutation ($k: String!, $v: [String!]!) { addStateMembers(namespace: NOTES, key: $k, members: $v) }",
    "remove": "mutation ($k: String!, $v: [String!]!) { removeStateMembers(namespace: NOTES, key: $k, members: $v) }",
    "score": "mutation ($k: String!, $v: [StateScoreInput!]!) { setStateScores(namespace: NOTES, key: $k, entries: $v) }",
    "score_by": "mutation ($k: String!, $v: String!, $o: Float!) { incrementStateScore(namespace: NOTES, key: $k, member: $v, by: $o) }",
    "score_remove": "mutation ($k: String!, $v: [String!]!) { removeStateScores(namespace: NOTES, key: $k, members: $v) }",
}
LOOK = """query ($k: String!) { state(namespace: NOTES) { kind(key: $k) string: getMany(keys: [$k])
    hash(key: $k) { name value } list(key: $k) members(key: $k)
    leaderboard(key: $k, order: LOWEST_FIRST) { member score } } }"""

WRONG = object()
"""The model's word for a key of another kind, or a number that does not fit."""


def given_to(operation):
    """The variables of its document."""
    verb, key, *rest = operation
    values = {"k": key}
    if rest:
        values["v"] = rest[0]
    if len(rest) > 1:
        values["o"] = rest[1]
    if verb == "hash_set":
        values["v"] = [{"name": name, "value": value} for name, value in rest[0].items()]
    if verb == "score":
        values["v"] = [{"member": name, "score": value} for name, value in rest[0].items()]
    return values


class Scores(dict):
    """A sorted set, told apart from a hash."""


class Model:
    """Redis as plain Python: strings are one-tuples, so that any JSON may be in them."""

    def __init__(self):
        self.keys = {}

    def of(self, key, kind):
        found = self.keys.get(key, kind())
        return found if type(found) is kind else WRONG

    def keep(self, key, value):
        self.keys[key] = value
        if not value:
            del self.keys[key]

    def set(self, key, value, only):
        there = self.keys.get(key)
        if there is not None and type(there) is not tuple:
            return WRONG
        before = there[0] if there else None
        stored = {None: True, "IF_ABSENT": not there, "IF_PRESENT": bool(there)}[only]
        if stored:
            self.keys[key] = (value,)
        return {"stored": stored, "previous": before}

    def delete(self, keys):
        return sum(self.keys.pop(key, None) is not None for key in set(keys))

    def increment(self, key, by):
        found = self.of(key, tuple)
        number = found[0] if found and found is not WRONG else 0
        if found is WRONG or type(number) is not int or not -(2**63) <= number + by < 2**63:
            return WRONG
        self.keys[key] = (number + by,)
        return str(number + by)

    def hash_set(self, key, entries):
        found = self.of(key, dict)
        if found is WRONG:
            return WRONG
        new = len(entries.keys() - found.keys())
        self.keep(key, found | entries)
        return new

    def hash_delete(self, key, names):
        found = self.of(key, dict)
        if found is WRONG:
            return WRONG
        self.keep(key, {name: of for name, of in found.items() if name not in names})
        return len(found.keys() & set(names))

    def push(self, key, values, end):
        found = self.of(key, list)
        if found is WRONG:
            return WRONG
        self.keep(key, found + values if end == "RIGHT" else [*reversed(values), *found])
        return len(self.keys[key])

    def pop(self, key, count, end):
        found = self.of(key, list)
        if found is WRONG or not found:
            return found or None
        if end == "LEFT":
            self.keep(key, found[count:])
            return found[:count]
        self.keep(key, found[:-count])
        return list(reversed(found[-count:]))

    def add(self, key, members):
        found = self.of(key, set)
        if found is WRONG:
            return WRONG
        self.keep(key, found | set(members))
        return len(set(members) - found)

    def remove(self, key, members):
        found = self.of(key, set)
        if found is WRONG:
            return WRONG
        self.keep(key, found - set(members))
        return len(found & set(members))

    def score(self, key, entries):
        found = self.of(key, Scores)
        if found is WRONG:
            return WRONG
        self.keep(key, Scores(found | entries))
        return len(entries.keys() - found.keys())

    def score_by(self, key, member, by):
        found = self.of(key, Scores)
        if found is WRONG:
            return WRONG
        self.keep(key, Scores(found | {member: found.get(member, 0) + by}))
        return self.keys[key][member]

    def score_remove(self, key, members):
        found = self.of(key, Scores)
        if found is WRONG:
            return WRONG
        self.keep(key, Scores({one: of for one, of in found.items() if one not in members}))
        return len(found.keys() & set(members))


def seen(body):
    """What a look at a key found, with WRONG for its failed parts."""
    found = dict(body["data"]["state"])
    for error in body.get("errors", ()):
        assert error["extensions"]["code"] == "SOURCE_DATA"
        found[error["path"][1]] = WRONG
    return found


def expected(value):
    """What a look at such a value must find."""
    kind = {tuple: "STRING", dict: "HASH", list: "LIST", set: "SET", Scores: "SORTED_SET"}
    absent = {"hash": [], "list": [], "members": [], "leaderboard": []}
    shown = {name: WRONG if value is not None else none for name, none in absent.items()}
    shown |= {"kind": kind.get(type(value)), "string": [None]}
    if type(value) is tuple:
        shown["string"] = [value[0]]
    elif type(value) is dict:
        shown["hash"] = sorted(({"name": name, "value": of} for name, of in value.items()), key=str)
    elif type(value) is list:
        shown["list"] = value
    elif type(value) is set:
        shown["members"] = sorted(value)
    elif type(value) is Scores:
        ranked = sorted(value.items(), key=lambda pair: (pair[1], pair[0].encode()))
        shown["leaderboard"] = [{"member": name, "score": of} for name, of in ranked]
    return shown


@settings(max_examples=30, deadline=None)
@given(operations=st.lists(OPERATIONS, min_size=1, max_size=25))
def test_a_sequence_does_what_the_model_does(redis_url, operations):
    """Every write returns what the model's does; at the end every key reads as the model's."""
    import anyio  # noqa: PLC0415 - hypothesis calls synchronously

    anyio.run(follow, redis_url, operations)


async def follow(url, operations):
    """One example, under a prefix of its own."""
    model = Model()
    async with cabinet(url, f"{uuid.uuid4().hex}:") as store:
        for operation in operations:
            verb, *rest = operation
            body = await store.ask(DOCUMENTS[verb], given_to(operation))
            wanted = getattr(model, verb)(*rest)
            if wanted is WRONG:
                assert body["errors"][0]["extensions"]["code"] == "SOURCE_DATA", operation
            else:
                assert "errors" not in body, (operation, body)
                assert [*body["data"].values()] == [wanted], operation
        for key in ("a", "b:*", "é", "\n"):
            found = seen(await store.ask(LOOK, {"k": key}))
            for name, order in (("hash", str), ("members", None)):
                if isinstance(found[name], list):
                    found[name] = sorted(found[name], key=order)
            assert found == expected(model.keys.get(key))
        await store.change('deleteStateMatching(namespace: NOTES, match: "*") { deleted }')
