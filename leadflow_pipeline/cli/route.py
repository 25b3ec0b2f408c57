"""`leadflow route`: past days given away under other rules for owners, or to other reps, before that counts.

What belongs here: arguments and output. What does not: the dry run (`insight.dry_run`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer

from leadflow_pipeline.cli.output import console, counted, print_json, progress, table_of
from leadflow_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from leadflow_pipeline.insight.dry_run.earnings import Amount, Comparison, Earnings
    from leadflow_pipeline.insight.dry_run.off_policy import OffPolicy
    from leadflow_pipeline.insight.dry_run.reading import DryRun

DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}
MOST_TRANSITIONS = 20
WORDS = {
    "known": "known: it has the owner that it really had",
    "estimated": "estimated: it would have had another rep",
    "nobody has it": "counted as lost: nobody would have had it",
}


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(route)


def route(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Whose leads.")],
    what_if: Annotated[
        Path | None,
        typer.Option("--what-if", metavar="NEW_FILE", help="Campaign file to try; else the present one."),
    ] = None,
    reps: Annotated[
        Path | None,
        typer.Option(
            "--reps", metavar="FILE", help="Whole list of reps to try, as leadflow reps import has it."
        ),
    ] = None,
    reps_from: Annotated[
        datetime | None,
        typer.Option("--reps-from", help="First day that this list holds for; else the first day.", **DAY),
    ] = None,
    keep_missing: Annotated[
        bool, typer.Option("--keep-missing", help="Reps who are not in the list stay; else they have left.")
    ] = False,
    first: Annotated[
        datetime | None, typer.Option("--from", help="First day; else the first computed.", **DAY)
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", help="Last day; else the last computed.", **DAY)
    ] = None,
    honour_handoffs: Annotated[
        bool,
        typer.Option(
            "--honour-handoffs",
            help="Leads that were told to an owner stay there; else as if nobody had been told.",
        ),
    ] = False,
    most: Annotated[int, typer.Option(min=0, help="Name so many of the most valuable leads that move.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show whose leads would be whose under another file or list of reps, and what that would have earned.

    A dry run: past days are given away again in memory. Writes nothing, tells nobody.
    """
    from leadflow_pipeline.campaign import load, parse_campaign
    from leadflow_pipeline.cli.campaign import read_campaign_file
    from leadflow_pipeline.insight.dry_run.reading import dry_run
    from leadflow_pipeline.insight.replay import replayable_days
    from leadflow_pipeline.route.owners.reps.rep_sources import reps_from_file
    from leadflow_pipeline.route.owners.reps.roster_check import regions_of_campaigns
    from leadflow_pipeline.route.owners.trial import Trial
    from leadflow_pipeline.store.engine import get_engine

    if what_if is None and reps is None:
        raise PermanentError("there is nothing to try: give --what-if FILE, --reps FILE, or both")
    engine = get_engine()
    present = load(engine, campaign)
    rules = present.rules
    if what_if is not None:
        rules = parse_campaign(read_campaign_file(what_if), what_if.name)
    days = replayable_days(engine, campaign, first.date() if first else None, last.date() if last else None)
    trial = Trial(
        reps=reps_from_file(reps, regions_of_campaigns(engine) | _regions_of(rules)) if reps else None,
        from_day=_first_of_list(reps_from, days.first_day, days.last_day),
        keep_missing=keep_missing,
        honours_handoffs=honour_handoffs,
    )
    with progress() as bar:
        bar.add_task(f"giving {counted(len(days.days), 'day')} of {campaign} away twice", total=None)
        found = dry_run(engine, present, days, rules, trial, datetime.now(UTC), most)
    tried = " with ".join(path.name for path in (what_if, reps) if path is not None)
    heading = {
        "campaign": campaign,
        "version": present.version,
        "file": what_if.name if what_if else None,
        "reps": reps.name if reps else None,
        "reps_from": trial.from_day if reps else None,
        "first_day": days.first_day,
        "last_day": days.last_day,
        "honours_handoffs": honour_handoffs,
        "currency": found.currency,
    }
    if as_json:
        print_json({**heading, **_as_json(found)})
        return
    console.print(
        f"{campaign}, {days.first_day} to {days.last_day}: as it is → {tried}; nothing is written",
        highlight=False,
    )
    _print(found)


def _regions_of(rules: Any) -> frozenset[str]:
    return frozenset(rules.ownership.regions if rules.ownership is not None else ())


def _first_of_list(given: datetime | None, first_day: date, last_day: date) -> date:
    day = given.date() if given else first_day
    if not first_day <= day <= last_day:
        raise PermanentError(
            f"--reps-from {day} is not among the days {first_day} to {last_day}: name one of them"
        )
    return day


def _print(found: DryRun) -> None:
    from leadflow_pipeline.insight.rep_performance.naming import shown_names

    moves = found.moves
    shown = shown_names({*found.loads["rep"], *moves.transitions["before"], *moves.transitions["after"]})
    _print_moves(found, shown)
    if len(found.loads):
        console.print(table_of("What reps carry, as it is → as tried", _load_rows(found.loads, shown)))
    _print_earnings(found)
    for estimate in found.off_policy:
        _say(_off_policy_words(estimate))
    if found.notes:
        console.print("\n[bold]What this cannot know[/]")
        for note in found.notes:
            console.print(f"- {note[0].upper()}{note[1:]}.", highlight=False, markup=False)


def _print_moves(found: DryRun, shown: dict[str, str]) -> None:
    moves = found.moves
    if not moves.changed:
        _say(f"Nobody moves: {counted(moves.leads, 'lead')} would have the owners that they have.")
        return
    sentence = (
        f"{counted(moves.moved, 'lead')} of {moves.leads:,} would have another owner, {moves.gained:,} one where there "
        f"was none, and {moves.lost:,} none where there was one. Held at the end: {moves.held_before:,} → "
        f"{moves.held_after:,}."
    )
    _say(sentence)
    rows = [
        {
            "tier": move["tier"],
            "from": shown[move["before"]],
            "to": shown[move["after"]],
            "leads": int(move["leads"]),
            f"expected {found.currency}": f"{move['worth']:,.0f}",
        }
        for move in moves.transitions.to_dict("records")
    ]
    console.print(table_of("Who moves", rows[:MOST_TRANSITIONS]))
    if len(rows) > MOST_TRANSITIONS:
        _say(f"… and {len(rows) - MOST_TRANSITIONS} more such pairs: --json has all.")
    if len(moves.most_valuable):
        named = [
            {
                "lead_id": lead["lead_id"],
                "tier": lead["tier"],
                f"expected {found.currency}": f"{lead['worth']:,.0f}",
                "from": shown[lead["before"]],
                "to": shown[lead["after"]],
            }
            for lead in moves.most_valuable.to_dict("records")
        ]
        console.print(table_of("The most valuable of them", named))


def _load_rows(loads: pd.DataFrame, shown: dict[str, str]) -> list[dict[str, Any]]:
    def both(row: Mapping[Any, Any], name: str, written: str) -> str:
        before, after = (
            "–" if pd.isna(row[f"{name}_{when}"]) else written.format(row[f"{name}_{when}"])
            for when in ("before", "after")
        )
        return before if before == after else f"{before} → {after}"

    return [
        {
            "rep": shown[row["rep"]],
            "leads given": both(row, "given", "{:,.0f}"),
            "days full": both(row, "days_full", "{:,.0f}"),
            "days below floor": both(row, "floors_missed", "{:,.0f}"),
            "mean load": both(row, "mean_load", "{:.0%}"),
            "open at the end": both(row, "open_leads", "{:,.0f}"),
        }
        for row in loads.to_dict("records")
    ]


def _print_earnings(found: DryRun) -> None:
    before, after, currency = found.before, found.after, found.currency
    _say(
        f"By the plan's own reckoning (conversion x value x match) the leads given away were worth "
        f"{before.value:,.0f} {currency} and would be worth {after.value:,.0f} {currency}; no way to give them away "
        f"could exceed {before.bound:,.0f} and {after.bound:,.0f}."
    )
    earnings = found.earnings
    if not earnings.leads:
        _say("What it would have earned is not known: no outcome of these leads is ripe.")
        return
    rows = [
        {
            "leads": WORDS[part["how"]],
            "number": int(part["leads"]),
            "wins": _arrow(part["wins_before"], part["wins_after"], 1),
            currency: _arrow(part["money_before"], part["money_after"], 0),
        }
        for part in earnings.parts.to_dict("records")
    ]
    console.print(table_of("What it would have earned, as it is → as tried", rows))
    _say(_verdict("Wins", earnings.wins, "", 1))
    _say(_verdict("Money", earnings.money, f" {currency}", 0))
    _say(_by_rates(earnings, currency))


def _arrow(before: float, after: float, decimals: int) -> str:
    return f"{before:,.{decimals}f} → {after:,.{decimals}f}"


def _verdict(what: str, compared: Comparison, unit: str, decimals: int) -> str:
    difference = compared.difference
    told = (
        f"{what}: {_amount(compared.before, decimals)} as it is, {_amount(compared.after, decimals)} as tried; the "
        f"difference is {_amount(difference, decimals, '+')}{unit}"
    )
    if difference.expected == 0 and not difference.interval.width:
        return f"{what}: {_amount(compared.before, decimals)}{unit} either way."
    if difference.is_told_from_nothing:
        return f"{told}, so it is told from luck."
    return f"{told}: that may as well be nothing."


def _by_rates(earnings: Earnings, currency: str) -> str:
    return (
        "By the rates of reps alone, as if luck had not been, the leads that two reps have would bring "
        f"{_amount(earnings.money.by_rates, 0, '+')} {currency} and {_amount(earnings.wins.by_rates, 1, '+')} wins."
    )


def _amount(amount: Amount, decimals: int, sign: str = "") -> str:
    """A number with what it may be, 95 %; alone where it is sure."""
    number = f"{amount.expected:{sign},.{decimals}f}"
    if not amount.interval.width:
        return number
    low, high = (f"{end:{sign},.{decimals}f}" for end in (amount.interval.low, amount.interval.high))
    return f"{number} ({low} to {high})"


def _off_policy_words(found: OffPolicy) -> str:
    best = found.estimates[-1]
    doubts = f"; but {'; '.join(best.warnings)}" if best.warnings else ""
    return (
        f"The experiment {found.experiment} tried these weights ({', '.join(found.variants)}): had all "
        f"{found.leads:,} leads been matched so, {best.value:.2%} of them would have been won ({best.interval.low:.2%} "
        f"to {best.interval.high:.2%}, {best.method}); as it was, {found.as_it_was:.2%} were{doubts}."
    )


def _say(sentence: str) -> None:
    console.print(sentence, highlight=False, markup=False)


def _as_json(found: DryRun) -> dict[str, Any]:
    moves, earnings = found.moves, found.earnings
    return {
        "leads": moves.leads,
        "moved": moves.moved,
        "gained": moves.gained,
        "lost": moves.lost,
        "held_before": moves.held_before,
        "held_after": moves.held_after,
        "transitions": _records(moves.transitions),
        "most_valuable": _records(moves.most_valuable),
        "reps": _records(found.loads),
        "planned": {
            when: {"value": way.value, "bound": way.bound}
            for when, way in (("before", found.before), ("after", found.after))
        },
        "earned": {
            "ripe": earnings.leads,
            "unripe": earnings.unripe,
            "parts": _records(earnings.parts),
            "wins": _compared(earnings.wins),
            "money": _compared(earnings.money),
        },
        "off_policy": [
            {
                "experiment": each.experiment,
                "variants": each.variants,
                "leads": each.leads,
                "as_it_was": each.as_it_was,
                "estimates": [
                    {
                        "method": value.method,
                        "value": value.value,
                        "low": value.interval.low,
                        "high": value.interval.high,
                        "warnings": value.warnings,
                    }
                    for value in each.estimates
                ],
            }
            for each in found.off_policy
        ],
        "notes": found.notes,
    }


def _compared(compared: Comparison) -> dict[str, dict[str, float]]:
    return {
        name: {
            "expected": amount.expected,
            "low": amount.interval.low,
            "high": amount.interval.high,
        }
        for name, amount in (
            ("before", compared.before),
            ("after", compared.after),
            ("difference", compared.difference),
            ("by_rates", compared.by_rates),
        )
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for scripts; what is not known is null."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
