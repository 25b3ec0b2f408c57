"""Invented bounces and what ought to be read of them: `samples.txt`, one block a mail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from leadflow_pipeline.inbound.mail.bounces.reading import read_bounce

FILE = Path(__file__).with_name("samples.txt")


@dataclass(frozen=True)
class Sample:
    """A mail, and lines of `address outcome reason`, or `nobody`, or `no bounce`."""

    name: str
    expected: list[str]
    content: bytes


def samples() -> list[Sample]:
    """All of the file. A mail that names iso-2022-jp is encoded so, all others are UTF-8 where they say no better."""
    found = []
    for block in FILE.read_text(encoding="utf-8").split("\n===== ")[1:]:
        name, *lines = block.split("\n")
        begin = next(number for number, line in enumerate(lines) if re.match(r"[A-Z][\w-]+: ", line))
        mail = "\n".join(lines[begin:])
        charset = "iso-2022-jp" if "iso-2022-jp" in mail else "utf-8"
        found.append(Sample(name, lines[:begin], mail.encode(charset)))
    return found


def read(content: bytes) -> list[str]:
    """What is read of a mail, as the file writes it."""
    report = read_bounce(content)
    if report is None:
        return ["no bounce"]
    outcomes = [
        f"{one.address} {'hard' if one.is_hard else 'soft' if one.is_permanent else 'delayed'} {one.reason}"
        for one in report.recipients
    ]
    return outcomes or ["nobody"]
