"""Ties an engine to its owner's life, then becomes the engine.

    python -I -S leash.py OWNER_PID SIGNAL UID GID PROGRAM [ARGUMENT…]

Run between fork and exec of every engine, instead of a `preexec_fn`, which may deadlock where
threads run. When the owner ends, however it ends, the kernel sends SIGNAL to the engine. The
standard library is all this file may import.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, number: int, user: int, group: int, program: list[str]) -> None:
    """Change to `user`, ask for signal `number` at the end of `parent`, and exec `program`."""
    if user != os.getuid():
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    os.umask(0o077)
    # After setuid: a change of credentials clears the request.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        return  # the owner ended before the request was made: there is nobody to serve
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execv(program[0], program)  # noqa: S606 - a fixed program, no shell wanted


if __name__ == "__main__":
    owner, death_signal, uid, gid = map(int, sys.argv[1:5])
    become(owner, death_signal, uid, gid, sys.argv[5:])
