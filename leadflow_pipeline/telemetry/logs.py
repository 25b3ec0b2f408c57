"""Lines of the log: JSON for programs or text for people, with the correlation id, on standard error.

What belongs here: how a record becomes a line, and setting that up once a process. What does not: what is said.

A record's arguments are words that our own code chose. An exception is told by its kind and place: its message may
quote a lead, a statement or a token.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.telemetry.correlation import present_correlation_id

FIELDS: Final = "leadflow"
"""`log.info("answered", extra={"leadflow": {"status": 200}})`: members of the line beside the sentence."""

OURS: Final = "leadflow_pipeline"
PLACES_TOLD: Final = 3


class JsonLines(logging.Formatter):
    """One JSON object a record: `time` (UTC), `level`, `logger`, `message`, `correlation_id`, `error`, and its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_own(record),
        }
        if (correlation_id := present_correlation_id()) is not None:
            line["correlation_id"] = correlation_id
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = told_error(record.exc_info[1], record.exc_info[2])
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """One line a record, for whoever reads along."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        words = [_moment(record), record.levelname, record.getMessage()]
        words += [f"{name}={value}" for name, value in _own(record).items()]
        if (correlation_id := present_correlation_id()) is not None:
            words.append(f"correlation_id={correlation_id}")
        if record.exc_info and record.exc_info[1] is not None:
            words.append(told_error(record.exc_info[1], record.exc_info[2]))
        return " ".join(words).replace("\n", " ")


def set_up_logs(stream: TextIO | None = None) -> None:
    """Lines of this process as `LEADFLOW_LOG_FORMAT` says, from `LEADFLOW_LOG_LEVEL` on. To be called once, by the
    command or the process itself and never by a library.
    """
    logging.basicConfig(handlers=[_lines_to(stream)], level=logging.WARNING, force=True)
    logging.getLogger(OURS).setLevel(get_settings().log_level.upper())


def set_up_our_logs(stream: TextIO | None = None) -> None:
    """The same for lines of this project alone, where no process of ours has set up logs: Dagster's code server and
    run workers, whose other lines are Dagster's own.
    """
    ours = logging.getLogger(OURS)
    if logging.getLogger().handlers or ours.handlers:
        return
    ours.addHandler(_lines_to(stream))
    ours.setLevel(get_settings().log_level.upper())


def _lines_to(stream: TextIO | None) -> logging.Handler:
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if get_settings().log_format == "json" else TextLines())
    return handler


def told_error(error: BaseException, places: TracebackType | None) -> str:
    """Kind and place of an error: `KeyError in plan.py:12 < assets.py:80`. Never its message."""
    told = list(_places(places))[-PLACES_TOLD:]
    return " in ".join([type(error).__name__, *([" < ".join(reversed(told))] if told else [])])


def _places(places: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(places):
        yield f"{Path(frame.filename).name}:{frame.lineno}"


def _own(record: logging.LogRecord) -> dict[str, Any]:
    return dict(getattr(record, FIELDS, {}))


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
