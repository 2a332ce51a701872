"""What a client may hear of PostgreSQL's errors, and which code it gets."""

from __future__ import annotations

import asyncpg
import pytest

from gateway.errors import (
    Code,
    ConfigurationError,
    SourceDataError,
    SourceOverloaded,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gateway.sources.postgres.connections.connect import Connector
from gateway.sources.postgres.faults import connect_fault, fault

SECRET = "select 'hunter2' from db.internal"


def raised(state: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": state, "M": SECRET, "S": "ERROR", "V": "ERROR"})


@pytest.mark.parametrize(
    ("state", "kind", "code"),
    [
        ("22012", SourceDataError, Code.SOURCE_DATA),
        ("22P02", SourceDataError, Code.SOURCE_DATA),
        ("21000", SourceDataError, Code.SOURCE_DATA),
        ("57014", SourceTimeout, Code.SOURCE_TIMEOUT),
        ("57P01", SourceUnavailable, Code.SOURCE_UNAVAILABLE),
        ("57P03", SourceUnavailable, Code.SOURCE_UNAVAILABLE),
        ("08006", SourceUnavailable, Code.SOURCE_UNAVAILABLE),
        ("40001", SourceUnavailable, Code.SOURCE_UNAVAILABLE),
        ("28P01", SourceUnavailable, Code.SOURCE_UNAVAILABLE),
        ("53300", SourceOverloaded, Code.SOURCE_OVERLOADED),
        ("42501", SourceRefused, Code.FORBIDDEN),
        ("42P01", SourceRefused, Code.SOURCE_ERROR),
        ("23505", SourceRefused, Code.SOURCE_ERROR),
        ("XX000", SourceRefused, Code.SOURCE_ERROR),
    ],
)
def test_sqlstates_have_one_meaning_each(state: str, kind: type, code: Code) -> None:
    """Each class of SQLSTATE becomes one kind of error, which tells the state and nothing else."""
    found = fault(raised(state))
    assert type(found) is kind
    assert found.code == code
    assert found.details == {"sqlstate": state}
    assert "hunter2" not in found.message
    assert "internal" not in found.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), SourceTimeout),
        (ConnectionResetError(SECRET), SourceUnavailable),
        (OSError(SECRET), SourceUnavailable),
        (asyncpg.ConnectionDoesNotExistError(SECRET), SourceUnavailable),
        (asyncpg.DataError(SECRET), SourceDataError),
        (asyncpg.InterfaceError(SECRET), SourceRefused),
        (KeyError(SECRET), SourceRefused),
    ],
)
def test_errors_of_the_driver_are_masked(error: Exception, kind: type) -> None:
    """What the driver or the network says never reaches a client."""
    found = fault(error)
    assert type(found) is kind
    assert "hunter2" not in f"{found.message}{found.details}"


def test_an_error_of_the_gateway_stays_what_it_is() -> None:
    """Translating twice does no harm."""
    known = SourceTimeout("late")
    assert fault(known) is known


def test_too_many_connections_at_start_up_is_no_configuration_error() -> None:
    """It may pass; a wrong password does not."""
    assert type(connect_fault(raised("53300"))) is SourceOverloaded
    assert type(connect_fault(ConnectionRefusedError(SECRET))) is SourceUnavailable
    assert type(connect_fault(raised("28P01"))) is ConfigurationError


async def test_an_unknown_database_is_a_configuration_error(postgres_url: str) -> None:
    """A name that is wrong in the settings is told as such, without repeating it."""
    with pytest.raises(asyncpg.InvalidCatalogNameError) as refused:
        await Connector(f"{postgres_url}_hunter2")()
    found = connect_fault(refused.value)
    assert type(found) is ConfigurationError
    assert "hunter2" not in f"{found.message}{found.details}"
