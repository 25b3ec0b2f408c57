"""Signed webhooks of one lead each, on a real socket: how many a second, and how long a sender waits.

    python -m leadflow_pipeline_tests.benchmarks.webhooks --senders 1 16 128 1000 --seconds 5

The service is a process of its own, on the embedded database with all its durability. The senders share the machine
with it, so on a machine of its own it is faster.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from leadflow_pipeline.campaign import register
from leadflow_pipeline.signatures import key_of, sign
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home

SECRET = "whsec_" + "bmV3" * 10
CAMPAIGN = """\
campaign: fair
name: Trade fair
sender: {name: Ida Example, email: ida@leads.example}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: Europe/Berlin
sources:
  - name: form
    kind: webhook
    secrets_from: [LEADFLOW_FAIR_HOOK]
    mapping: {email: contact.email, full_name: contact.name}
"""


def main() -> None:
    """Prints a line of JSON for each number of senders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--senders", type=int, nargs="+", default=[1, 16, 128])
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    with fresh_home() as engine:
        register(engine, CAMPAIGN, "fair.yaml")
        port = free_port()
        server = started(port)
        try:
            for senders in arguments.senders:
                before = cpu_seconds(server.pid)
                waits, seconds = asyncio.run(send_all(port, senders, arguments.seconds))
                print(
                    json.dumps(summary(senders, waits, seconds, cpu_seconds(server.pid) - before)), flush=True
                )
        finally:
            server.terminate()
            server.wait()


def free_port() -> int:
    """A port nobody serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SERVICE = (sys.executable, "-m", "leadflow_pipeline.service")


def started(port: int, command: Sequence[str] = SERVICE) -> subprocess.Popen[bytes]:
    """The service, ready."""
    environment = {"LEADFLOW_FAIR_HOOK": SECRET, "LEADFLOW_SERVICE_PORT": str(port)}
    server = subprocess.Popen(command, env=os.environ | environment)
    while server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready"):
                return server
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the service did not start")


async def send_all(port: int, senders: int, seconds: float) -> tuple[list[float], float]:
    """What each delivery waited for its answer, and how long it all took."""
    begun = time.perf_counter()
    waits = await asyncio.gather(*(send(port, sender, begun + seconds) for sender in range(senders)))
    return [wait for of_sender in waits for wait in of_sender], time.perf_counter() - begun


async def send(port: int, sender: int, until: float) -> list[float]:
    """One delivery after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    waits = []
    while time.perf_counter() < until:
        begun = time.perf_counter()
        writer.write(request(f"msg_{sender}_{time.time_ns()}"))
        status = int((await reader.readuntil(b"\r\n\r\n"))[9:12])
        await reader.readuntil(b"}")
        assert status == 202, status
        waits.append(time.perf_counter() - begun)
    writer.close()
    return waits


def request(webhook_id: str) -> bytes:
    """A delivery of one lead, as bytes."""
    lead = {"contact": {"email": f"{webhook_id}@leads.example", "name": "Ida Example"}, "plan": "gold"}
    body, seconds = json.dumps(lead).encode(), int(time.time())
    head = [
        "POST /webhooks/lead/fair HTTP/1.1",
        "host: 127.0.0.1",
        f"content-length: {len(body)}",
        f"webhook-id: {webhook_id}",
        f"webhook-timestamp: {seconds}",
        f"webhook-signature: {sign(key_of(SECRET), webhook_id, seconds, body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def cpu_seconds(process: int) -> float:
    """What a process has used so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def summary(senders: int, waits: list[float], seconds: float, cpu: float) -> dict[str, float]:
    """Throughput and waits in milliseconds."""
    half, most, worst = np.percentile(waits, [50, 99, 100]) * 1_000
    return {
        "senders": senders,
        "leads": len(waits),
        "leads a second": round(len(waits) / seconds, 1),
        "p50 ms": round(half, 1),
        "p99 ms": round(most, 1),
        "worst ms": round(worst, 1),
        "CPU ms a lead": round(cpu / len(waits) * 1_000, 2),
    }


if __name__ == "__main__":
    main()
