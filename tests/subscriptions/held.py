"""Notes whose reading a test can hold back once it has begun, by an advisory lock."""

import sqlalchemy as sa

from gateway import Domain, by_key, entity, queries

HELD = 7301
"""Who holds this lock holds back all who read."""

notes = sa.Table(
    "held_notes",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)
SCRIPT = f"""
create table held_notes (id integer primary key, text text not null);
insert into held_notes values (1, 'before');
create function may_pass(integer) returns boolean language plpgsql as $$
begin
  perform pg_advisory_lock_shared({HELD});
  perform pg_advisory_unlock_shared({HELD});
  return true;
end $$;
"""  # noqa: S608 - a number


@entity(notes, rule=lambda row, _: sa.func.may_pass(row.id))
class Note:
    """Shown when it may pass."""

    id: int
    text: str


@queries
class Query:
    note: Note | None = by_key()


domain = Domain(entities=[Note], queries=[Query])
