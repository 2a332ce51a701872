"""The load: wrk with a generated Lua script, and what it measured.

wrk opens `connections` at once and sends on each as soon as the last answer came. The bodies go
round in order over all connections (one thread), formatted once before the first is sent.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
"""Nothing beside what every request carries."""
MARK = "bench-summary "
GRACE_SECONDS = 30

HOW_TO_GET_WRK = (
    "wrk is not installed. It is the load generator of this bench: "
    "`apt-get install wrk` (Debian, Ubuntu) or `brew install wrk` (macOS)."
)

_SCRIPT = """\
local bodies = {{
{bodies}
}}
local formatted = {{}}
local at = 0
local threads = {{}}
refused = 0

setup = function(thread) threads[#threads + 1] = thread end

init = function(args)
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Accept"] = "application/json"
{headers}  for i, body in ipairs(bodies) do formatted[i] = wrk.format("POST", nil, nil, body) end
end

request = function()
  at = at % #formatted + 1
  return formatted[at]
end
{watch}
done = function(summary, latency, requests)
  local bad = summary.errors.status
  for _, thread in ipairs(threads) do bad = math.max(bad, thread:get("refused")) end
  local broken = summary.errors.connect + summary.errors.read
    + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '{mark}{{"requests":%d,"micros":%d,"bytes":%d,"p50":%d,"p99":%d,"bad":%d,"broken":%d}}\\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), bad, broken))
end
"""

_WATCH = """
response = function(status, headers, body)
  if status ~= 200 or body:find('"errors"', 1, true) then refused = refused + 1 end
end
"""


class LoadError(Exception):
    """The load could not be made, or it met replies that are not answers."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of wrk: requests a second, latencies in milliseconds, bytes received a request."""

    rps: float
    p50_ms: float
    p99_ms: float
    requests: int
    bytes_each: float


def find_wrk() -> str:
    """The path of wrk. Raises `LoadError` with the way to get it."""
    path = shutil.which("wrk")
    if path is None:
        raise LoadError(HOW_TO_GET_WRK)
    return path


def lua_string(text: str) -> str:
    """`text` as a Lua string literal: all but plain ASCII as decimal escapes of its bytes."""
    return '"' + "".join(map(_lua_byte, text.encode())) + '"'


def _lua_byte(byte: int) -> str:
    plain = chr(byte).isascii() and chr(byte).isprintable() and byte not in b'"\\'
    return chr(byte) if plain else f"\\{byte:03d}"


def script(bodies: Sequence[str], *, watch: bool, headers: Mapping[str, str] = NO_HEADERS) -> str:
    """The script for sending `bodies` in turn; `watch` reads every reply for errors.

    Reading replies in Lua costs wrk CPU that the server then lacks: for warm-ups only.
    """
    more = "".join(
        f"  wrk.headers[{lua_string(name)}] = {lua_string(value)}\n"
        for name, value in headers.items()
    )
    return _SCRIPT.format(
        headers=more,
        bodies=",\n".join(lua_string(body) for body in bodies),
        watch=_WATCH if watch else "",
        mark=MARK,
    )


def parse(output: str) -> Measured:
    """What wrk printed. Raises `LoadError` when a request failed or nothing was measured."""
    line = next((line for line in output.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise LoadError(f"wrk printed no summary: {output[-400:]!r}")
    figures = json.loads(line.removeprefix(MARK))
    if figures["bad"] or figures["broken"]:
        raise LoadError(
            f"of {figures['requests']} replies {figures['bad']} were not 200 or carried errors, "
            f"and {figures['broken']} connections broke or timed out"
        )
    if not figures["requests"] or not figures["micros"]:
        raise LoadError("wrk got no reply at all")
    return Measured(
        rps=figures["requests"] / figures["micros"] * 1e6,
        p50_ms=figures["p50"] / 1000,
        p99_ms=figures["p99"] / 1000,
        requests=figures["requests"],
        bytes_each=figures["bytes"] / figures["requests"],
    )


@dataclass(frozen=True, slots=True)
class Wrk:
    """A load generator: the program, and a folder for its scripts."""

    program: str
    scripts: Path

    def run(  # noqa: PLR0913 - each says one thing about a load
        self,
        url: str,
        bodies: Sequence[str],
        *,
        seconds: int,
        connections: int,
        watch: bool = False,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Measured:
        """Load `url` for `seconds`. Raises `LoadError`."""
        path = self.scripts / f"load-{os.getpid()}.lua"
        path.write_text(script(bodies, watch=watch, headers=headers), encoding="ascii")
        command = [
            self.program,
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout=10s",
            "-s",
            str(path),
            url,
        ]
        try:
            run = subprocess.run(  # noqa: S603 - wrk, with the arguments made above
                command,
                capture_output=True,
                text=True,
                timeout=seconds + GRACE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LoadError(f"wrk did not end within {seconds + GRACE_SECONDS} s") from None
        finally:
            path.unlink(missing_ok=True)
        if run.returncode:
            raise LoadError(f"wrk failed: {run.stderr[-400:] or run.stdout[-400:]}")
        return parse(run.stdout)
