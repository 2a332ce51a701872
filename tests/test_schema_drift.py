"""The committed contract is the code's."""

from pathlib import Path

from gateway.domain import load_schema
from gateway.settings import Settings

ROOT = Path(__file__).parent.parent


def test_schema_graphql_is_what_the_code_prints():
    """Clients read schema.graphql; `make schema` writes it anew after a change."""
    printed = load_schema(Settings()).as_str().rstrip("\n") + "\n"
    assert (ROOT / "schema.graphql").read_text("utf-8") == printed
