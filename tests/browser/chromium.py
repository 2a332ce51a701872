"""A headless Chromium for the tests, driven by its DevTools protocol over a pipe.

No driver program and no WebSocket: Chromium reads JSON messages from descriptor 3 and writes them
to descriptor 4, each ended by a zero byte.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")

FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Chromium's own wishes; they could not get out either, for no other host has an address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-features=AutofillServerCommunication",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1280,800",
)

LOOPBACK = "127.0.0.1"

PATIENCE = 30.0
"""Seconds that any single thing may take before a test fails."""


class Chromium:
    """A browser of its own, with an empty profile and a log of all its network traffic."""

    def __init__(self, folder: Path) -> None:
        self.net_log = folder / "net-log.json"
        self.events: list[dict] = []
        self._answers: dict[int, dict] = {}
        self._last_id = 0
        self._buffer = b""
        their_input, self._out = _pipe()
        self._in, their_output = _pipe()
        self._pid = os.posix_spawn(
            PROGRAM,
            [
                PROGRAM,
                *FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                f"--log-net-log={self.net_log}",
                "about:blank",
            ],
            os.environ | {"HOME": str(folder)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 2, folder / "stderr", os.O_WRONLY | os.O_CREAT, 0o600),
                (os.POSIX_SPAWN_DUP2, their_input, 3),
                (os.POSIX_SPAWN_DUP2, their_output, 4),
            ],
            setpgroup=0,
        )
        os.close(their_input)
        os.close(their_output)

    def open(self, url: str, *, color_scheme: str = "light") -> "Page":
        """A new page at `url`; comes back at once, the page is still loading."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        feature = {"name": "prefers-color-scheme", "value": color_scheme}
        page.call("Emulation.setEmulatedMedia", features=[feature])
        page.call("Page.navigate", url=url)
        return page

    def call(self, method: str, session: str | None = None, **params) -> dict:
        """Sends one command and waits for its result."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while message["id"] not in self._answers:
            self._read(deadline)
        answer = self._answers.pop(message["id"])
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def close(self) -> None:
        """Ends the browser; its network log is complete afterwards."""
        try:
            self.call("Browser.close")
            wait_until(lambda: os.waitpid(self._pid, os.WNOHANG) != (0, 0), "Chromium's end")
        except BaseException:
            os.killpg(self._pid, signal.SIGKILL)
            raise
        finally:
            os.close(self._in)
            os.close(self._out)

    def complaints(self) -> list[str]:
        """Exceptions and errors of the console, policy violations among them."""
        found = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            if event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(str(params["entry"]))
            if event["method"] == "Runtime.consoleAPICalled" and params["type"] == "error":
                found.append(str(params["args"]))
        return found

    def contacted(self) -> set[str]:
        """Every host that a page asked for, looked up or went to, from the browser's own log."""
        log = json.loads(self.net_log.read_text())
        names = {number: name for name, number in log["constants"]["logEventTypes"].items()}
        hosts = set()
        for event in log["events"]:
            params = event.get("params", {})
            name = names[event["type"]]
            if name == "URL_REQUEST_START_JOB" and "url" in params and _of_a_page(params):
                hosts.add(urlsplit(params["url"]).hostname)
            looked_up = name == "HOST_RESOLVER_MANAGER_REQUEST" and "host" in params
            if looked_up and LOOPBACK in params["network_anonymization_key"]:
                hosts.add(urlsplit(params["host"]).hostname or params["host"])
        return hosts - {None}

    def _read(self, deadline: float) -> None:
        ready, _, _ = select.select([self._in], [], [], max(0, deadline - time.monotonic()))
        assert ready, "Chromium does not answer"
        chunk = os.read(self._in, 1 << 20)
        assert chunk, "Chromium ended"
        *messages, self._buffer = (self._buffer + chunk).split(b"\0")
        for text in messages:
            message = json.loads(text)
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)


class Page:
    """One page of the browser."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self.browser = browser
        self.session = session

    def call(self, method: str, **params) -> dict:
        """A DevTools command for this page."""
        return self.browser.call(method, self.session, **params)

    def evaluate(self, expression: str):
        """The JSON value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression: str):
        """The value of `expression` as soon as it is truthy; fails after `PATIENCE`."""
        return wait_until(lambda: self.evaluate(expression), expression)

    def wait_for_text(self, selector: str, text: str) -> str:
        """The visible text at `selector` as soon as it contains `text` (white space made plain)."""
        shown = f"(document.querySelector({json.dumps(selector)})?.innerText ?? '')"
        shown += r".replace(/\s+/g, ' ')"
        return self.wait_for(f"{shown}.includes({json.dumps(text)}) && {shown}")

    def click(self, selector: str) -> None:
        """Presses the mouse in the middle of the element, as soon as it is there."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"{element} !== null")
        box = self.evaluate(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"({element}.getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=box[0],
                y=box[1],
                button="left",
                clickCount=1,
            )

    def screenshot(self, path: Path) -> None:
        """Writes what the page looks like as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


def wait_until(condition, what: str):
    """Waits until `condition()` is truthy and returns it; fails after `PATIENCE`, naming `what`."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for: {what}"
        time.sleep(0.02)
    return value


def _of_a_page(request: dict) -> bool:
    """Whether a page made the request, and not the browser for purposes of its own."""
    return (
        request["initiator"] != "not an origin"
        or request["request_type"] != "other"
        or LOOPBACK in request["network_isolation_key"]
    )


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors cannot collide with those Chromium expects."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved
