"""How fast due touches become messages.

    python -m leadflow_pipeline_tests.benchmarks.release [--touches 100000]

Touches of one campaign fall due at once and are released into the outbox of a fresh database: as the campaign is, and
with limits of sender, domain and warm-up that hold half of them back. Prints a table and JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.delivery.world import NOW, World

LIMITS = "{{limits: {{mailbox: {{day: {most}}}, domain: {{hour: {most}}}, spread: false}}}}"


def measure(count: int, *, limited: bool) -> dict[str, float]:
    """Seconds of a release, and of the next one, which finds only what has to wait."""
    with fresh_home() as engine, tempfile.TemporaryDirectory() as home:
        world = World(engine, Path(home))
        most = count // 2 if limited else count
        world.register(**({"nurture": LIMITS.format(most=most)} if limited else {}))
        world.plan(count)
        begin = time.perf_counter()
        released = release_due(engine, world.settings, NOW)
        first = time.perf_counter() - begin
        begin = time.perf_counter()
        again = release_due(engine, world.settings, NOW)
        second = time.perf_counter() - begin
    assert (released.count, again.count) == (most, 0), "a touch was lost or released twice"
    return {
        "touches": count,
        "released": released.count,
        "seconds": first,
        "touches a second": count / first,
        "seconds of the next release": second,
    }


def main() -> None:
    """Prints a table and JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--touches", type=int, default=100_000)
    arguments = parser.parse_args()
    measured = [measure(arguments.touches, limited=limited) for limited in (False, True)]
    for name in measured[0]:
        print(f"{name:30}" + "".join(f"{each[name]:>12,.4g}" for each in measured))
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
