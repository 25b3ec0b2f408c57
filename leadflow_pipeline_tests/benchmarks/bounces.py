"""How many real bounces of a labelled folder are read rightly, and how fast.

    python -m leadflow_pipeline_tests.benchmarks.bounces FOLDER

The folder holds `messages/` and `labels.csv` with the columns file, expected_addresses (`;` between them) and
is_temporary; a file may have several rows. A mail is read rightly where exactly the expected addresses are found, and
each is called temporary (still being tried) or not, as expected. The misses are listed by file, without addresses.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter, defaultdict
from pathlib import Path

from leadflow_pipeline.inbound.mail.bounces.reading import read_bounce


def main() -> None:
    """Prints a table and JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    expected: dict[str, set[str]] = defaultdict(set)
    temporary: dict[str, bool] = defaultdict(bool)
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as labels:
        for row in csv.DictReader(labels):
            expected[row["file"]] |= {one.lower() for one in row["expected_addresses"].split(";") if one}
            temporary[row["file"]] |= row["is_temporary"] == "True"
    misses = []
    reasons: Counter[str] = Counter()
    hard = 0
    seconds = 0.0
    for name, addresses in expected.items():
        content = (folder / "messages" / name).read_bytes()
        begun = time.perf_counter()
        report = read_bounce(content)
        seconds += time.perf_counter() - begun
        recipients = report.recipients if report is not None else ()
        found = {one.address.lower() for one in recipients}
        if found != addresses or any((one.is_permanent is False) != temporary[name] for one in recipients):
            misses.append({"file": name, "missed": len(addresses - found), "besides": len(found - addresses)})
        reasons.update(one.reason for one in recipients)
        hard += sum(one.is_hard for one in recipients)
    print(
        f"{len(expected) - len(misses)} of {len(expected)} mails read rightly, {1e3 * seconds / len(expected):.2f} ms each"
    )
    for reason, count in reasons.most_common():
        print(f"  {reason:<18}{count:>5}")
    print(f"  of all, hard      {hard:>5}")
    print(json.dumps({"mails": len(expected), "right": len(expected) - len(misses), "misses": misses}))


if __name__ == "__main__":
    main()
