"""What a lead's source earns where the campaign lets attribution say it, in place of declared points.

What belongs here: the arithmetic and its words. What does not: attribution (`insight`), reading what was recorded
(`store.channel_credits`), adding points up (`total`).

    average = conversions of all source channels / their leads
    share   = (conversions of a channel + prior * average) / (its leads + prior)
    points  = cap of the group `source` * share / the largest share

so the best channel earns the whole cap, a channel of few leads is drawn towards the average, and one that was not seen
yet earns what the average does. Points are whole hundredths. A day goes by what was recorded last for it or before;
with too few conversions in that, and before the first record, the declared points stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadflow_pipeline.score.activity import IntegerArray, day_numbers
from leadflow_pipeline.score.points import DOES_NOT_APPLY, SOURCE_CHANNELS, Factor, TimesArray
from leadflow_pipeline.score.rules import ScoreRules, SourceCredit

LINE = "source_credit"
"""Its name in the breakdown."""
WORDS = "Its source, by attribution"
"""What the line says where nobody remembers which source it was."""
GROUP = "source"
NO_CREDIT = 0


@dataclass(frozen=True)
class Credit:
    """What a source earns, and why."""

    points: float
    words: str


@dataclass(frozen=True)
class CreditedRows:
    """What each row's source earns."""

    credits: tuple[Credit, ...]
    """Those that some row has."""
    number: IntegerArray
    """Of each row: its credit's place in `credits`, counted from 1; NO_CREDIT where declared points stand."""

    def take(self, rows: IntegerArray) -> CreditedRows:
        """Of these rows."""
        return CreditedRows(self.credits, self.number[rows])

    def replace_declared(self, times: Mapping[str, TimesArray]) -> dict[str, TimesArray]:
        """Who earned each factor, the declared ones of sources not applying where there is a credit."""
        declared = {f"source_{channel}" for channel in SOURCE_CHANNELS}
        if not self.credits:
            return dict(times)
        return {
            name: np.where(self.number == NO_CREDIT, often.astype(np.int64), DOES_NOT_APPLY)
            if name in declared
            else often
            for name, often in times.items()
        }

    def factors(self) -> tuple[Factor, ...]:
        """A factor for each credit: all of them are the one line of the breakdown."""
        return tuple(
            Factor(f"{LINE}.{number}", GROUP, credit.points, credit.words, "", line=LINE)
            for number, credit in enumerate(self.credits, start=1)
        )

    def times(self) -> dict[str, TimesArray]:
        """Who earned each of `factors`."""
        return {f"{LINE}.{number}": self.number == number for number in range(1, len(self.credits) + 1)}


def credit_rows(
    sources: pd.Series,
    days: IntegerArray,
    channels: Mapping[str, str],
    recorded: pd.DataFrame | None,
    rules: ScoreRules,
) -> CreditedRows:
    """What the source of each row earns on the row's day.

    Args:
        sources: of each row.
        days: of each row, since 1970-01-01.
        channels: source -> channel; a source that the campaign no longer declares is its own channel.
        recorded: `from_day`, `channel`, `leads`, `conversions`, as recorded for the campaign.
        rules: the campaign's.
    """
    terms = rules.credit_of_sources
    if terms is None or recorded is None or recorded.empty:
        return CreditedRows((), np.zeros(len(sources), dtype=np.int64))
    codes, distinct = pd.factorize(sources, use_na_sentinel=False)
    named = [plain(channels.get(source, source)) for source in distinct.tolist()]
    starts = np.unique(day_numbers(recorded["from_day"]))
    known: dict[Credit, int] = {}
    table = np.zeros((len(starts) + 1, len(named)), dtype=np.int64)
    for place, (_, rows) in enumerate(recorded.groupby("from_day", sort=True), start=1):
        credits = credits_of(rows, named, rules.all_caps[GROUP], terms)
        table[place] = [known.setdefault(credit, len(known) + 1) for credit in credits] or NO_CREDIT
    of_row = table[np.searchsorted(starts, days, side="right"), codes]
    there = np.unique(of_row[of_row != NO_CREDIT])
    in_order = list(known)
    number = np.where(of_row == NO_CREDIT, NO_CREDIT, np.searchsorted(there, of_row) + 1)
    return CreditedRows(tuple(in_order[credit - 1] for credit in there), number)


def credits_of(
    recorded: pd.DataFrame, channels: Sequence[str], cap: float, terms: SourceCredit
) -> list[Credit]:
    """What each of these channels earns by one record (`channel`, `leads`, `conversions`).

    Empty where the record holds too few conversions, or none of a source. Raises nothing.
    """
    by_channel = recorded.groupby(recorded["channel"].map(plain))[["leads", "conversions"]].sum()
    if round(float(by_channel["conversions"].sum()), 6) < terms.at_least_conversions:
        return []
    brought = by_channel[by_channel["leads"] > 0].astype("float64")
    conversions = float(brought["conversions"].sum())
    if conversions <= 0:
        return []
    average = conversions / float(brought["leads"].sum())
    share = (brought["conversions"] + terms.prior_leads * average) / (brought["leads"] + terms.prior_leads)
    best = float(share.max())

    def credit(channel: str) -> Credit:
        is_known = channel in share.index
        of_channel = float(share[channel]) if is_known else average
        points = round(cap * of_channel / best, 2)
        return Credit(points, _words(channel, of_channel / average if is_known else None))

    return [credit(channel) for channel in channels]


def plain(channel: str) -> str:
    """A channel as it is compared."""
    return channel.strip().lower()


def _words(channel: str, times_the_average: float | None) -> str:
    if times_the_average is None:
        return f"Source {channel} is new and counts as the average"
    return f"Source {channel} brings {times_the_average:.1f} times the average"
