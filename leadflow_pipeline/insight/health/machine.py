"""What is beneath: room on the disk, what the service has not stored yet, and whether it answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psutil
import requests
from sqlalchemy import Engine

from leadflow_pipeline.counting import counted
from leadflow_pipeline.insight.health.finding import Finding, State
from leadflow_pipeline.settings import get_settings

GIBIBYTE = 2**30
ENOUGH_DISK = 2 * GIBIBYTE
ENOUGH_MEMORY = 0.05
"""Share of the machine's memory."""
LATE_LINES = timedelta(minutes=5)
SECONDS_TO_ANSWER = 5


def free_disk() -> int:
    """Bytes that the disk of the home folder has room for."""
    home = get_settings().home
    folder = next(path for path in (home, *home.parents) if path.exists())
    return shutil.disk_usage(folder).free


def journal_bytes() -> int:
    """Bytes of what the service was told and the database does not have yet."""
    sizes = []
    for path in get_settings().journal_folder.glob("*.jsonl"):
        with suppress(FileNotFoundError):  # stored meanwhile
            sizes.append(path.stat().st_size)
    return sum(sizes)


def look_at_disk() -> Finding:
    """Whether the home folder has room."""
    home, free = get_settings().home, free_disk()
    sentence = f"{free / GIBIBYTE:,.1f} GiB free for {home}"
    if free >= ENOUGH_DISK:
        return Finding("disk", State.WELL, sentence)
    return Finding("disk", State.BROKEN, sentence, "free some space, or set LEADFLOW_HOME to a larger disk")


def look_at_memory() -> Finding:
    """Whether the machine has memory left."""
    memory = psutil.virtual_memory()
    sentence = f"{memory.available / GIBIBYTE:,.1f} GiB of memory available of {memory.total / GIBIBYTE:,.1f}"
    if memory.available >= ENOUGH_MEMORY * memory.total:
        return Finding("memory", State.WELL, sentence)
    return Finding("memory", State.BROKEN, sentence, "end what takes it, or let fewer runs go at a time")


def look_at_journal(_: Engine) -> Iterator[Finding]:
    """Whether what the service was told has reached the database, and all of it fitted."""
    folder = get_settings().journal_folder
    late = datetime.now(UTC) - LATE_LINES
    waiting = [path for path in folder.glob("*.jsonl") if path.stat().st_mtime < late.timestamp()]
    if waiting:
        sentence = f"{counted(len(waiting), 'file')} of opens, clicks and wishes wait to be stored"
        yield Finding("journal", State.BROKEN, sentence, "leadflow serve, or leadflow up, stores them")
    if (folder / "refused").exists():
        sentence = f"the database does not hold some lines, which are in {folder / 'refused'}"
        yield Finding("journal", State.LOOK, sentence, "look at them, then remove the file")


def look_at_service() -> Finding:
    """Whether the HTTP service answers where the settings say it listens."""
    settings = get_settings()
    url = f"{settings.service_url}/health/ready"
    try:
        is_ready = requests.get(url, timeout=SECONDS_TO_ANSWER).ok
    except requests.RequestException:
        is_ready = False
    if is_ready:
        return Finding("HTTP service", State.WELL, "answers")
    sentence = f"does not answer at {url}: no webhook comes in"
    return Finding("HTTP service", State.BROKEN, sentence, "leadflow up, or leadflow serve")
