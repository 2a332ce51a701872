"""Progress bars: one for each named stage, advanced by plain calls."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.cli.output import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import TaskID


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on standard error; gives what tells of a stage, how much is done, and of how much.

    It may be called from any thread. Where standard error is no terminal, each stage is one line
    when it is done, and says how long it took.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    out = console()
    text = TextColumn("{task.description:<28}")
    shown = Progress(
        text, BarColumn(), MofNCompleteColumn(), Elapsed(), console=out, disable=not out.is_terminal
    )
    tasks: dict[str, TaskID] = {}
    ended: set[str] = set()
    begun: dict[str, float] = {}

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = shown.add_task(stage, total=total)
            begun[stage] = time.perf_counter()
        shown.update(tasks[stage], completed=done, total=total)
        if done >= total and stage not in ended:
            ended.add(stage)
            if not out.is_terminal:
                count = f" {total:,}" if total > 1 else ""
                out.print(f"{stage}:{count} done in {time.perf_counter() - begun[stage]:.1f} s")

    with shown:
        yield tell
