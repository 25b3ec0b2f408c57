"""One finding of the linter: how bad, where, what, and the remedy. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """`where` is empty for what concerns the whole campaign, else `sequence step` and maybe a language."""

    where: str
    severity: Severity
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        """In one line."""
        words = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return f"{self.severity}: {f'{self.where}: ' if self.where else ''}{words}"


def error(message: str, remedy: str = "") -> Finding:
    """An email like that does harm, or does not work."""
    return Finding("", "error", message, remedy)


def warning(message: str, remedy: str = "") -> Finding:
    """An email like that works less well."""
    return Finding("", "warning", message, remedy)
