"""How every command speaks: results on stdout, progress and errors on stderr, JSON for scripts.

What belongs here: consoles, error and JSON printing. What does not: what is said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape, render
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from leadflow_pipeline.counting import counted as counted

if TYPE_CHECKING:
    from leadflow_pipeline.insight.pages import Section

console = Console()
"""For results. Colour and width adapt; piped output is plain."""

error_console = Console(stderr=True)
"""For progress and errors, so that stdout stays what a script may read."""


def fail(message: str, exit_code: int = 1) -> NoReturn:
    """Says what went wrong in one sentence and ends the command."""
    typer.echo(f"error: {message}", err=True)
    raise SystemExit(exit_code)


def print_json(value: Any) -> None:
    """Prints a value for scripts; days and paths become text."""
    typer.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def table_of(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table with a column for each key of the first row; numbers to the right, thousands separated.

    It is at least as wide as its title, which would be broken otherwise.
    """
    width = min(cell_len(render(title).plain), console.width)
    table = Table(title=title, title_justify="left", header_style="bold", min_width=width)
    for name in rows[0] if rows else ():
        is_number = all(_is_number(row[name]) for row in rows if row[name] is not None)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_shown, row.values()))
    return table


def _shown(value: Any) -> str:
    """As a person reads it: nothing for what is not there, minutes of UTC for a moment."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _is_number(value: Any) -> bool:
    """Whether a person reads it as a number."""
    from leadflow_pipeline.insight.pages import WRITTEN_NUMBER

    return isinstance(value, int | float) or bool(WRITTEN_NUMBER.fullmatch(str(value)))


def print_section(heading: str, section: Section) -> None:
    """A section of a page, as the terminal shows it; long texts are wrapped."""
    from leadflow_pipeline.insight.pages import are_numbers, as_text

    console.print()
    if isinstance(section, str):
        console.print(f"[italic]{escape(heading)}[/]", highlight=False)
        console.print(Text(section))
        return
    text = as_text(section)
    has_names = any(name.strip() for name in text.columns)
    table = Table(title=escape(heading), title_justify="left", header_style="bold", show_header=has_names)
    for name, is_number in zip(text.columns, are_numbers(section), strict=True):
        table.add_column(escape(name), justify="right" if is_number else "left")
    for row in text.to_numpy().tolist():
        table.add_row(*map(Text, row))
    console.print(table)


def progress() -> Progress:
    """A progress bar on stderr, which leaves nothing behind; none where no person looks."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=error_console,
        transient=True,
        disable=not error_console.is_terminal,
    )
