"""`plait pull` shows, writes and keeps: what is a person's is never overwritten unasked."""

import contextlib
import io
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from anyio import to_thread

from gateway.cli import app
from gateway.cli.output import failing_plainly
from gateway.sources.postgres.syncing.install import CATALOGUE, INSTALL
from gateway.workflows.install import engine_where_absent

FIXTURE = Path(__file__).parents[1] / "fixtures" / "media_shop.sql"
SOURCES = ("POSTGRES_", "QDRANT_", "REDIS_", "PLAIT_")
HAND = "\n# A line of my own.\n"


@dataclass
class Done:
    """How a command ended, as of a process of its own."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments):
    """The command line in this process: a second faster than one that has all to import."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            with failing_plainly():
                app(list(arguments))
            code = 0
        except SystemExit as exit_:
            code = exit_.code or 0
    return Done(code, out.getvalue(), err.getvalue())


class Shop:
    """A database of the test's own, and the command in a folder of its own."""

    def __init__(self, monkeypatch, url, folder):
        self.monkeypatch = monkeypatch
        self.url = url
        self.folder = folder / "my_api" / "resolvers"

    async def pull(self, *options):
        """Run `plait pull`."""
        self.monkeypatch.setenv("POSTGRES_URL", self.url)
        return await to_thread.run_sync(run, "pull", *options)

    async def execute(self, *statements):
        """Change the database."""
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            for statement in statements:
                await connection.execute(statement, timeout=60)
        finally:
            await connection.close()

    def files(self):
        """The texts of the package, by path."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_text("utf-8")
            for path in self.folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture(scope="module")
async def full(module_database):
    """The name of a full database that nobody is connected to."""
    url = await module_database()
    connection = await asyncpg.connect(url, timeout=10)
    await connection.execute(FIXTURE.read_text("utf-8"), timeout=60)
    await connection.close()
    return urlsplit(url).path.removeprefix("/")


@pytest.fixture
async def shop(monkeypatch, fresh_database, full, tmp_path):
    """An empty folder and a full database."""
    for name in [name for name in os.environ if name.startswith(SOURCES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PLAIT_RESOLVERS", "my_api.resolvers")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return Shop(monkeypatch, await fresh_database(template=full), tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the package lies that was pulled first, for the tests that begin with it."""
    return tmp_path_factory.mktemp("kept") / "resolvers"


@pytest.fixture
async def pulled(shop, kept):
    """The same, pulled once."""
    if not kept.exists():
        done = await shop.pull("--write")
        assert done.returncode == 0, done.stderr
        shutil.copytree(shop.folder, kept)
    else:
        shutil.copytree(kept, shop.folder)
    return shop


def changed_lines(diff):
    """What a diff takes away and adds, without the stamps of the files."""
    lines = [line for line in diff.splitlines() if re.match(r"[-+](?![-+])", line)]
    return [line for line in lines if "plait pull wrote this" not in line]


async def test_nothing_is_written_unasked(shop):
    """Without --write there is a diff, exit code 1, and no file."""
    done = await shop.pull()
    assert done.returncode == 1
    assert "+class Film:" in done.stdout
    assert "new      films.py" in done.stderr
    assert not shop.folder.exists()


async def test_a_second_run_shows_no_difference(pulled):
    """What was just written is what would be written."""
    for options in ((), ("--check",), ("--write",)):
        done = await pulled.pull(*options)
        assert done.returncode == 0, done.stdout
        assert done.stdout == ""


async def test_a_changed_table_shows_exactly_its_change(pulled):
    """A new column, a wider type, a NOT NULL: the lines of a diff."""
    await pulled.execute(
        "ALTER TABLE city ADD COLUMN population bigint",
        "ALTER TABLE country ALTER COLUMN country TYPE varchar(80)",
        "UPDATE address SET address2 = ''",
        "ALTER TABLE address ALTER COLUMN address2 SET NOT NULL",
        "ALTER TABLE rental DROP COLUMN return_date",
        "ALTER TYPE mpaa_rating ADD VALUE 'X'",
    )
    done = await pulled.pull()
    assert done.returncode == 1
    names = "Connection, belongs_to, by_key, entity, has_many, listing, queries"
    assert changed_lines(done.stdout) == [
        "-    address2: str | None",
        "+    address2: str",
        f"-from gateway import {names}",
        f"+from gateway import BigInt, {names}",
        "+    population: BigInt | None",
        '+    X = "X"',
        '-    sa.Column("address2", sa.Text),',
        '+    sa.Column("address2", sa.Text, nullable=False),',
        '+    sa.Column("population", sa.BigInteger),',
        '-    sa.Column("country", sa.Text, nullable=False),',
        '+    sa.Column("country", sa.String(80), nullable=False),',
        '-    sa.Column("return_date", sa.DateTime(timezone=True)),',
        "-    return_date: dt.datetime | None",
    ]
    assert (await pulled.pull("--write")).returncode == 0
    assert (await pulled.pull()).returncode == 0


async def test_a_table_comes_and_another_goes(pulled):
    """A new table's file is written, that of a dropped one is deleted."""
    await pulled.execute(
        "DROP VIEW film_list, sales_by_store",
        "DROP MATERIALIZED VIEW rental_by_category",
        "DROP TABLE payment",
        "CREATE TABLE voucher (voucher_id serial PRIMARY KEY)",
    )
    done = await pulled.pull("--write")
    assert done.returncode == 0, done.stderr
    files = pulled.files()
    assert "vouchers.py" in files
    assert "payments.py" not in files
    assert "payments" not in files["__init__.py"]


async def test_a_file_changed_by_hand_is_kept(pulled):
    """It counts as it is while there is nothing new for it, and is never written over."""
    mine = pulled.folder / "cities.py"
    mine.write_text(mine.read_text("utf-8") + HAND, "utf-8")
    assert (await pulled.pull()).returncode == 0
    await pulled.execute("ALTER TABLE city ADD COLUMN population integer")
    done = await pulled.pull("--write")
    assert done.returncode == 1
    assert "yours    cities.py" in done.stderr
    assert mine.read_text("utf-8").endswith(HAND)
    assert '"population"' in pulled.files()["models.py"]
    done = await pulled.pull()
    assert done.returncode == 1
    assert "+    population: int | None" in done.stdout
    assert "-# A line of my own." in done.stdout


async def test_a_merge_by_hand_is_accepted(pulled):
    """Whoever takes over the new first line has said that the file is as it should be."""
    mine = pulled.folder / "cities.py"
    mine.write_text(mine.read_text("utf-8") + HAND, "utf-8")
    await pulled.execute("ALTER TABLE city ADD COLUMN population integer")
    await pulled.pull("--write")
    stamp = re.search(
        r"^\+(# plait pull wrote this: \w+)", (await pulled.pull()).stdout, re.MULTILINE
    )[1]
    mine.write_text(stamp + "\n" + mine.read_text("utf-8").partition("\n")[2], "utf-8")
    done = await pulled.pull()
    assert done.returncode == 0, done.stdout


async def test_force_overwrites_the_one_file_it_names(pulled):
    """Only what was named loses what was changed by hand."""
    for name in ("cities.py", "actors.py"):
        path = pulled.folder / name
        path.write_text(path.read_text("utf-8") + HAND, "utf-8")
    await pulled.execute(
        "ALTER TABLE city ADD COLUMN population integer", "ALTER TABLE actor ADD COLUMN age integer"
    )
    done = await pulled.pull("--write", "--force", str(pulled.folder / "cities.py"))
    assert done.returncode == 1
    assert HAND not in pulled.files()["cities.py"]
    assert HAND in pulled.files()["actors.py"]


async def test_a_file_that_pull_did_not_write_is_kept(shop):
    """A package that was there before is nobody's to overwrite, not even its `__init__.py`."""
    shop.folder.mkdir(parents=True)
    (shop.folder / "__init__.py").write_text("mine = True\n")
    done = await shop.pull("--write")
    assert done.returncode == 1
    assert "yours    __init__.py" in done.stderr
    assert shop.files()["__init__.py"] == "mine = True\n"


async def test_options_are_remembered(shop):
    """The next time asks for the same schemas, tables and keys; a further key is added."""
    first = (
        "--schema",
        "public",
        "--schema",
        "music",
        "--tables",
        "!payment*",
        "--tables",
        "!it's",
    )
    assert (await shop.pull(*first, "--key", "film_list=fid,category", "--write")).returncode == 0
    before = shop.files()
    assert "music_customers.py" in before
    assert "payments.py" not in before
    assert (await shop.pull()).returncode == 0
    assert (await shop.pull("--key", "sales_by_store=store_id", "--write")).returncode == 0
    after = shop.files()
    assert "class SalesByStore:" in after["sales_by_stores.py"]
    assert "class FilmListRecord:" in after["film_list_records.py"]
    await shop.execute("DROP VIEW sales_by_store")
    assert (await shop.pull("--write")).returncode == 0
    assert "sales_by_stores.py" not in shop.files()


async def test_a_file_that_cannot_be_written_is_one_line(pulled):
    """A folder in the way of a file: no traceback, and nothing is guessed."""
    await pulled.execute("CREATE TABLE zzz (id integer PRIMARY KEY)")
    (pulled.folder / "zzzs.py").mkdir()
    done = await pulled.pull("--write")
    assert done.returncode == 2
    assert "error: cannot" in done.stderr
    assert "Traceback" not in done.stderr


async def test_what_the_role_may_not_read_is_left_out(shop):
    """Tables and columns without the privilege are not served, and tables are named."""
    await shop.execute(
        "CREATE ROLE pull_reader LOGIN PASSWORD 'reads'",
        "GRANT SELECT ON actor TO pull_reader",
        "GRANT SELECT (film_id, title) ON film TO pull_reader",
    )
    owner, shop.url = shop.url, re.sub(r"//[^@]*@", "//pull_reader:reads@", shop.url)
    try:
        done = await shop.pull("--write")
    finally:
        shop.url = owner
        await shop.execute("DROP OWNED BY pull_reader", "DROP ROLE pull_reader")
    assert done.returncode == 0, done.stderr
    assert "left out, as the role may not read it: public.staff" in done.stderr
    films = shop.files()["films.py"]
    assert "    title: str\n" in films
    assert "\n    description: " not in films
    assert "# Without description: the role that read the database may not read it." in films
    assert "staff.py" not in shop.files()


async def test_what_cannot_be_served_is_said(shop):
    """On the screen and where it would stand; schemas that nobody chose among are named."""
    await shop.execute(
        "CREATE DOMAIN pace AS mpaa_rating",
        "CREATE TABLE pair (id integer PRIMARY KEY, at pace, spot point, genre integer"
        " REFERENCES music.genre)",
        "CREATE TABLE loose (word text)",
    )
    done = await shop.pull("--tables", "pair", "--tables", "loose", "--write")
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert "not read: the schemas music, office; --schema NAME reads one" in said
    loose = "not served: The table public.loose: nothing in the database says what tells its rows"
    assert any(line.startswith(loose) for line in said)
    assert any(line.startswith("left out: columns and relations, 3 in all") for line in said)
    pairs = re.sub(r"\n    # (?!Without)", " ", shop.files()["pairs.py"])
    assert "# Without at (pace): a domain over an enum, which has no operators." in pairs
    assert "# Without spot (point): a type the gateway has no scalar for." in pairs
    assert "# Without a relation to music.genre by genre: that is no entity here; " in pairs
    chosen = await shop.pull("--schema", "public", "--schema", "music", "--check")
    assert "not read" not in chosen.stderr


OWN = [
    "plait_engine.procrastinate_jobs",
    "plait_engine.workflow_runs",
    "plait_sync.vector_changes",
    "public.alembic_version",
    "public.embedding_jobs",
    "public.vector_metadata",
]


async def test_the_gateways_own_tables_are_left_out(shop):
    """Whatever it made for itself, with a line that says how to have one; others stay."""
    await shop.execute(
        "CREATE TABLE alembic_version (version_num text PRIMARY KEY)",
        engine_where_absent(),
        CATALOGUE,
        *INSTALL,
        "ALTER TABLE vector_metadata DROP CONSTRAINT fk_vector_metadata_collection_id",
        "ALTER TABLE embedding_jobs DROP CONSTRAINT fk_embedding_jobs_collection_id",
        "DROP TABLE collections",
        "CREATE TABLE collections (name text PRIMARY KEY, season text)",
    )
    schemas = ("--schema", "public", "--schema", "plait_engine", "--schema", "plait_sync")
    done = await shop.pull(*schemas, "--write")
    assert done.returncode == 0, done.stderr
    (line,) = [one for one in done.stderr.splitlines() if "the gateway's own" in one]
    told = line.partition(": ")[2].partition("; ")[0].split(", ")
    assert {*OWN} <= {*told}
    assert all(one in OWN or one.startswith("plait_engine.procrastinate_") for one in told)
    assert line.endswith(f"--tables '*' --tables {told[0]} takes one in")
    models = shop.files()["models.py"]
    assert '"collections"' in models
    for name in told:
        assert f'"{name.partition(".")[2]}"' not in models
    done = await shop.pull("--tables", "*", "--tables", "vector_metadata", "--write")
    assert "public.embedding_jobs" in done.stderr
    assert "public.vector_metadata" not in done.stderr
    assert '"vector_metadata"' in shop.files()["models.py"]
    done = await shop.pull("--tables", "film*", "--check")
    assert "the gateway's own" not in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--source", "other"), "there is no postgres.other"),
        (("--schema", "nowhere"), "there is no schema 'nowhere'; there is music, office, public"),
        (("--tables", "nothing*"), "there is nothing to pull"),
        (("--key", "film_list"), "--key: expected VIEW=COLUMN"),
        (("--key", "film_lists=fid"), "there is no table or view 'film_lists'"),
        (("--key", "film_list=nope"), "film_list has no column 'nope'; it has fid,"),
        (("--write", "--check"), "--write and --check exclude each other"),
        (("--force", "nowhere.py"), "--force: nowhere.py is not a file of this package"),
    ],
)
async def test_wrong_options_are_one_line(shop, options, message):
    """No traceback, exit code 2, nothing written, and nothing of the address."""
    done = await shop.pull(*options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "postgresql://" not in done.stderr + done.stdout
    assert not shop.folder.exists()


async def test_an_unreachable_database_is_one_line(plait):
    """The command says that it cannot be reached, without address or password."""
    done = plait("pull", POSTGRES_URL="postgresql://someone:hunter2@127.0.0.1:1/db")
    assert done.returncode == 1
    assert "error: The database cannot be reached." in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
