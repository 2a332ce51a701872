"""When a process that serves ends: told by a signal, or left behind by the one that started it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def end_at_hangup() -> None:
    """Let SIGHUP, which a closing terminal sends, end this process as SIGTERM does.

    Where it is ignored, as under `nohup`, it stays so.
    """
    if not hangup_ignored():
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


def hangup_ignored() -> bool:
    """Whether whoever started us wants a closing terminal to change nothing."""
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def end_with_parent() -> None:
    """Let a process of `multiprocessing` end as at SIGTERM when its parent does, however it does.

    A parent that was killed tells nobody, and its workers would keep the port for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def follow() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="parent", daemon=True).start()
