"""Values as files of one folder, written so that a crash leaves the old or the new, never a part.

A file is a record (`gateway.context.record`) named by the hash of its key: no key can name a place
of its own choosing. It is reached from the open folder, and no symbolic link is followed.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gateway.context import record
from gateway.context.contract import Store
from gateway.errors import ConfigurationError, SourceDataError, SourceRefused, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gateway.context.contract import Place
    from gateway.context.keys import Pattern

T = TypeVar("T")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNFINISHED = ".new-"
_STALE_SECONDS = 3_600.0
"""Age at which a file that was never finished is a dead writer's."""
_PRUNED = 1_000


class FileStore(Store):
    """Files in a folder, which is made where it is missing; several processes may share it."""

    def __init__(self, place: Place) -> None:
        settings = place.settings
        self._path = Path(settings.path)
        self._prefix = place.prefix
        self._most = settings.max_value_bytes + record.HEAD_BYTES
        self._clock = place.clock
        self._threads = settings.connections
        self._pool: ThreadPoolExecutor | None = None
        self._root = -1

    async def connect(self) -> None:
        """See `Store`."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="plait-context")
        await self._run(self._open)

    async def disconnect(self) -> None:
        """See `Store`; what is under way finishes by itself."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.submit(self._close)
            pool.shutdown(wait=False)

    async def ping(self) -> None:
        """See `Store`."""
        await self._run(lambda: os.fstat(self._root))

    async def put(self, values: Mapping[str, bytes], ttl: float | None) -> None:
        """See `Store`; on the disk when this returns."""
        ends = None if ttl is None else self._clock() + ttl
        names = [self._prefix + key for key in values]
        records = dict(zip(names, values.values(), strict=True))
        shares = [names[start :: self._threads] for start in range(self._threads)]

        def write(share: list[str]) -> None:
            for name in share:
                self._write(name, record.write(name, records[name], ends))

        await asyncio.gather(*(self._run(partial(write, share)) for share in shares if share))

    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `Store`."""
        now = self._clock()
        return await self._run(lambda: [self._read(self._prefix + key, now) for key in keys])

    async def has(self, key: str) -> bool:
        """See `Store`."""
        name, now = self._prefix + key, self._clock()
        return await self._run(lambda: self._is_live(name, now))

    async def remove(self, key: str) -> bool:
        """See `Store`."""
        name, now = self._prefix + key, self._clock()

        def remove() -> bool:
            with self._locked():
                head = self._head(_file(name))
                live = head is not None and head.live(now)
                return self._unlinked(_file(name)) and live

        return await self._run(remove)

    async def find(self, pattern: Pattern, limit: int) -> list[str]:
        """See `Store`; looks into every file."""
        start, now = len(self._prefix), self._clock()

        def find() -> list[str]:
            found = []
            for _, head in self._heads():
                if head.live(now) and pattern.matches(head.key[start:]):
                    found.append(head.key[start:])
                    if len(found) == limit:
                        break
            return found

        return await self._run(find)

    async def count(self) -> int:
        """See `Store`; looks into every file."""
        now = self._clock()
        return await self._run(lambda: sum(head.live(now) for _, head in self._heads()))

    async def prune(self) -> int:
        """See `Store`; also what dead writers left."""
        now = self._clock()

        def prune() -> int:
            gone = 0
            for file, head in self._heads(clean=True):
                if not head.live(now):
                    gone += self._forgotten(file, now)
                    if gone == _PRUNED:
                        break
            return gone

        return await self._run(prune)

    # In threads -------------------------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pool is None:
            raise SourceUnavailable("The datasource is not connected.")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except OSError as error:
            raise _fault(error) from error

    def _open(self) -> None:
        if self._root >= 0:
            return
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The folder itself may be a link: where it leads is its owner's decision.
            self._root = os.open(self._path, _FOLDER)
            probe = _UNFINISHED + secrets.token_hex(8)
            os.close(os.open(probe, _WRITE, 0o600, dir_fd=self._root))
            os.unlink(probe, dir_fd=self._root)
        except OSError as error:
            raise ConfigurationError(
                f"the folder cannot be made or written ({errno.errorcode.get(error.errno or 0)})"
            ) from None

    def _close(self) -> None:
        root, self._root = self._root, -1
        if root >= 0:
            os.close(root)

    def _write(self, name: str, body: bytes) -> None:
        unfinished = _UNFINISHED + secrets.token_hex(8)
        file = os.open(unfinished, _WRITE, 0o600, dir_fd=self._root)
        try:
            try:
                with open(file, "wb", buffering=0, closefd=False) as stream:
                    rest = memoryview(body)
                    while rest:
                        rest = rest[stream.write(rest) :]
                os.fsync(file)
            finally:
                os.close(file)
            with self._locked():
                os.replace(unfinished, _file(name), src_dir_fd=self._root, dst_dir_fd=self._root)
        except BaseException:
            self._unlinked(unfinished)
            raise
        os.fsync(self._root)

    def _read(self, name: str, now: float) -> bytes | None:
        with self._opened(_file(name)) as file:
            if file is None:
                return None
            with open(file, "rb", closefd=False) as stream:
                body = stream.read(self._most + 1)
        if len(body) > self._most:
            raise SourceDataError("The stored value is larger than the settings allow.")
        return record.read(body, name, now)

    def _is_live(self, name: str, now: float) -> bool:
        with self._opened(_file(name)) as file:
            head = None if file is None else record.head(os.read(file, record.HEAD_BYTES))
        return head is not None and head.key == name and head.live(now)

    @contextmanager
    def _opened(self, file: str) -> Iterator[int | None]:
        """A file of the folder, to read; None where there is none."""
        opened = None
        with suppress(FileNotFoundError):
            opened = os.open(file, _READ, dir_fd=self._root)
        try:
            yield opened
        finally:
            if opened is not None:
                os.close(opened)

    @contextmanager
    def _folder(self) -> Iterator[int]:
        """The folder opened once more: threads would share the lock and the place of another."""
        own = os.open(".", _FOLDER, dir_fd=self._root)
        try:
            yield own
        finally:
            os.close(own)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among all who write: what is looked at is what is then removed."""
        with self._folder() as own:
            fcntl.flock(own, fcntl.LOCK_EX)
            yield

    def _heads(self, *, clean: bool = False) -> Iterator[tuple[str, record.Head]]:
        """Every value of this prefix: its file, and what its record says."""
        with self._folder() as own:
            names = sorted(os.listdir(own))  # noqa: PTH208 - pathlib knows no open folders
        for file in names:
            head = self._head(file)
            if head is not None and head.key.startswith(self._prefix):
                yield file, head
            elif clean and file.startswith(_UNFINISHED):
                self._forget_stale(file)

    def _head(self, file: str) -> record.Head | None:
        """What a file's record says; None where it is gone, or none of ours."""
        if file.startswith(_UNFINISHED):
            return None
        try:
            with self._opened(file) as opened:
                found = None if opened is None else record.head(os.read(opened, record.HEAD_BYTES))
        except OSError:
            return None
        return found if found is not None and _file(found.key) == file else None

    def _forgotten(self, file: str, now: float) -> bool:
        """Remove a value, unless it has been written anew meanwhile."""
        with self._locked():
            head = self._head(file)
            return head is not None and not head.live(now) and self._unlinked(file)

    def _forget_stale(self, file: str) -> None:
        with suppress(FileNotFoundError):
            age = time.time() - os.stat(file, dir_fd=self._root, follow_symlinks=False).st_mtime
            if age > _STALE_SECONDS:
                self._unlinked(file)

    def _unlinked(self, file: str) -> bool:
        try:
            os.unlink(file, dir_fd=self._root)
        except FileNotFoundError:
            return False
        return True


def _file(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _fault(error: OSError) -> SourceUnavailable | SourceRefused:
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        return SourceRefused("The folder of the datasource holds a symbolic link.")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return SourceRefused("The folder of the datasource may not be used.")
    return SourceUnavailable("The folder of the datasource cannot be used now.")
