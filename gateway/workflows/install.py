"""The SQL side of jobs: procrastinate's schema at a given version, and functions of ours.

All tables lie in the schema `plait_engine`, apart from the domain's; the functions `plait_defer`
and `plait_cancel` in `public`, where triggers find them.
"""

from __future__ import annotations

from importlib import resources

_FOLDER = resources.files(__package__) / "sql"


def engine_schema(after: str, until: str) -> list[str]:
    """Give procrastinate's own migrations that are newer than `after`, up to the version `until`.

    Versions are written as its files are named: `03.04.00`. Each text holds many statements, to be
    run with `plait_engine` first in the search path.
    """
    folder = resources.files("procrastinate.sql") / "migrations"
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".sql"))
    wanted = [name for name in names if after < name.partition("_")[0] <= until]
    return [(folder / name).read_text(encoding="utf-8") for name in wanted]


INSTALL: tuple[str, ...] = tuple(
    (_FOLDER / f"{name}.sql").read_text("utf-8")
    for name in (
        "job_queue",
        "job_queue_trigger",
        "jobs_queued",
        "job_started",
        "job_started_trigger",
        "plait_defer",
        "plait_cancel",
    )
)
"""Statements that create our functions and the triggers on procrastinate's table, or renew them.

They are run with `plait_engine` in the search path, where procrastinate's own triggers look.
"""

RUNS = (_FOLDER / "workflow_runs.sql").read_text("utf-8")
"""A script that creates the table of runs, to be watched by `plait_watch`."""

REMOVE: tuple[str, ...] = (
    "DROP FUNCTION public.plait_defer(text, jsonb, text, text, interval, integer)",
    "DROP FUNCTION public.plait_cancel(text)",
    "DROP SCHEMA plait_engine CASCADE",
)
"""Statements that drop all of it, with every job and run."""

_WHERE_ABSENT = """
DO $install$
DECLARE
    before text := current_setting('search_path');
BEGIN
    PERFORM set_config('search_path', 'plait_engine, public', true);
    IF to_regclass('plait_engine.procrastinate_jobs') IS NULL THEN
        CREATE SCHEMA plait_engine;
        EXECUTE $engine$
{engine}
        $engine$;
        EXECUTE $runs$
{runs}
        $runs$;
    END IF;
    IF to_regprocedure('plait_engine.job_queue()') IS NULL THEN
        EXECUTE $ours$
{ours}
        $ours$;
    END IF;
    PERFORM set_config('search_path', before, true);
END
$install$
"""


def engine_where_absent() -> str:
    """One statement that creates what is absent, as the installed procrastinate needs it."""
    engine = "\n".join(engine_schema("", "99"))
    return _WHERE_ABSENT.format(engine=engine, runs=RUNS, ours=";\n".join(INSTALL))
