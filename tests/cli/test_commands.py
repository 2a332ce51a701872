"""Commands say what they did, and what is wrong in one line, with an exit code that means it."""

import re
import subprocess
import sys
from importlib.metadata import version

import asyncpg
import pytest

from gateway.sources.postgres.feed.functions import WATCHED

HEAVY = ("strawberry", "graphql", "sqlalchemy", "asyncpg", "qdrant_client", "uvicorn", "numpy")


def test_help_names_every_command(plait):
    """`plait --help` is complete."""
    done = plait("--help")
    assert done.returncode == 0
    for command in ("serve", "demo", "schema", "migrate", "explain", "doctor"):
        assert f" {command} " in done.stdout


def test_the_version_is_told(plait):
    """`plait --version` prints the name and the version that is installed, and does nothing else."""
    done = plait("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"plait {version('plait')}\n"


def test_help_loads_nothing_heavy(environment):
    """Saying what there is needs neither the engine nor a vendor's package."""
    script = f"import sys, gateway.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_wrong_setting_is_one_line(plait):
    """No traceback, the setting's names, exit code 2, and never the value."""
    done = plait("migrate", "current", PLAIT_SERVE_PORT="hunter2", POSTGRES_PASSWORD="hunter2")
    assert done.returncode == 2
    assert "error: serve.port (PLAIT_SERVE_PORT): expected a whole number" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_the_settings_file_can_be_named(plait, tmp_path):
    """`--config` is read instead of plait.toml; a missing one is an error."""
    (tmp_path / "plait.toml").write_text("[serve]\nport = -1\n")
    (tmp_path / "other.toml").write_text("[serve]\nport = -2\nworkers = 0\n")
    assert "serve.workers" not in plait("migrate", "current").stderr
    assert "serve.workers" in plait("--config", "other.toml", "migrate", "current").stderr
    assert "no settings file" in plait("--config", "none.toml", "migrate", "current").stderr


async def test_migrate_up_and_down(plait, fresh_database):
    """Up to the newest, one down, down to nothing; each says where the database then stands."""
    url = await fresh_database()

    def migrate(*arguments, typed=""):
        done = plait("migrate", *arguments, typed=typed, POSTGRES_URL=url)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert migrate("current") == "base"
    newest = migrate("up")
    assert newest != "base"
    assert migrate("current") == newest
    below = migrate("down", "-1", "--yes")
    assert below not in (newest, "base")
    assert migrate("up") == newest
    assert migrate("down", "base", typed="y\n").endswith("base")


async def test_migrating_down_asks_first(plait, fresh_database):
    """Without a yes nothing is taken away."""
    url = await fresh_database()
    newest = plait("migrate", "up", POSTGRES_URL=url).stdout
    for typed in ("n\n", ""):
        assert plait("migrate", "down", "base", typed=typed, POSTGRES_URL=url).returncode != 0
    assert plait("migrate", "current", POSTGRES_URL=url).stdout == newest


OWN = """
import sqlalchemy as sa
from gateway import Domain, WorkflowRun, entity, many_through, Connection, queries, listing

tables = sa.MetaData()
table = sa.Table("Odd's", tables, sa.Column("id", sa.Integer, primary_key=True))
seen = sa.Table("seen", tables, sa.Column("id", sa.Integer, primary_key=True))
between = sa.Table(
    "between_odds", tables, sa.Column("a", sa.ForeignKey(table.c.id), primary_key=True),
    sa.Column("b", sa.ForeignKey(table.c.id), primary_key=True),
)


@entity(table)
class Odd:
    id: int
    others: Connection["Odd"] = many_through(between, "a")


@entity(seen)
class Seen:
    id: int


@queries
class Queries:
    odds: Connection[Odd] | None = listing()
    seen: Connection[Seen] | None = listing()


domain = Domain(entities=[Odd, Seen, WorkflowRun], queries=[Queries])
"""


async def test_what_the_gateway_itself_needs(plait, fresh_database, tmp_path):
    """A domain without migrations gets runs and the change feed by one script, again and again."""
    url = await fresh_database()
    (tmp_path / "own.py").write_text(OWN)
    done = plait("migrate", "sql", PLAIT_RESOLVERS="own")
    assert done.returncode == 0, done.stderr
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            'CREATE TABLE "Odd\'s" (id int PRIMARY KEY); CREATE VIEW seen AS SELECT 1 AS id;'
            "CREATE TABLE between_odds (a int, b int, PRIMARY KEY (a, b))"
        )
        doctor = plait("doctor", PLAIT_RESOLVERS="own", POSTGRES_URL=url)
        assert "`plait migrate sql` prints what makes it" in doctor.stderr
        await connection.execute("CREATE ROLE odd_reader LOGIN PASSWORD 'reads'")
        try:
            reader = re.sub(r"//[^@]*@", "//odd_reader:reads@", url)
            doctor = plait("doctor", PLAIT_RESOLVERS="own", POSTGRES_URL=reader)
        finally:
            await connection.execute("DROP OWNED BY odd_reader; DROP ROLE odd_reader")
        assert doctor.returncode == 2
        assert (
            "Odd.others: role odd_reader lacks SELECT on table between_odds; "
            "run: GRANT SELECT ON between_odds TO odd_reader;" in doctor.stderr
        )
        await connection.execute(done.stdout)
        await connection.execute(done.stdout)
        watched = {row["name"] for row in await connection.fetch(WATCHED, "plait_changes")}
        assert watched == {"Odd's", "between_odds", "workflow_runs"}
        assert (
            await connection.fetchval("SELECT count(*) FROM plait_engine.procrastinate_jobs") == 0
        )
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["up"], {}, "there is no postgres.default; POSTGRES_URL names one"),
        (
            ["up", "--source", "b"],
            {"POSTGRES_A_HOST": "h"},
            "there is no postgres.b; there is a; POSTGRES_B_URL names one",
        ),
        (["up"], {"POSTGRES_HOST": "h", "PLAIT_MIGRATIONS": "nowhere"}, "migrations (PLAIT_"),
    ],
)
def test_what_is_missing_to_migrate_is_named(plait, arguments, variables, message):
    """A database or a package that is not there is a wrong setting."""
    done = plait("migrate", *arguments, **variables)
    assert done.returncode == 2
    assert message in done.stderr


def test_the_bundled_migrations_are_for_the_bundled_domain(plait, tmp_path):
    """Another domain's database gets no tables of ours; its own folder of that name is taken."""
    other = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1", "PLAIT_RESOLVERS": "shop"}
    done = plait("migrate", "up", **other)
    assert done.returncode == 2
    assert "there is no folder migrations; name those of shop" in done.stderr
    (tmp_path / "migrations").mkdir()
    assert "cannot be reached" in plait("migrate", "up", **other).stderr


def test_a_domain_of_the_folder_comes_before_an_installed_one(environment, tmp_path):
    """A package called as the bundled one is served where it lies; a library keeps its name."""
    domain = tmp_path / "resolvers"
    domain.mkdir()
    (domain / "__init__.py").write_text(
        "import strawberry\nfrom gateway import Domain, queries\n\n\n@queries\nclass Mine:\n"
        "    @strawberry.field\n    def mine(self) -> int:\n        return 1\n\n\n"
        "domain = Domain(entities=[], queries=[Mine])\n"
    )
    (tmp_path / "msgspec").mkdir()
    (tmp_path / "msgspec" / "__init__.py").write_text("raise SystemExit(9)\n")
    # As the console script does, which does not put the folder first as `-m` alone would.
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gateway.cli", "schema", "print"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mine: Int!" in done.stdout
    assert "trends" not in done.stdout


def test_a_database_that_is_away_is_said(plait):
    """No traceback and no address with its password; exit code 1."""
    done = plait("migrate", "up", POSTGRES_URL="postgresql://u:hunter2@127.0.0.1:1/d")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr
