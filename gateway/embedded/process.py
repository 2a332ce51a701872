"""Processes of the embedded engines: started on a leash, watched, frozen, ended.

Linux only: the leash is `PR_SET_PDEATHSIG`, and families of processes are read from /proc.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.embedded import leash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

POLL_SECONDS = 0.005
KILL_SECONDS = 5.0
LOG_BYTES = 5_000_000
_GONE = frozenset("ZXx")
_STOPPED = frozenset("Tt")


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group an engine runs as."""

    uid: int
    gid: int

    @classmethod
    def own(cls) -> Account:
        """The account of this process."""
        return cls(os.getuid(), os.getgid())


@dataclass(frozen=True, slots=True)
class Member:
    """A process that cannot be mistaken for a later one of the same number.

    `born` is the boot and the clock tick at which it started.
    """

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> Member | None:
        """The living process `pid`, or None. A zombie does not live."""
        stat = _stat(pid)
        return None if stat is None or stat.state in _GONE else cls(pid, stat.born)

    @classmethod
    def started(cls, pid: int) -> Member:
        """The process `pid`, our own child, not waited for yet: there even if it has ended."""
        stat = _stat(pid)
        if stat is None:
            raise ProcessLookupError(pid)
        return cls(pid, stat.born)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Member.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Signal the process if it still lives."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    state: str
    born: str


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    words = text.rpartition(")")[2].split()  # the name before it may hold anything
    return _Stat(parent=int(words[1]), state=words[0], born=f"{_boot()}:{words[19]}")


def _children(pid: int) -> list[Member]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    stats = [(each, stat) for each in pids if (stat := _stat(each)) is not None]
    return [
        Member(each, stat.born)
        for each, stat in stats
        if stat.parent == pid and stat.state not in _GONE
    ]


def freeze(member: Member) -> list[Member]:
    """Stop a process and its children with SIGSTOP; returns all of them, the process first.

    The parent first, so that it cannot have another child in between.
    """
    member.send(signal.SIGSTOP)
    wait_until(lambda: _is_stopped(member), KILL_SECONDS)
    children = _children(member.pid)
    for child in children:
        child.send(signal.SIGSTOP)
    return [member, *children]


def thaw(member: Member) -> None:
    """Let a frozen process and its children go on."""
    for one in (*_children(member.pid), member):
        one.send(signal.SIGCONT)


def kill(member: Member) -> None:
    """End a process and its children with SIGKILL and wait until none is left."""
    family = freeze(member)
    for one in family:
        one.send(signal.SIGKILL)
    wait_until(lambda: not any(one.alive() for one in family), KILL_SECONDS)


def end(member: Member, stop_signal: signal.Signals, seconds: float) -> None:
    """End a process that is not our child: by `stop_signal`, after `seconds` by SIGKILL."""
    thaw(member)
    member.send(stop_signal)
    if not wait_until(lambda: not member.alive(), seconds):
        kill(member)


def _is_stopped(member: Member) -> bool:
    stat = _stat(member.pid)
    return stat is None or stat.born != member.born or stat.state in _GONE | _STOPPED


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until `condition` holds; False when it does not within `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True


def keeper() -> ThreadPoolExecutor:
    """The one thread that starts engines, and lives until they have ended.

    The kernel counts the end of the *thread* that forked as the death of the parent, so that an
    engine started from a short-lived thread would end with it.
    """
    return ThreadPoolExecutor(1, "engine-keeper")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, where and as whom.

    The program starts in `cwd` even where `account` could not have walked there.
    """

    program: Sequence[str]
    cwd: Path
    stop_signal: signal.Signals
    account: Account
    environment: Mapping[str, str]

    def popen(self, **streams: Any) -> subprocess.Popen[bytes]:
        """Start it on the leash of the calling thread; `streams` as `subprocess.Popen` takes."""
        words = (os.getpid(), self.stop_signal.value, self.account.uid, self.account.gid)
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            [sys.executable, "-I", "-S", leash.__file__, *map(str, words), *self.program],
            cwd=self.cwd,
            env=dict(self.environment),
            start_new_session=True,  # Ctrl-C is for the owner, who stops the engines in order
            **streams,
        )


class Log:
    """The file an engine writes to, and what it said since it was started last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".old.log"))
        self._start = path.stat().st_size if path.exists() else 0

    def said(self) -> str:
        """The text since the start, at most its last 64 KiB."""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._start, size - 65_536))
            return file.read().decode(errors="replace")

    def complaint(self) -> str:
        """The line that most likely says why the engine ended; empty if it said nothing."""
        lines = [line.strip() for line in self.said().splitlines() if line.strip()]
        grave = [line for line in lines if re.search("fatal|error", line, re.IGNORECASE)]
        return (grave or lines or [""])[-1]


class EngineProcess:
    """A running engine: its process and the children of it."""

    def __init__(self, command: Command, log: Log) -> None:
        """Start it. The calling thread must live as long as the engine (see `keeper`)."""
        with log.path.open("ab") as file:
            self._popen = command.popen(
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )
        self.log = log
        self.pid = self._popen.pid
        self.member = Member.started(self.pid)
        self._stop_signal = command.stop_signal
        self._asked = False

    @property
    def alive(self) -> bool:
        """Whether the engine's main process runs."""
        return self._popen.poll() is None

    def freeze(self) -> None:
        """SIGSTOP to the whole engine: it keeps its connections and says nothing."""
        freeze(self.member)

    def thaw(self) -> None:
        """SIGCONT to the whole engine."""
        thaw(self.member)

    def kill(self) -> None:
        """SIGKILL to the whole engine, as a crash of the machine would be; waits for the end."""
        if self.alive:
            kill(self.member)
        self._popen.wait(KILL_SECONDS)

    def ask_to_stop(self) -> None:
        """Send the signal for a clean stop; does not wait."""
        if self.alive and not self._asked:
            self._asked = True
            self.thaw()
            self.member.send(self._stop_signal)

    def stop(self, seconds: float) -> None:
        """Stop cleanly; after `seconds` by force. Idempotent."""
        self.ask_to_stop()
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
