"""What operations are as tools: schemas of their arguments, and manifests that cannot be."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agent_shop import OPERATIONS, environment
from graphql import build_schema, parse
from jsonschema import Draft202012Validator

from gateway.app import create_app
from gateway.documents.compose import store_of
from gateway.documents.store import DocumentStore
from gateway.documents.trusted import read_manifest
from gateway.domain import built, load_domain
from gateway.errors import ConfigurationError
from gateway.mcp.exploring import SchemaIndex
from gateway.mcp.schemas import arguments_schema
from gateway.mcp.tools import MOST, tools_of
from gateway.settings import Settings, load

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resolvers/demo/operations.json"
GOLDEN = Path(__file__).with_name("demo_tools.json")
SCHEMA = build_schema("""
"A pattern."
scalar Pattern
scalar BigInt
"How it is."
enum State { NEW OLD }
"Picks rows."
input Where {
  "By state."
  state: State = NEW
  states: [State!]
  and: [Where!]
  not: Where
  size: Int!
  least: Int! = 3
}
"One or the other."
input Pick @oneOf { "By its id." id: ID name: String rows: Where }
type Query {
  a(w: Where, p: Pick, i: Int, f: Float, s: String, b: Boolean, d: ID, t: Pattern, n: BigInt): Int
}
""")
INT = {"type": "integer", "format": "int32"}
NULLABLE_INT = INT | {"type": ["integer", "null"]}
STATE = {"type": "string", "enum": ["NEW", "OLD"], "description": "How it is."}
NULLABLE_STATE = STATE | {"type": ["string", "null"], "enum": ["NEW", "OLD", None]}
WHERE = {"$ref": "#/$defs/Where"}

CONVERTED: list[tuple[str, Any, bool]] = [
    ("Int", NULLABLE_INT, False),
    ("Int!", INT, True),
    ("Int! = 3", INT | {"default": 3}, False),
    ("Float!", {"type": "number"}, True),
    ("String", {"type": ["string", "null"]}, False),
    ('String = "a"', {"type": ["string", "null"], "default": "a"}, False),
    ("Boolean!", {"type": "boolean"}, True),
    ("ID!", {"type": "string"}, True),
    ("BigInt!", {"type": "string", "pattern": r"^-?\d{1,19}$"}, True),
    ("Pattern", {"description": "A pattern."}, False),
    ("State!", STATE, True),
    ("State", NULLABLE_STATE, False),
    ("State = OLD", NULLABLE_STATE | {"default": "OLD"}, False),
    ("[Int!]!", {"type": "array", "items": INT}, True),
    ("[State]", {"type": ["array", "null"], "items": NULLABLE_STATE}, False),
    ("Where!", WHERE, True),
    ("Where", {"anyOf": [WHERE, {"type": "null"}]}, False),
    ("Where = {size: 1}", {"anyOf": [WHERE, {"type": "null"}], "default": {"size": 1}}, False),
    ("[[Where!]!]!", {"type": "array", "items": {"type": "array", "items": WHERE}}, True),
]


def schema_of(*kinds: str, told: Any = ()) -> dict[str, Any]:
    """The arguments of an operation with variables of these types, called a, b and so on."""
    variables = " ".join(f"${name}: {kind}" for name, kind in zip("abcdef", kinds, strict=False))
    (operation,) = parse(f"query Q({variables}) {{ a }}").definitions
    made = arguments_schema(operation.variable_definitions, SCHEMA, dict(told))  # type: ignore[attr-defined]
    Draft202012Validator.check_schema(made)
    return made


@pytest.mark.parametrize(("kind", "expected", "required"), CONVERTED, ids=[c[0] for c in CONVERTED])
def test_types_are_written_in_json_schema(kind: str, expected: Any, required: object) -> None:
    """Each by its table; required is what is not null and has no default."""
    made = schema_of(kind)
    assert made["properties"]["a"] == expected
    assert ("required" in made) is required
    assert made["additionalProperties"] is False


def test_input_objects_are_defined_once_and_may_hold_themselves() -> None:
    """Members have their words and defaults; of others there may be none."""
    made = schema_of("Where!", "[Where!]")
    assert list(made["$defs"]) == ["Where"]
    where = made["$defs"]["Where"]
    assert where["description"] == "Picks rows."
    assert where["required"] == ["size"]
    assert where["additionalProperties"] is False
    assert where["properties"]["state"] == NULLABLE_STATE | {
        "description": "By state.",
        "default": "NEW",
    }
    assert where["properties"]["and"] == {"type": ["array", "null"], "items": WHERE}
    assert where["properties"]["least"] == INT | {"default": 3}


def test_of_a_one_of_there_is_exactly_one() -> None:
    """And it is not null."""
    valid = Draft202012Validator(schema_of("Pick!")).is_valid
    assert valid({"a": {"id": "1"}})
    assert valid({"a": {"rows": {"size": 1, "and": [{"size": 2}]}}})
    for wrong in ({}, {"id": "1", "name": "b"}, {"id": None}, {"other": 1}, {"rows": {}}):
        assert not valid({"a": wrong}), wrong


def test_variables_are_told_by_their_own_words_or_others() -> None:
    """Their own win."""
    (operation,) = parse('query Q("Own." $a: Int, $b: Int) { a }').definitions
    told = {"a": "Other.", "b": "Other."}
    made = arguments_schema(operation.variable_definitions, SCHEMA, told)  # type: ignore[attr-defined]
    assert [one["description"] for one in made["properties"].values()] == ["Own.", "Other."]


# The bundled domain -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def api() -> Any:
    """That of the bundled domain."""
    return built(load_domain(Settings()), incremental=True)


def test_the_demo_s_tools(api: Any) -> None:
    """As clients see them: a change of the manifest or the schema shows here.

    Written anew from what is printed where it should change.
    """
    documents = read_manifest(DEMO)
    store = store_of(Settings(), api.catalog.schema, DocumentStore)
    made = tools_of(documents, store, api.catalog, mutations=True)
    shown = {
        name: {"description": tool.description, "writes": tool.writes, "schema": dict(tool.schema)}
        for name, tool in made.items()
    }
    for tool in made.values():
        Draft202012Validator.check_schema(tool.schema)
    assert shown == json.loads(GOLDEN.read_text()), json.dumps(shown, indent=2)


def test_the_demo_s_documents_are_named_by_their_hashes() -> None:
    """As clients of Apollo's protocol name them."""
    for identity, text in read_manifest(DEMO).items():
        assert hashlib.sha256(text.encode()).hexdigest() == identity


def test_a_search_finds_in_a_large_schema(api: Any) -> None:
    """Names count more than words of descriptions; what is more is counted."""
    found = SchemaIndex(api.catalog.schema, mutations=False).search("search trends")
    assert found["found"][0].startswith("Query.searchTrends(")
    assert len(found["found"]) == 30
    assert found["more"] > 0
    assert not any(line.startswith("Mutation.") for line in found["found"])
    writing = SchemaIndex(api.catalog.schema, mutations=True).search("updateTrend")
    assert any(line.startswith("Mutation.updateTrend(") for line in writing["found"])
    assert SchemaIndex(api.catalog.schema, mutations=False).search("zzz") == {
        "found": [],
        "more": 0,
    }


# Start-up -----------------------------------------------------------------------------------------


def refused(folder: Path, operations: dict[str, str], **settings: str) -> str:
    """Why a gateway with these operations does not start."""
    url = "postgresql://u@127.0.0.1:1/d"
    with pytest.raises(ConfigurationError) as found:
        create_app(load(environ=environment(url, folder, operations, **settings)))
    return found.value.message


def test_two_operations_of_one_name_stop_the_start(tmp_path: Path) -> None:
    """An agent could not tell them apart."""
    twice = {"a": OPERATIONS["slow"], "b": OPERATIONS["slow"] + " "}
    assert "several operations are called Slow" in refused(tmp_path, twice)


def test_without_a_tool_there_is_no_start(tmp_path: Path) -> None:
    """It would be a slip."""
    assert "there are no tools" in refused(tmp_path, {"a": OPERATIONS["heard"]})


def test_too_many_tools_stop_the_start(tmp_path: Path) -> None:
    """Each is checked then, and no agent could choose."""
    many = {str(number): f"query Q{number} {{ crash }}" for number in range(MOST + 1)}
    assert f"than the {MOST} that can be tools" in refused(tmp_path, many)


def test_what_does_not_fit_is_told_by_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By its id and a code, without its text."""
    create_app(load(environ=environment("postgresql://u@127.0.0.1:1/d", tmp_path, OPERATIONS)))
    (record,) = [one for one in caplog.records if one.name == "gateway.mcp.tools"]
    assert record.fields == {"id": "broken", "code": "GRAPHQL_VALIDATION_FAILED"}  # type: ignore[attr-defined]
    assert "nothing" not in record.getMessage()


WITHOUT = """
import sys
sys.modules["mcp"] = None
from gateway.app import create_app
from gateway.errors import ConfigurationError
from gateway.settings import load
try:
    create_app(load())
except ConfigurationError as error:
    print(error.code.value, error.message)
"""


def test_without_the_sdk_the_start_says_what_to_install(tmp_path: Path) -> None:
    """Where the extra is missing, as in an installation without it."""
    settings = environment("postgresql://u@127.0.0.1:1/d", tmp_path, OPERATIONS)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        cwd=ROOT,
        env={**settings, "PLAIT_RESOLVERS": "resolvers"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith("CONFIGURATION mcp.enabled (PLAIT_MCP_ENABLED) needs")
    assert "plait[mcp]" in done.stdout
