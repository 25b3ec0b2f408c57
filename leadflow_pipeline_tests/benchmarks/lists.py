"""Long lists into the service and out of it, over HTTP: how much memory it takes, and how fast.

    python -m leadflow_pipeline_tests.benchmarks.lists --megabytes 300

A third of a file of leads is uploaded, then all of it, then all again, and its records are downloaded in each format,
at once and by somebody who reads slowly and goes away. The service is a process of its own, on the embedded database.
Prints a line of JSON for each: the length, the rows, the seconds, and the service's resident memory before and at most.
Ends with 1 where anything took more than `MOST_GROWTH` beyond what the third did: then memory grows with the length.
A third of 200 MB or more is as many parts as are in work at one time, or more; of less it is not.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from leadflow_pipeline.campaign import register
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.generated_leads import CAMPAIGN, campaign_text, generated_leads
from leadflow_pipeline_tests.benchmarks.webhooks import free_port, started

MOST_GROWTH: Final = 128 << 20
BLOCK: Final = 1 << 20
FORMATS: Final = ("csv", "jsonl", "parquet")
ROWS_AT_ONCE: Final = 20_000
SLOW_BLOCKS: Final = 20
BETWEEN_SLOW_BLOCKS: Final = 0.25


def main() -> None:
    """Prints a line of JSON for each list."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--formats", nargs="*", default=FORMATS, choices=FORMATS)
    arguments = parser.parse_args()
    with fresh_home() as engine:
        register(engine, campaign_text(), "benchmark.yaml")
        token = create_token(engine, "lists", Scope.ADMIN, requests_a_minute=100_000)
        path = _written(get_settings().home / "leads.csv", arguments.megabytes << 20)
        port = free_port()
        server = started(port)
        try:
            grew = _tried(port, token, psutil.Process(server.pid), path, arguments.formats)
        finally:
            server.terminate()
            server.wait()
    sys.exit(0 if grew < MOST_GROWTH else 1)


def _written(path: Path, length: int) -> Path:
    """A file of so many bytes or a few more, of leads who are all others."""
    with path.open("w", encoding="utf-8") as file:
        part = 0
        while file.tell() < length:
            leads = generated_leads(ROWS_AT_ONCE, seed=part, days=5)
            leads["email"] = f"part{part}." + leads["email"]
            file.write(leads.to_csv(index=False, header=part == 0))
            part += 1
    return path


def _tried(port: int, token: str, service: psutil.Process, path: Path, formats: Sequence[str]) -> int:
    """Uploads and downloads; by how many bytes the service grew beyond what a third of the file took."""
    for kind in FORMATS:  # what is loaded the first time is no growth
        _downloaded(port, token, kind)
    third = path.with_name("third.csv")
    with path.open("rb") as file:
        third.write_bytes(file.read(path.stat().st_size // 3) + file.readline())
    usual = _measured(service, "upload of a third", lambda: _uploaded(port, token, third))
    most = max(
        _measured(service, "upload", lambda: _uploaded(port, token, path)),
        _measured(service, "the same again", lambda: _uploaded(port, token, path)),
        *(
            _measured(service, f"download {kind}", lambda kind=kind: _downloaded(port, token, kind))
            for kind in formats
        ),
        _measured(service, "read slowly", lambda: _downloaded(port, token, "csv", SLOW_BLOCKS)),
    )
    return most - usual


def _measured(service: psutil.Process, what: str, do: Callable[[], dict[str, Any]]) -> int:
    before = service.memory_info().rss
    most, has_ended = [before], threading.Event()

    def watch() -> None:
        while not has_ended.wait(0.02):
            most[0] = max(most[0], service.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    begun = time.perf_counter()
    try:
        told = do()
    finally:
        has_ended.set()
        watching.join()
    seconds = time.perf_counter() - begun
    memory = {"MiB before": before >> 20, "MiB at most": most[0] >> 20}
    print(json.dumps({"list": what, **told, "seconds": round(seconds, 1), **memory}), flush=True)
    return most[0]


def _uploaded(port: int, token: str, path: Path) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    address = f"/api/v1/campaigns/{CAMPAIGN}/leads/uploads?file_name={path.name}&source=file"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
    headers["Content-Length"] = str(path.stat().st_size)
    with path.open("rb") as file:
        connection.request("POST", address, body=_blocks(file.read), headers=headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    if answer.status != http.client.CREATED:
        raise SystemExit(f"the upload was answered with {answer.status}: {told}")
    counts = {name: told[name] for name in ("rows", "new", "repeated")}
    return {"MiB": path.stat().st_size >> 20, **counts}


def _downloaded(port: int, token: str, kind: str, blocks: int | None = None) -> dict[str, Any]:
    """The records in a format; only so many blocks of them, slowly, where that is said."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    address = f"/api/v1/campaigns/{CAMPAIGN}/exports/source_records?format={kind}"
    connection.request("GET", address, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    length = rows = 0
    for number, block in enumerate(_blocks(answer.read)):
        length += len(block)
        rows += block.count(b"\n") if kind != "parquet" else 0
        if blocks is not None:
            time.sleep(BETWEEN_SLOW_BLOCKS)
            if number == blocks:
                break
    connection.close()
    return {"MiB": length >> 20, "lines": rows}


def _blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while block := read(BLOCK):
        yield block


if __name__ == "__main__":
    main()
