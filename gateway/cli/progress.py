"""Progress bars: one for each named stage, advanced by plain calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from gateway.cli.output import console

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import TaskID


class Bars:
    """Bars on standard error while the `with` block lasts; call it to report.

    Where standard error is no terminal, each stage is one line when it is done.
    """

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        self._console = console()
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            Elapsed(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._done: set[str] = set()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` of this stage are done; may be called from any thread."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)
        if done >= total and stage not in self._done:
            self._done.add(stage)
            if not self._console.is_terminal:
                self._console.print(f"{stage}: {total}")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
