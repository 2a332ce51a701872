"""`python -m bench`: run the workloads, print the tables, write the figures and the picture."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

from bench import (
    cache,
    cache_report,
    cache_stage,
    contexts,
    picture,
    quality,
    report,
    soak,
    sync,
    sync_report,
    vectors,
    vectors_report,
    vectors_stage,
)
from bench import figures as results
from bench.database import ROOT, tidy
from bench.figures import PROXYING
from bench.load import LoadError, Wrk, find_wrk
from bench.measure import Measurer, Plan
from bench.replies import ReplyError
from bench.servers import ServerError
from bench.stage import KEPT, staged
from bench.upstream_calls import check_calls
from bench.workloads import PLAIT, SERVERS, WORKLOADS
from gateway.errors import PlaitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.cache import CacheRow
    from bench.figures import Added, Figure
    from bench.quality import Quality
    from bench.vectors import VectorWorkload
    from bench.vectors_figures import VectorRow
    from bench.workloads import Workload

OUT = ROOT / "bench" / "out" / "results.json"
PICTURE = ROOT / "docs" / "bench.svg"
DOCUMENT = ROOT / "docs" / "performance.md"
ALONE = ("W2v", "W3v")
"""The workloads that are also run one request at a time, with grouping and without."""
PROXIED = "W5v"
"""The workload that is also run one request at a time at the upstream itself."""

FULL = Plan(rounds=3, seconds=5, warm_up=3, alone_rounds=6, alone_seconds=2)
QUICK = Plan(rounds=1, seconds=2, warm_up=1, alone_rounds=3, alone_seconds=1)
MOST_ROUNDS = 100
MOST_SECONDS = 600
QUALITY = "quality"
SYNC = "sync"
CONTEXTS = "contexts"
SOAK = "soak"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is measured: requests, what the cache promises, vector search, the hits' quality."""

    requests: tuple[Workload, ...] = WORKLOADS
    cached: tuple[str, ...] = cache.NAMES
    vectors: tuple[VectorWorkload, ...] = vectors.WORKLOADS
    quality: bool = True


EVERYTHING = Chosen()


def main() -> int:
    """Run the bench. 0: figures were printed; 1: they were refused; 130: interrupted."""
    options = _options()
    console = Console()
    # A polite end as by Ctrl-C: every server is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.what == SYNC:
            return _run_sync(console, quick=options.quick)
        if options.what == CONTEXTS:
            return _run_contexts(console)
        if options.what == SOAK:
            return soak.run(console, options.names)
        plan = _plan(options)
        chosen = _chosen(options)
        figures, added = _run(console, plan, chosen.requests) if chosen.requests else ([], [])
        cached = _run_cache(console, plan, chosen.cached) if chosen.cached else []
        searched = _run_vectors(console, plan, chosen.vectors) if chosen.vectors else []
        hits = _run_quality(console) if chosen.quality else None
    except (LoadError, ReplyError, ServerError, PlaitError) as error:
        console.print(f"[red]No figures:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted; every server is stopped.")
        return 130
    if figures:
        _show(console, figures, added)
    if cached:
        console.print(cache_report.table(cached))
    _show_search(console, searched, hits)
    _record(figures, cached, searched, hits)
    console.print(f"Written: {OUT.relative_to(ROOT)}")
    if plan == FULL and chosen == EVERYTHING:
        _publish(figures, added, _about(plan))
        _publish_cache(cached)
        _publish_search(searched, hits)
        console.print(f"Written: {PICTURE.relative_to(ROOT)}, {DOCUMENT.relative_to(ROOT)}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; docs stay untouched")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each workload")
    parser.add_argument("--seconds", type=int, metavar="S", help="length of a round")
    parser.add_argument("--only", metavar="W3,V1", help="some workloads; docs stay untouched")
    parser.add_argument(
        "what",
        nargs="?",
        choices=[QUALITY, SYNC, CONTEXTS, SOAK],
        help="only how good the hits are, backfills of vector sync, reads of contexts under load "
        "(docs stay untouched), or what is promised of attacks and broken engines",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="some scenarios of soak")
    options = parser.parse_args()
    if options.names and options.what != SOAK:
        parser.error(f"only {SOAK} takes names")
    return options


def _run_contexts(console: Console) -> int:
    """Measure reads of contexts while workflows run, and print them."""
    with console.status("contexts") as status:
        found = contexts.measure(status.update)
    console.print(contexts.table(found))
    return 0


def _run_sync(console: Console, *, quick: bool) -> int:
    """Measure backfills and print them."""
    with console.status("vector sync") as status:
        found, inserts = sync.measure(status.update, sync.QUICK if quick else sync.ITEMS)
    for one in found:
        console.print(sync_report.table(one))
        console.print(*sync_report.sentences(one), sep="\n", highlight=False, soft_wrap=True)
    console.print(sync_report.inserted(inserts), highlight=False, soft_wrap=True)
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    rounds = plan.rounds if options.rounds is None else options.rounds
    seconds = plan.seconds if options.seconds is None else options.seconds
    if not (1 <= rounds <= MOST_ROUNDS and 1 <= seconds <= MOST_SECONDS):
        raise LoadError(f"--rounds takes 1 to {MOST_ROUNDS}, --seconds 1 to {MOST_SECONDS}")
    return replace(plan, rounds=rounds, seconds=seconds)


def _chosen(options: argparse.Namespace) -> Chosen:
    if options.what == QUALITY:
        return Chosen((), (), (), quality=True)
    if options.only is None:
        return replace(EVERYTHING, quality=not options.quick)
    names = options.only.split(",")
    known = [
        *(workload.name for workload in WORKLOADS),
        *cache.NAMES,
        *(workload.name for workload in vectors.WORKLOADS),
    ]
    for name in names:
        if name not in known:
            raise LoadError(f"there is no workload {name!r}, only {', '.join(known)}")
    return Chosen(
        tuple(workload for workload in WORKLOADS if workload.name in names),
        tuple(name for name in cache.NAMES if name in names),
        tuple(workload for workload in vectors.WORKLOADS if workload.name in names),
        quality=False,
    )


def _run(
    console: Console, plan: Plan, chosen: Sequence[Workload]
) -> tuple[list[Figure], list[Added]]:
    program = find_wrk()
    alone = [workload for workload in chosen if workload.name in ALONE]
    proxied = [workload for workload in chosen if workload.name == PROXIED]
    twice = len(alone) + len(proxied)
    loads = plan.rounds * len(SERVERS) * len(chosen) + plan.alone_rounds * 2 * twice
    columns = (SpinnerColumn(), *Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=loads)
        with staged(lambda text: progress.update(task, description=text)) as stage:
            measurer = Measurer(
                Wrk(program, KEPT),
                plan,
                tell=lambda text: progress.update(task, description=text),
                step=lambda: progress.advance(task),
                tidy=lambda: asyncio.run(tidy(stage.database)),
            )
            check_calls(stage.proxies[PLAIT], stage.upstream)
            figures = [
                figure
                for workload in chosen
                for figure in measurer.run(workload, stage.asked(workload))
            ]
            added = [
                measurer.added_latency(workload, stage.servers[PLAIT], stage.ungrouped)
                for workload in alone
            ]
            added += [
                measurer.added_latency(workload, stage.proxies[PLAIT], stage.upstream, PROXYING)
                for workload in proxied
            ]
    return figures, added


def _run_cache(console: Console, plan: Plan, chosen: Sequence[str]) -> list[CacheRow]:
    wrk = Wrk(find_wrk(), KEPT)
    with console.status("the cache") as status, cache_stage.staged(status.update) as stage:
        return cache_stage.CacheMeasurer(wrk, plan, status.update).run(chosen, stage)


def _run_vectors(console: Console, plan: Plan, chosen: Sequence[VectorWorkload]) -> list[VectorRow]:
    wrk = Wrk(find_wrk(), KEPT)
    columns = (SpinnerColumn(), *Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=plan.rounds * 2 * len(chosen))

        def tell(text: str) -> None:
            progress.update(task, description=text)

        with vectors_stage.staged(tell) as stage:
            measurer = vectors_stage.VectorMeasurer(
                wrk, plan, tell, step=lambda: progress.advance(task)
            )
            return [measurer.run(workload, stage) for workload in chosen]


def _run_quality(console: Console) -> Quality:
    with console.status("the quality of hits") as status:
        return quality.evaluate(status.update)


def _show(console: Console, figures: Sequence[Figure], added: Sequence[Added]) -> None:
    rows = results.compare(figures)
    grid = report.throughput(rows)
    console.print(report.table("Requests a second", report.THROUGHPUT, grid))
    title = "p50 / p99 in ms · server CPU-ms a request"
    console.print(report.table(title, report.LATENCY, report.latency(rows)))
    for line in report.notes(figures, added):
        console.print(line, highlight=False, soft_wrap=True)


def _show_search(console: Console, searched: Sequence[VectorRow], hits: Quality | None) -> None:
    if searched:
        for table in vectors_report.tables(searched):
            console.print(table)
        for line in vectors_report.notes(searched):
            console.print(line, highlight=False, soft_wrap=True)
    if hits is not None:
        for table in quality.tables(hits):
            console.print(table)


def _record(
    figures: Sequence[Figure],
    cached: Sequence[CacheRow],
    searched: Sequence[VectorRow],
    hits: Quality | None,
) -> None:
    found = [
        *results.records(figures),
        *cache_report.records(cached),
        *vectors_report.records(searched),
        *(quality.records(hits) if hits is not None else ()),
    ]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _publish_cache(cached: Sequence[CacheRow]) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    text = cache_report.markdown(cached)
    document = report.insert(document, text, cache_report.BEGIN, cache_report.END)
    DOCUMENT.write_text(document, encoding="utf-8")


def _publish_search(searched: Sequence[VectorRow], hits: Quality | None) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    document = report.insert(
        document, vectors_report.markdown(searched), vectors_report.BEGIN, vectors_report.END
    )
    if hits is not None:
        document = report.insert(document, quality.markdown(hits), quality.BEGIN, quality.END)
    DOCUMENT.write_text(document, encoding="utf-8")


def _publish(figures: Sequence[Figure], added: Sequence[Added], about: str) -> None:
    rows = results.compare(figures)
    PICTURE.write_text(picture.draw(rows), encoding="utf-8")
    text = report.markdown(rows, figures, added, about)
    document = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(report.insert(document, text), encoding="utf-8")


def _about(plan: Plan) -> str:
    return (
        f"{plan.rounds} interleaved rounds of {plan.seconds} s; {os.cpu_count()} processors, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}."
    )


if __name__ == "__main__":
    sys.exit(main())
