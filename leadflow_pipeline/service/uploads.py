"""A long body on its way into a file, block by block, so that memory stays flat however long it is.

What belongs here: receiving, within limits of size and time, and cleaning up. What does not: reading the file.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from leadflow_pipeline.service.bodies import SECONDS_TO_ARRIVE
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.settings import get_settings

MOST_BYTES: Final = 1 << 30
WRITTEN_AT_ONCE: Final = 1 << 20
LEFT_AFTER_SECONDS: Final = 24 * 3600


@dataclass(frozen=True)
class Uploaded:
    """A file that came in, until the request is answered."""

    path: Path
    size: int
    digest: bytes
    """Of its bytes: the same file again has the same."""


@asynccontextmanager
async def uploaded(request: Request, name: str, most: int = MOST_BYTES) -> AsyncIterator[Uploaded]:
    """The body of a request as a file of this name, which is gone when the block ends.

    Raises Problem for more than `most` bytes, no byte at all, and a sender that pauses too long.
    """
    folder = get_settings().home / "uploads"
    await run_in_threadpool(_prepare, folder)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        path = Path(own) / name
        digest = blake2b(digest_size=32)
        size = 0
        with path.open("xb") as file:
            async for block in _blocks(request):
                size += len(block)
                if size > most:
                    raise Problem(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        f"the file is longer than {most >> 20:,} MiB: send it in parts, or use leadflow import",
                        {"Connection": "close"},
                    )
                await run_in_threadpool(_take, file, digest, block)
        if not size:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is empty: send the file as the body")
        yield Uploaded(path, size, digest.digest())


def _prepare(folder: Path) -> None:
    """Makes the folder, and removes what a process that was killed left there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > LEFT_AFTER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """About as much at once as is worth a trip to another thread."""
    pending = bytearray()
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(SECONDS_TO_ARRIVE):
                block = await anext(stream, None)
        except (TimeoutError, ClientDisconnect):
            raise Problem(
                HTTPStatus.REQUEST_TIMEOUT,
                f"nothing of the file came for {SECONDS_TO_ARRIVE} s: send it again",
                {"Connection": "close"},
            ) from None
        if block is None:
            break
        pending += block
        if len(pending) >= WRITTEN_AT_ONCE:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


def _take(file: BinaryIO, digest: blake2b, block: bytes) -> None:
    file.write(block)
    digest.update(block)
