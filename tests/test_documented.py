"""Nothing a person may set, meet or import goes undocumented, and nothing documented is unused."""

import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

import gateway
from gateway.domain import load_schema
from gateway.errors import HTTP_STATUS, Code
from gateway.settings import Secret, Settings, all_settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def row(setting):
    """The line that documents a setting in docs/operations.md."""
    default = setting.default
    if isinstance(default, Secret) or default == "":
        shown = "none"
    elif isinstance(default, bool):
        shown = f"`{str(default).lower()}`"
    else:
        shown = f"`{default}`"
    return f"| `{setting.path}` | `{setting.variable}` | {shown} | {setting.meaning} |"


@pytest.mark.parametrize("setting", all_settings(), ids=lambda setting: setting.path)
def test_every_setting_is_documented(setting):
    """Name, variable, default and meaning stand in the table, as the code has them."""
    assert row(setting) in (DOCS / "operations.md").read_text().splitlines()


@pytest.mark.parametrize("setting", all_settings(), ids=lambda setting: setting.path)
def test_every_setting_is_read(setting):
    """A setting that the composition root and the commands never read would be an idle promise."""
    family, _, name = setting.path.rpartition(".")
    if family.endswith(".default"):
        # Several sources of a kind: each is at hand under a name of its own.
        family = r"[\w\]]"
        name = "dsn" if setting.path.startswith("postgres.") and name in PARTS else name
    code = "\n".join(file.read_text() for file in READERS)
    assert re.search(rf"{family or 'settings'}\.{name}\b", code), f"nothing reads {setting.path}"


READERS = [
    ROOT / "gateway/app.py",
    ROOT / "gateway/composition.py",
    ROOT / "gateway/domain.py",
    ROOT / "gateway/wiring.py",
    ROOT / "gateway/observing.py",
    ROOT / "gateway/sync/compose.py",
    ROOT / "gateway/documents/compose.py",
    *(ROOT / "gateway/cli").glob("*.py"),
    *(ROOT / "gateway/serving").glob("*.py"),
    *(ROOT / "gateway/identity").glob("*.py"),
    *(ROOT / "gateway/mcp").glob("*.py"),
    ROOT / "gateway/embedding/compose.py",
    ROOT / "gateway/embedding/http.py",
    *(ROOT / "gateway/context").glob("*.py"),
    ROOT / "gateway/workflows/compose.py",
    ROOT / "gateway/working.py",
]
PARTS = ("url", "host", "port", "database", "user", "password", "ssl")


@pytest.mark.parametrize("code", Code)
def test_every_error_code_is_documented(code):
    """Code and HTTP status stand in the table."""
    text = (DOCS / "errors.md").read_text()
    assert re.search(rf"^\| `{code}` \| {HTTP_STATUS[code]} \| \S", text, re.MULTILINE)


def test_every_facade_name_is_documented():
    """What `from gateway import …` offers is described in docs/write-a-domain.md."""
    text = (DOCS / "write-a-domain.md").read_text()
    described = set(re.findall(r"`(\w+)", "".join(re.findall(r"^\|[^|]+\|", text, re.MULTILINE))))
    missing = set(gateway.__all__) - described
    assert not missing


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *DOCS.glob("*.md")], ids=lambda page: page.name
)
def test_queries_in_documents_are_valid(page, schema):
    """What a reader copies from a page fits the schema of today."""
    for query in re.findall(r"```graphql\n(.*?)```", page.read_text(), re.DOTALL):
        assert validate(schema, parse(query)) == []


@pytest.fixture(scope="module")
def schema():
    """The schema of the bundled domain."""
    sdl = load_schema(Settings()).as_str()
    # It may hold directives of Apollo Federation, which a composer knows and graphql-core does not.
    return build_schema(sdl, assume_valid=True, assume_valid_sdl=True)


def test_links_between_documents_hold():
    """No page points to a file that is not there."""
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_every_decision_is_listed():
    """docs/decisions/README.md leads to each note, by its own title."""
    index = (DOCS / "decisions/README.md").read_text()
    for note in (DOCS / "decisions").glob("[!R]*.md"):
        title = note.read_text().splitlines()[0].removeprefix("# ")
        assert f"[{title}]({note.name})" in index
