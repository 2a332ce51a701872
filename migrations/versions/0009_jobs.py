"""Create the tables of jobs and runs, apart from the domain's: in schema `plait_engine`."""

from typing import Any

from alembic import context, op

from gateway.workflows.install import INSTALL, REMOVE, RUNS, engine_schema

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ENGINE = "03.04.00"
"""The version of procrastinate's schema; a later one is another revision's business."""


def upgrade() -> None:
    """Create the schema, procrastinate's part of it, then ours; watch the runs."""
    op.execute("CREATE SCHEMA plait_engine")
    op.execute("SET LOCAL search_path = plait_engine, public")
    for script in engine_schema("", ENGINE):
        run_script(script)
    for statement in INSTALL:
        op.execute(statement)
    op.execute("SET LOCAL search_path TO DEFAULT")
    run_script(RUNS)
    op.execute("SELECT plait_watch('plait_engine.workflow_runs')")


def downgrade() -> None:
    """Drop all of it, with every job and run."""
    op.execute("SELECT plait_unwatch('plait_engine.workflow_runs')")
    for statement in REMOVE:
        op.execute(statement)


def run_script(text: str) -> None:
    """Run many statements at once, which takes the driver's own way: without arguments."""
    if context.is_offline_mode():
        op.execute(text)
    else:
        connection: Any = op.get_bind().connection.dbapi_connection
        connection.run_async(lambda driver: driver.execute(text))
