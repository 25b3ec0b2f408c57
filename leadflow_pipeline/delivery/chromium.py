"""Pictures of HTML pages, taken by a Chromium found on this machine. A door: it starts a program.

What belongs here: finding the program, and speaking with it. What does not: what is on the pages.

It is spoken to over a pipe with the DevTools protocol (https://chromedevtools.github.io/devtools-protocol), because its
command line knows no phones: no window there is narrower than 500 pixels, and none is dark. No host is ever asked:
every name leads nowhere, so that looking at an email opens and clicks nothing.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from leadflow_pipeline.errors import PermanentError

if sys.platform != "win32":
    import fcntl

NAMES: Final = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
    "brave-browser",
)  # fmt: skip
PLACES: Final = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS: Final = (
    "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe",
)  # fmt: skip
GONE: Final = "the browser does not answer: open the HTML files by hand"
KEPT_OF_ENVIRONMENT: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "FONTCONFIG_PATH",
    "LD_LIBRARY_PATH",
)
"""All that a browser is told of ours; the rest holds secrets."""

END: Final = b"\0"
PIECE: Final = 1 << 16
ABOVE_THEIRS: Final = 10
SECONDS: Final = 30
TALLEST: Final = 12_000
"""Pixels of a page that are shown; a longer email is cut off."""


def find_chromium() -> str:
    """The program. Raises PermanentError where there is none, or this system has no pipes to speak over."""
    if sys.platform == "win32":
        raise PermanentError("pictures are not made on Windows: open the HTML files in a browser")
    for name in (*NAMES, *PLACES):
        found = shutil.which(name)
        if found:
            return found
    raise PermanentError(
        "no Chromium is found on this machine: install chromium (or Google Chrome), or leave out --png and open the "
        "HTML files in a browser"
    )


class Browser:
    """A browser that takes pictures of files, one after the other. It is written to and read from over two pipes."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back, self._unread, self._last = to, back, bytearray(), 0
        self._session: str | None = None
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._ask("Page.enable")

    def picture(self, page: Path, width: int, *, is_phone: bool = False, is_dark: bool = False) -> bytes:
        """The whole page as a PNG of this width, in pixels of the page; a phone's picture has two for each."""
        screen = {
            "width": width,
            "height": 600,
            "deviceScaleFactor": 2 if is_phone else 1,
            "mobile": is_phone,
        }
        self._ask("Emulation.setDeviceMetricsOverride", screen)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        self._ask("Emulation.setEmulatedMedia", {"features": scheme})
        self._ask("Page.navigate", {"url": page.resolve().as_uri()})
        self._wait_for("Page.loadEventFired")
        size = self._ask("Page.getLayoutMetrics")["cssContentSize"]
        height = min(max(int(size["height"]), 1), TALLEST)
        clip = {"x": 0, "y": 0, "width": max(width, int(size["width"])), "height": height, "scale": 1}
        taken = self._ask(
            "Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True}
        )
        return base64.b64decode(taken["data"])

    def _ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params or {}}
        if self._session is not None:
            message["sessionId"] = self._session
        try:
            os.write(self._to, json.dumps(message).encode() + END)
        except BrokenPipeError:
            raise PermanentError(GONE) from None
        while (answer := self._read()).get("id") != self._last:
            pass
        if "error" in answer:
            raise PermanentError(f"the browser refused {method}: {answer['error'].get('message', '')}")
        result: dict[str, Any] = answer["result"]
        return result

    def _wait_for(self, event: str) -> None:
        while self._read().get("method") != event:
            pass

    def _read(self) -> dict[str, Any]:
        while END not in self._unread:
            ready, _, _ = select.select([self._back], [], [], SECONDS)
            piece = os.read(self._back, PIECE) if ready else b""
            if not piece:
                raise PermanentError(GONE)
            self._unread += piece
        said, _, self._unread = self._unread.partition(END)
        message: dict[str, Any] = json.loads(said)
        return message


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser, ended afterwards. Raises PermanentError where there is none, or it does not start."""
    program = find_chromium()
    flags = list(FLAGS)
    if os.geteuid() == 0:
        flags.append(
            "--no-sandbox"
        )  # Chromium refuses to start for root with it; it shows our own pages alone
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *flags, f"--user-data-dir={profile}", "about:blank"]
        process, to, back = _start(command)
        try:
            yield Browser(to, back)
        finally:
            os.close(to)
            os.close(back)
            _end(process)


def _start(command: list[str]) -> tuple[int, int, int]:
    """Process and our ends of its pipes; it looks for its own ends at files 3 and 4."""
    pipes = [os.pipe(), os.pipe()]
    theirs_in, theirs_out = (
        fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, ABOVE_THEIRS) for end in (pipes[0][0], pipes[1][1])
    )
    nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    theirs = [(os.POSIX_SPAWN_DUP2, theirs_in, 3), (os.POSIX_SPAWN_DUP2, theirs_out, 4)]
    environment = {name: os.environ[name] for name in KEPT_OF_ENVIRONMENT if name in os.environ}
    try:
        process = os.posix_spawn(command[0], command, environment, file_actions=[*nothing, *theirs])
    finally:
        for end in (pipes[0][0], pipes[1][1], theirs_in, theirs_out):
            os.close(end)
    return process, pipes[0][1], pipes[1][0]


def _end(process: int) -> None:
    """Closing its pipes ends the browser; one that stays is killed."""
    until = time.monotonic() + SECONDS
    while os.waitpid(process, os.WNOHANG)[0] == 0:
        if time.monotonic() > until:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            return
        time.sleep(0.02)
