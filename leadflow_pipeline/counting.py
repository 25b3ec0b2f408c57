"""Numbers with their noun, in English. Pure.

What belongs here: `1 day`, `1,200 days`. What does not: texts of columns (`wording`).
"""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 day`, `1,200 days`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
