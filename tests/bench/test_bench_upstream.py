"""The bench's upstream answers as its schema says, and as a GraphQL server would."""

import json
from urllib.parse import quote

import pytest
from graphql import build_schema, execute, parse, validate

from bench.upstream_domain import domain
from bench.upstream_server import MEMBERS, Question, items, member
from bench.workloads import WORKLOADS

SDL = domain.upstreams[0].sdl.read_text()
SCHEMA = build_schema(SDL)
QUERY = "query ($first: Int! = 1) { m: members(first: $first) { __typename who: name city } }"
ENTITIES = """query ($keys: [_Any!]!) {
  _entities(representations: $keys) { ... on Member { id email } }
}"""


class Root:
    """The upstream's data, for graphql-core."""

    def members(self, _info, first):
        return [member(first + index) for index in range(MEMBERS)]

    def _entities(self, _info, representations):
        return [member(int(one["id"])) for one in representations]


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (QUERY, {"first": 7}),
        (QUERY, {}),
        ("{ members { id name email city joined about } }", {}),
        (ENTITIES, {"keys": [{"__typename": "Member", "id": key} for key in ("3", "1", "3")]}),
    ],
)
def test_it_answers_as_graphql_core_does(document, variables):
    """Aliases, defaults, type names and the order of representations."""
    assert not validate(SCHEMA, parse(document))
    root = {"members": Root().members, "_entities": Root()._entities}
    whole = execute(
        SCHEMA,
        parse(document),
        root,
        variable_values=variables,
        type_resolver=lambda value, *_: value["__typename"],
    )
    assert whole.errors is None
    assert json.loads(Question(document).answer(variables)) == {"data": whole.data}


def test_items_are_looked_up_as_of_directus():
    """By GET with parameters, by SEARCH with a body."""
    query = {"fields": ["trend_id", "slug"], "filter": {"trend_id": {"_in": ["7", 3]}}}
    url = f"fields=trend_id,slug&filter={quote(json.dumps(query['filter']))}&limit=2"
    found = {"data": [{"trend_id": 7, "slug": "trend-7"}, {"trend_id": 3, "slug": "trend-3"}]}
    assert json.loads(items(url.encode(), b"")) == found
    assert json.loads(items(b"", json.dumps({"query": query}).encode())) == found


def test_a_list_has_the_size_of_the_definition():
    """About 15.5 kB, so that figures compare with those of others."""
    (body,) = next(one for one in WORKLOADS if one.name == "W5").bodies()
    assert 15_000 < len(Question(json.loads(body)["query"]).answer({})) < 16_000
