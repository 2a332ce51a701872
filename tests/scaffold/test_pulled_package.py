"""What is pulled from a foreign database is a package its owner would not have to touch."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from scaffold.media_shop import WHOLE

from gateway.scaffold.naming import TYPE_ENDS
from gateway.scaffold.package_text import files_of
from gateway.scaffold.planning import plan
from gateway.scaffold.selection import Selection
from gateway.schema.build import build

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent

# The fixtures are asynchronous, the tests are not.
pytestmark = pytest.mark.usefixtures("anyio_backend")


@pytest.fixture(scope="module")
def api(folder):
    """The package, imported and built."""
    return build(importlib.import_module(folder.name).domain)


def run(*arguments, cwd):
    return subprocess.run(
        [str(TOOLS / arguments[0]), *arguments[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def packages(shop, tmp_path_factory):
    """A folder with packages of one schema, of another, and of all of them."""
    home = tmp_path_factory.mktemp("packages")
    for name, selection in {
        "rental": Selection(),
        "music": Selection(schemas=("music",)),
        "whole": WHOLE,
        "other": Selection(source="other", schemas=("office",)),
    }.items():
        for path, text in files_of(plan(shop, selection), selection).items():
            file = home / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    return home


def test_it_is_formatted_and_lints_clean(packages):
    """`ruff format` finds nothing to change, and this project's own rules nothing to say."""
    settings = packages / "ruff.toml"
    settings.write_text(
        f'extend = "{ROOT / "pyproject.toml"}"\n'
        '[lint.per-file-ignores]\n"**" = ["TC"]\n'  # Strawberry reads annotations at run time
        "[lint.isort]\nknown-first-party = []\n"
    )
    options = ("--config", str(settings), "--no-cache", ".")
    done = run("ruff", "format", "--diff", *options, cwd=packages)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("ruff", "check", *options, cwd=packages)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(240)
def test_it_is_typed_strictly(packages):
    """mypy accepts all of it in strict mode."""
    done = run(
        "mypy",
        *(
            "--strict",
            "--enable-error-code=redundant-expr",
            "--enable-error-code=possibly-undefined",
        ),
        *("--cache-dir", str(packages / ".mypy"), "rental", "music", "whole", "other"),
        cwd=packages,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_table_with_a_key_is_an_entity(api):
    """All but bare joins and what has no key; their columns are all bound or said to be missing."""
    bound = {entity.table.fullname for entity in api.catalog.entities.values()}
    assert len(bound) == 44
    assert not bound & {
        "film_category",  # a bare join: seen through
        "music.playlist_track",
        "sales_by_store",  # views and tables whose rows nothing tells apart
        "office.keyless",
        "office.partly_unique",
        "payment_2024",  # a partition: seen as part of its table
    }
    assert {"film_actor", "film_list", "rental_by_category", "office.unkeyed", "payment"} <= bound


def test_what_is_left_out_is_said(folder):
    """Whoever reads the package learns which columns and tables are missing, and why."""
    index = (folder / "__init__.py").read_text()
    for name in ("office.keyless", "office.partly_unique", "public.sales_by_store"):
        assert f"{name}: nothing in the database says what tells its rows apart." in index
    people = (folder / "people.py").read_text()
    for name in ("home", "counts", "grid", "nothing", "address", "valid", "salary", "daily_start"):
        assert f"# Without {name} (" in people
    assert "# Without password (text): it looks like a secret" in (folder / "staff.py").read_text()
    assert "Shows the rows of Vehicle, too" in (folder / "assets.py").read_text()
    assert "Without home (office.place)" in (folder / "models.py").read_text()


def test_relations_go_both_ways(api):
    """Each foreign key is a field on either side, and a join table a list on both."""
    entities = api.catalog.entities

    def relations(name):
        return {field: one.target for field, one in entities[name].relations.items()}

    assert relations("Film") == {
        "language": "Language",
        "originalLanguage": "Language",
        "filmActors": "FilmActor",
        "inventories": "Inventory",
        "actors": "Actor",
        "categories": "Category",
    }
    assert relations("Language") == {"films": "Film", "filmsByOriginalLanguage": "Film"}
    assert relations("Employee") == {
        "reportsTo": "Employee",
        "customers": "MusicCustomer",
        "employeesByReportsTo": "Employee",
    }
    assert relations("NodeRecord") == {
        "parent": "NodeRecord",
        "children": "NodeRecord",
        "connectionsByFrom": "ConnectionRecord",
        "connectionsByTo": "ConnectionRecord",
    }
    assert relations("Staff")["storeByManagerStaff"] == "Store"
    assert not entities["Staff"].relations["storeByManagerStaff"].many
    assert relations("Person")["followers"] == "Person"
    assert relations("Person")["ticketsByCreatedBy"] == "Ticket"
    assert relations("TicketNote") == {"ticket": "Ticket"}
    assert all(entities["Film"].relations[name].many for name in ("actors", "filmActors"))


def test_taken_names_are_given_way_to(api):
    """Types and fields of GraphQL and the engine keep their names; nothing is lost by it."""
    core = api.schema._schema
    assert {"QueryRecord", "NodeRecord", "ConnectionRecord", "PageInfoRecord"} <= set(core.type_map)
    assert "Exceptions" in core.type_map
    node = core.type_map["NodeRecord"]
    assert {"nodeId", "nodeIdValue"} <= set(node.fields)
    odd = api.catalog.entities["OddName"]
    assert len(odd.columns) == 19
    assert odd.columns["class"].column.name == "class"
    assert odd.columns["andValue"].column.name == "and"
    assert odd.columns["firstName"].column.name == "first_name"
    assert odd.columns["aB"].column.name == "a\nb"


def test_names_the_engine_makes_cannot_be_entities(api):
    """Whatever type the engine makes of `Film` ends as the list of taken ends says."""
    made = {name for name in api.schema._schema.type_map if name.startswith("Playlist")}
    assert made - {"Playlist"}
    for name in made - {"Playlist"}:
        assert name.removeprefix("Playlist") in TYPE_ENDS, name


def test_comments_describe(api):
    """Comments on tables, columns and enums are the descriptions in GraphQL, whatever they hold."""
    types = api.schema._schema.type_map
    assert types["Film"].description == "A film that can be rented."
    assert types["Film"].fields["length"].description == "How long it runs, in minutes."
    assert types["Film"].fields["originalLanguage"].description.startswith("The language it was")
    assert "\"Trailers\", 'Commentaries'" in types["Film"].fields["specialFeatures"].description
    assert types["OddName"].description == '"""\nimport os; os.abort()\n"""'
    assert types["MpaaRating"].description == "Who may see a film."
    assert [value.value for value in types["MpaaRating"].values.values()]
    assert set(types["MpaaRating"].values) == {"G", "PG", "PG_13", "R", "NC_17"}


def test_the_same_database_gives_the_same_text(shop, folder):
    """Nothing hangs on the order in which a dictionary or a set happens to be."""
    again = files_of(plan(shop, WHOLE), WHOLE)
    assert {path: (folder / path).read_text("utf-8") for path in again} == again


def test_a_file_for_each_entity(folder, api):
    """And one for the tables."""
    written = {path.stem for path in folder.glob("*.py")}
    assert {"films", "film_actors", "languages", "people", "models"} <= written
    assert len(written) == len(api.catalog.entities) + len({"__init__", "models"})
