"""Reps as the terminal shows them: records, changes of records, and what an import came to.

What belongs here: words and tables. What does not: arguments and JSON (`reps`), and any rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from leadflow_pipeline.route.owners.reps.rep import Rep
    from leadflow_pipeline.route.owners.reps.roster import RepsImported


def say_imported(imported: RepsImported, dry_run: bool) -> None:
    """Who is new, changed, gone or as before."""
    words = "Would hold" if dry_run else "Holds"
    typer.echo(f"{words} from {imported.from_day} on:")
    for verb, reps in (
        ("new", imported.added),
        ("changed", imported.changed),
        ("left, being not in the list", imported.left),
    ):
        if reps:
            typer.echo(f"  {verb}: {', '.join(reps)}")
    typer.echo(f"  unchanged: {len(imported.unchanged)}")
    if imported.overtaken:
        typer.echo(
            f"A record of a later day goes on holding for {', '.join(imported.overtaken)}: see reps show."
        )


def table_of_reps(title: str, rows: Sequence[tuple[Rep, bool]]) -> Table:
    """A line a rep. Ids are whole, whatever the width: who acts on them copies them."""
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("rep", no_wrap=True)
    for name in ("team", "status", "territories", "capacity"):
        table.add_column(name)
    for rep, absent in rows:
        status = "away" if absent and rep.status == "active" else rep.status
        told = (rep.rep, rep.team, status, _territories(rep, at_most=8), _capacity(rep))
        table.add_row(*map(Text, told))
    return table


def _territories(rep: Rep, at_most: int | None = None) -> str:
    """`DE, AT, US (NY NJ PA)`, or the first so many and how many more there are."""
    from leadflow_pipeline.route.owners.reps.linter import written

    places: dict[str, list[str]] = {}
    for territory in rep.territories[:at_most]:
        narrow = territory.postcode or territory.city or territory.state
        if narrow and territory.country and territory.region is None:
            places.setdefault(territory.country, []).append(narrow)
        else:
            places.setdefault(written(territory), [])
    told = ", ".join(f"{name} ({' '.join(parts)})" if parts else name for name, parts in places.items())
    more = len(rep.territories) - at_most if at_most is not None else 0
    return (told or "everywhere") + (f" and {more} more" if more > 0 else "")


def of_limit(count: int, limit: int | None) -> str:
    """`3 of 10`, or the count alone where there is no limit."""
    return f"{count:,}" if limit is None else f"{count:,} of {limit:,}"


def _capacity(rep: Rep) -> str:
    limits = rep.capacity
    told = [
        f"{limit:g} {words}"
        for limit, words in (
            (limits.per_day, "a day"),
            (limits.per_week, "a week"),
            (limits.per_month, "a month"),
            (limits.open_leads, "open"),
        )
        if limit is not None
    ]
    return ", ".join(told) or "no limit"


def print_record(rep: Rep) -> None:
    """A line for each thing that the record says."""
    hours = rep.working_hours
    told = {
        "rep": rep.rep,
        "name": rep.name,
        "team": rep.team,
        "manager": rep.manager,
        "status": rep.status,
        "territories": _territories(rep),
        "industries": ", ".join(rep.industries),
        "specialties": ", ".join(rep.specialties),
        "languages": ", ".join(rep.languages),
        "named accounts": "; ".join(rep.named_accounts),
        "weight": f"{rep.weight:g}",
        "capacity": _capacity(rep),
        "allotments": ", ".join(f"{campaign} {share:g}" for campaign, share in rep.allotments.items()),
        "hours": f"{' '.join(hours.weekdays)} {hours.start:%H:%M}-{hours.end:%H:%M} {rep.time_zone}",
        "holidays": ", ".join(map(str, hours.holidays)),
    }
    for name, value in told.items():
        if value:
            typer.echo(f"  {name.ljust(14)}  {value}")


def changes_since(before: Rep | None, after: Rep) -> str:
    """What a record says otherwise than the one before it."""
    if before is None:
        return f"first known, {after.status}"
    names = [name for name in type(after).model_fields if getattr(before, name) != getattr(after, name)]
    if names == ["status"]:
        return after.status
    return f"changed: {', '.join(name.replace('_', ' ') for name in names)}" if names else "the same again"
