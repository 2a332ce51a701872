"""`datasource(name)` in GraphQL and for resolvers: who reads which source, and what they get."""

import contextlib

import pytest
import strawberry
from asking import Asking, built, engine_over
from strawberry.scalars import JSON

from gateway import DatasourceQueries, Domain, queries
from gateway.context.registry import datasources_of
from gateway.errors import ConfigurationError, InputError
from gateway.planning.registry import Registry
from gateway.settings import Datasource as Settings
from gateway.settings import Secret
from gateway.viewer import ANONYMOUS, Viewer

EDITOR = Viewer("ed", frozenset({"editor"}))


@queries
class Kept:
    """A resolver that reads a context."""

    @strawberry.field
    async def kept(self, info: strawberry.Info, name: str, key: str) -> JSON | None:
        """What is kept."""
        return await info.context.datasource(name, key)


@pytest.fixture
def api():
    """A domain that reads sources both ways."""
    return built(Domain(entities=[], queries=[DatasourceQueries, Kept]))


@pytest.fixture
async def ask(api, tmp_path):
    """`await ask(query, viewer=viewer)` over three sources: for all, for editors, for nobody."""
    files = datasources_of(
        {
            "open": Settings(type="filesystem", path=str(tmp_path / "a"), read="*"),
            "staff": Settings(type="filesystem", path=str(tmp_path / "b"), read="editor admin"),
            "hidden": Settings(type="filesystem", path=str(tmp_path / "c")),
        }
    )
    await files.connect()
    for name in ("open", "staff", "hidden"):
        await files.get(name).save_batch({"run-1": {"in": name}, "run-2": None, "x": [1, 2.5]})
    try:
        yield _over(api, files).ask
    finally:
        await files.disconnect()


def _over(api, datasources=None):
    made = Asking()
    made.engine, _ = engine_over(api, {}, Registry({}, {}, {}))
    made.engine.datasources = datasources
    return made


async def test_a_source_is_read(ask):
    """Values, keys by pattern, existence and size, several at once."""
    body = await ask(
        """{ datasource(name: "open") {
          name size all: keys runs: keys(pattern: "run-*") few: keys(first: 1)
          a: get(key: "run-1") b: get(key: "run-2") c: get(key: "none")
          d: exists(key: "run-2") e: exists(key: "none") } }"""
    )
    few = body["data"]["datasource"].pop("few")
    assert len(few) == 1
    assert body == {
        "data": {
            "datasource": {
                "name": "open",
                "size": 3,
                "all": ["run-1", "run-2", "x"],
                "runs": ["run-1", "run-2"],
                "a": {"in": "open"},
                "b": None,
                "c": None,
                "d": True,
                "e": False,
            }
        }
    }


@pytest.mark.parametrize(
    "field", ['datasource(name: "{}") {{ size }}', 'kept(name: "{}", key: "x")']
)
@pytest.mark.parametrize(
    ("viewer", "name", "listed"),
    [
        (ANONYMOUS, "staff", "available: open."),
        (ANONYMOUS, "nothing", "available: open."),
        (EDITOR, "hidden", "available: open, staff."),
        (EDITOR, "", "available: open, staff."),
    ],
)
async def test_another_name_is_an_error_that_lists_what_there_is(ask, field, viewer, name, listed):
    """A source that is not for the viewer and one that does not exist look the same."""
    body = await ask("{ " + field.format(name) + " }", viewer=viewer)
    (error,) = body["errors"]
    assert error["message"] == f"There is no such datasource for you; {listed}"
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert [*body["data"].values()] == [None]


async def test_many_readings_at_once_see_the_same(ask):
    """Listings under way together do not take names from each other."""
    fields = " ".join(f'k{n}: keys(pattern: "run*") s{n}: size' for n in range(20))
    body = await ask(f'{{ datasource(name: "open") {{ {fields} }} }}')
    found = body["data"]["datasource"]
    assert [found[f"k{n}"] for n in range(20)] == [["run-1", "run-2"]] * 20
    assert [found[f"s{n}"] for n in range(20)] == [3] * 20


async def test_roles_open_sources_also_to_resolvers(ask):
    """An editor reads what is for editors, by GraphQL and through the context."""
    body = await ask(
        '{ datasource(name: "staff") { get(key: "x") } kept(name: "staff", key: "run-1") }',
        viewer=EDITOR,
    )
    assert body == {"data": {"datasource": {"get": [1, 2.5]}, "kept": {"in": "staff"}}}


async def test_one_wrong_argument_costs_its_field_only(ask):
    """The others have their values, and each error says what would be right."""
    body = await ask(
        """{ datasource(name: "open") { size a: get(key: "../x") b: keys(first: 1001)
        c: keys(pattern: "[a]") } }"""
    )
    assert body["data"] == {"datasource": {"size": 3, "a": None, "b": None, "c": None}}
    found = {tuple(error["path"]): error for error in body["errors"]}
    assert {error["extensions"]["code"] for error in body["errors"]} == {"BAD_USER_INPUT"}
    assert "segment" in found["datasource", "a"]["message"]
    assert "1 to 1000" in found["datasource", "b"]["message"]
    assert "A pattern" in found["datasource", "c"]["message"]


async def test_without_sources_there_are_none(api):
    """The schema is the same; the error says that nothing is available."""
    body = await _over(api).ask('{ datasource(name: "x") { size } }')
    assert body["errors"][0]["message"] == "There is no such datasource for you; available: none."


async def test_a_source_that_is_away_costs_its_field(api):
    """A typed error, no address in it, and the other fields are answered."""
    away = Secret("redis://:hunter2@127.0.0.1:1/0")
    made = _over(api, datasources_of({"away": Settings(type="redis", url=away, read="*")}))
    body = await made.ask('{ datasource(name: "away") { name size } }')
    assert body["data"] == {"datasource": {"name": "away", "size": None}}
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "SOURCE_UNAVAILABLE"
    assert "hunter2" not in str(body)
    assert "127.0.0.1" not in str(body)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("redis", "redis://:hunter2@127.0.0.1:1/0"),
        ("postgresql", "postgresql://u:hunter2@127.0.0.1:1/d"),
        ("mongodb", "mongodb://u:hunter2@127.0.0.1:1/d"),
        ("s3", "http://k:hunter2@127.0.0.1:1/bucket"),
    ],
)
async def test_start_up_names_the_variable_of_what_is_away(kind, url):
    """All that cannot be reached are named at once, without address or secret."""
    made = datasources_of(
        {
            "one": Settings(type=kind, url=Secret(url), timeout_seconds=1.0),
            "default": Settings(type=kind, url=Secret(url), timeout_seconds=1.0),
        }
    )
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(ConfigurationError))
        await made.connect()
    await made.disconnect()
    assert "datasource.one.url (DATASOURCE_ONE_URL): " in caught.value.message
    assert "datasource.default.url (DATASOURCE_URL): " in caught.value.message
    assert "hunter2" not in caught.value.message
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize("kind", ["redis", "mongodb", "s3", "postgresql"])
async def test_wrong_addresses_are_named(kind, url_of):
    """Wrong credentials, or a database or bucket that is not there, stop start-up by name."""
    wrong = {
        "redis": "redis://127.0.0.1:1/0?unknown=1",
        "mongodb": "mongodb://u:hunter2@/",
        "s3": "https://k:hunter2@host/bucket/folder",
        "postgresql": url_of("postgresql").rsplit("/", 1)[0] + "/hunter2",
    }[kind]
    given = {"one": Settings(type=kind, url=Secret(wrong), timeout_seconds=5.0)}
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(ConfigurationError))
        await datasources_of(given).connect()
    assert "datasource.one.url (DATASOURCE_ONE_URL): " in caught.value.message
    assert "hunter2" not in caught.value.message


async def test_wrong_s3_credentials_and_buckets_stop_start_up(s3_url):
    """Both are told apart from a server that is away."""
    wrong = {
        "secret": s3_url.replace("plait-s3-secret", "hunter2"),
        "bucket": s3_url.replace("/contexts", "/none"),
    }
    made = datasources_of(
        {name: Settings(type="s3", url=Secret(url)) for name, url in wrong.items()}
    )
    with pytest.raises(ConfigurationError) as caught:
        await made.connect()
    secret, bucket = caught.value.message.splitlines()
    assert "credentials" in secret
    assert "no such bucket" in bucket
    assert "hunter2" not in caught.value.message


def test_sources_by_name_for_workflows(tmp_path):
    """`get` knows every source, and its error lists them."""
    made = datasources_of({"a": Settings(type="filesystem", path=str(tmp_path))})
    assert made.get("a").name == "a"
    with pytest.raises(InputError, match=r"available: a\."):
        made.get("b")
