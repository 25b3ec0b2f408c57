"""How far the values of pairs agree: the level of each pair in each column.

What belongs here: comparing texts, a whole array of pairs at once. What does not: what a level is worth.

Texts are compared once for each distinct pair of them, and only where they are not equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from leadflow_pipeline.identity.given_names import are_two_names, is_variant
from leadflow_pipeline.identity.levels import CLOSE, DIFFERENT, PARTLY, SAME, UNLIKE
from leadflow_pipeline.identity.numbering import (
    MISSING,
    Mask,
    Outlines,
    People,
    Positions,
    Texts,
    may_be_within,
    outlines_of,
)

Levels = npt.NDArray[np.int8]

CLOSE_FROM, SIMILAR_FROM = 0.92, 0.80
"""Jaro-Winkler similarities, as Winkler (1990) graded names of people."""
KEPT_FROM = 0.75
"""Share of a text that is kept, where the rest are slips of the keys."""
KEPT_OF_COMPANY = 0.85
"""Of a company's name or domain: those of two companies often end in the same word (`clearhealth`, `cedarhealth`)."""
MOST_SLIPS = 4
"""In a text as long as an address; a pair with more is not looked at closely."""
LENGTHS_OF_SHORT_FORMS = (1, 3, 4, 5)
DAYS_IN_MONTH, DAYS_IN_YEAR = 31, 372
NEW_YEARS_DAY = 101
"""Month and day that forms and registers put where only the year is known."""


@dataclass(frozen=True)
class TextPairs:
    """Distinct pairs of unequal texts, and their outlines."""

    one: Texts
    other: Texts
    one_outlines: Outlines
    other_outlines: Outlines

    def at(self, positions: Positions) -> TextPairs:
        """The pairs at these positions."""
        return TextPairs(
            self.one[positions],
            self.other[positions],
            self.one_outlines.taken(positions),
            self.other_outlines.taken(positions),
        )

    @property
    def shorter(self) -> npt.NDArray[np.int64]:
        """Length of the shorter text of each pair."""
        return np.minimum(self.one_outlines.lengths, self.other_outlines.lengths)

    @property
    def longer(self) -> npt.NDArray[np.int64]:
        """Length of the longer text of each pair."""
        return np.maximum(self.one_outlines.lengths, self.other_outlines.lengths)


def levels_of(
    people: People, column: str, left: Positions, right: Positions, *, with_column: str | None = None
) -> Levels:
    """The level of each pair in a column; -1 where either value is missing.

    `with_column` names another column for the right people: the other name, where names may be swapped.
    """
    if column == "email":
        return email_levels(people, left, right)
    one, other = people.codes(column)[left], people.codes(with_column or column)[right]
    levels = np.full(len(left), DIFFERENT, dtype=np.int8)
    levels[one == other] = SAME
    levels[(one < 0) | (other < 0)] = MISSING
    if column == "birth_date":
        levels[(levels == SAME) & _stand_for_a_year(people)[one]] = PARTLY
    compare = COMPARISONS.get(column)
    unequal = np.flatnonzero(levels == DIFFERENT)
    if compare is None or not len(unequal):
        return levels
    texts, outlines = people.texts(column), people.outlines(column)
    pair_of, pairs = pd.factorize(one[unequal].astype(np.int64) * len(texts) + other[unequal])
    first, second = pairs // len(texts), pairs % len(texts)
    distinct = TextPairs(texts[first], texts[second], outlines.taken(first), outlines.taken(second))
    levels[unequal] = compare(distinct)[pair_of]
    return levels


def email_levels(people: People, left: Positions, right: Positions) -> Levels:
    """A few slips of the keys; the person's name at another place; another mailbox of the company; or neither.

    Mailbox and domain must be close each by itself: colleagues share the domain, and a name stays with its bearer.
    At one company nobody mistypes the first letter (`e.berg@`, `p.berg@`): it stands for another first name.
    At free mail providers, and at companies called alike, namesakes have mailboxes nearly the same: where both spell
    the name, they say no more than the name does.
    Two mailboxes of a company that both spell the last name, and bear the same number if any, are two spellings of
    one (`j.berg@`, `berg.jana@`).
    """
    mailbox = levels_of(people, "mailbox", left, right)
    one, other = people.company_mail[left], people.company_mail[right]
    is_colleague = (one == other) & (one >= 0)
    levels = np.where(mailbox == MISSING, MISSING, np.where(is_colleague, UNLIKE, DIFFERENT)).astype(np.int8)
    known = np.flatnonzero((mailbox >= SAME) & (mailbox <= CLOSE))
    domain = levels_of(people, "mail_domain", left[known], right[known])
    levels[known[(mailbox[known] == SAME) & (domain == DIFFERENT)]] = PARTLY
    levels[known[domain <= CLOSE]] = CLOSE
    levels[known[(mailbox[known] == SAME) & (domain == SAME)]] = SAME
    same_name = np.ones(len(left), dtype=bool)
    for name in ("first_name", "last_name"):
        codes = people.codes(name)
        same_name &= (codes[left] == codes[right]) & (codes[left] >= 0)
    namesakes = np.flatnonzero(is_colleague & (levels == UNLIKE) & same_name)
    levels[namesakes[_both_spell_the_name(people, left[namesakes], right[namesakes])]] = PARTLY
    initials = people.coarser("mailbox", lambda mailboxes: mailboxes.str[:1])
    levels[(levels == CLOSE) & is_colleague & (initials[left] != initials[right])] = UNLIKE
    close = np.flatnonzero(levels == CLOSE)
    differ_as_names = close[_differ_as_their_names(people, left[close], right[close])]
    levels[differ_as_names] = np.where(is_colleague[differ_as_names], UNLIKE, DIFFERENT)
    close = np.flatnonzero((levels == CLOSE) & ~is_colleague)
    spelt = [_spells_its_name(people, side[close]) for side in (left, right)]
    levels[close[spelt[0] & spelt[1]]] = PARTLY
    return levels


def _differ_as_their_names(people: People, left: Positions, right: Positions) -> Mask:
    """Whether two mailboxes differ just where the last names do: then no key slipped, these are two names."""
    names = people.codes("last_name")
    found = np.zeros(len(left), dtype=bool)
    known = np.flatnonzero((names[left] >= 0) & (names[right] >= 0))
    texts = (
        people.texts(column)[people.codes(column)[side[known]]]
        for column in ("last_name", "mailbox")
        for side in (left, right)
    )
    found[known] = [
        mailbox != other_mailbox == mailbox.replace(name, other_name)
        for name, other_name, mailbox, other_mailbox in zip(*texts, strict=True)
    ]
    return found


def _spells_its_name(people: People, some: Positions) -> Mask:
    """Whether each one's mailbox holds their last name, or starts with their first: then it says what the name says."""
    found = np.zeros(len(some), dtype=bool)
    mailboxes = people.texts("mailbox")[people.codes("mailbox")[some]]
    for name, tells in (("first_name", str.startswith), ("last_name", str.__contains__)):
        codes = people.codes(name)[some]
        known = np.flatnonzero(codes >= 0)
        names = people.texts(name)[codes[known]]
        told = (tells(mailbox, text) for mailbox, text in zip(mailboxes[known], names, strict=True))
        found[known] |= np.fromiter(told, dtype=bool, count=len(known))
    return found


def _both_spell_the_name(people: People, left: Positions, right: Positions) -> Mask:
    mailboxes, names = people.texts("mailbox"), people.texts("last_name")[people.codes("last_name")[left]]
    one, other = (mailboxes[people.codes("mailbox")[side]] for side in (left, right))
    same_number = _without(r"[^0-9]+", one) == _without(r"[^0-9]+", other)
    spelt = [name in first and name in second for name, first, second in zip(names, one, other, strict=True)]
    both: Mask = np.array(spelt, dtype=bool) & same_number
    return both


def compare_first_names(pairs: TextPairs) -> Levels:
    """As other names; but two that are both names of their own differ, however alike, unless one stands for the
    other."""
    levels = compare_names(pairs)
    both = list(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True))
    levels[[is_variant(one, other) for one, other in both]] = PARTLY
    levels[[are_two_names(one, other) for one, other in both]] = DIFFERENT
    return levels


def compare_names(pairs: TextPairs) -> Levels:
    """A slip of the keys, more of them towards the end, or letters jumbled; an initial or the beginning; alike."""
    levels = np.full(len(pairs.one), DIFFERENT, dtype=np.int8)
    one, other = pairs.one_outlines, pairs.other_outlines
    is_within = (one.letters & ~other.letters == 0) | (other.letters & ~one.letters == 0)
    for position in np.flatnonzero(is_within & np.isin(pairs.shorter, LENGTHS_OF_SHORT_FORMS)):
        if _is_beginning(pairs.one[position], pairs.other[position]):
            levels[position] = PARTLY
    likely = np.flatnonzero(may_be_within(MOST_SLIPS, one, other) & (pairs.shorter >= 3))
    some = pairs.at(likely)
    similarity, edits = _similarities(some, SIMILAR_FROM), _edits(some, 1)
    is_close = (edits <= 1) | (similarity >= CLOSE_FROM)
    is_unlike = (similarity >= SIMILAR_FROM) & (levels[likely] == DIFFERENT)
    levels[likely[is_unlike]] = UNLIKE
    levels[likely[is_close]] = CLOSE
    for position in np.flatnonzero((one.letters == other.letters) & (one.lengths == other.lengths)):
        if len(pairs.one[position]) >= 4 and sorted(pairs.one[position]) == sorted(pairs.other[position]):
            levels[position] = CLOSE
    return levels


def compare_mailboxes(pairs: TextPairs) -> Levels:
    """A few slips of the keys. Where only numbers differ, somebody numbered them on purpose."""
    levels = np.full(len(pairs.one), DIFFERENT, dtype=np.int8)
    close = np.flatnonzero(_are_close(pairs))
    levels[close] = np.where(_differ_in_numbers_only(pairs.at(close)), UNLIKE, CLOSE)
    return levels


def compare_mail_domains(pairs: TextPairs) -> Levels:
    """A few slips of the keys before the ending, which is too much alike among domains to count; numbers are none."""
    levels = np.full(len(pairs.one), DIFFERENT, dtype=np.int8)
    one, other = (_without(r"\.[^.]*$", texts) for texts in (pairs.one, pairs.other))
    stems = TextPairs(
        one, other, outlines_of(pd.Series(one, dtype="str")), outlines_of(pd.Series(other, dtype="str"))
    )
    close = np.flatnonzero(_are_few_slips_apart(stems, KEPT_OF_COMPANY))
    levels[close[~_differ_in_numbers_only(stems.at(close))]] = CLOSE
    return levels


def compare_digits(pairs: TextPairs) -> Levels:
    """One digit wrong, left out or swapped with its neighbour; two."""
    edits = _edits(pairs, 2)
    levels = np.full(len(pairs.one), DIFFERENT, dtype=np.int8)
    levels[edits == 2] = PARTLY
    levels[edits <= 1] = CLOSE
    return levels


def compare_dates(pairs: TextPairs) -> Levels:
    """One digit wrong; two, or two of year, month and day alike, or within a month; within a year.

    Two years alone (`NEW_YEARS_DAY`) that differ in a digit say nothing.
    """
    left, right = (np.array(dates, dtype=np.int64) for dates in (pairs.one, pairs.other))
    alike = [
        left // 10_000 == right // 10_000,
        left // 100 % 100 == right // 100 % 100,
        left % 100 == right % 100,
    ]
    apart = np.abs(_rough_days(left) - _rough_days(right))
    edits = _edits(pairs, 2)
    levels = np.full(len(pairs.one), DIFFERENT, dtype=np.int8)
    levels[apart <= DAYS_IN_YEAR] = UNLIKE
    levels[(np.sum(alike, axis=0) >= 2) | (apart <= DAYS_IN_MONTH) | (edits == 2)] = PARTLY
    levels[edits <= 1] = CLOSE
    are_years = (left % 10_000 == NEW_YEARS_DAY) & (right % 10_000 == NEW_YEARS_DAY)
    levels[are_years & (levels <= PARTLY)] = UNLIKE
    return levels


def compare_texts(pairs: TextPairs) -> Levels:
    """A few slips of the keys. Two that differ in numbers only were numbered on purpose (`Unit 7`, `Unit 8`)."""
    levels = np.full(len(pairs.one), DIFFERENT, dtype=np.int8)
    close = np.flatnonzero(_are_close(pairs))
    levels[close[~_differ_in_numbers_only(pairs.at(close))]] = CLOSE
    return levels


def compare_companies(pairs: TextPairs) -> Levels:
    """Very few slips of the keys; numbers are none."""
    levels = np.full(len(pairs.one), DIFFERENT, dtype=np.int8)
    close = np.flatnonzero(_are_few_slips_apart(pairs, KEPT_OF_COMPANY))
    levels[close[~_differ_in_numbers_only(pairs.at(close))]] = CLOSE
    return levels


COMPARISONS: dict[str, Callable[[TextPairs], Levels]] = {
    "first_name": compare_first_names,
    "last_name": compare_names,
    "mailbox": compare_mailboxes,
    "mail_domain": compare_mail_domains,
    "birth_date": compare_dates,
    **dict.fromkeys(("phone", "postcode", "identifier"), compare_digits),
    **dict.fromkeys(("street", "address_2", "city"), compare_texts),
    "company": compare_companies,
}
"""Columns without one are the same or different."""


def _stand_for_a_year(people: People) -> Mask:
    """Whether each birth date may be a year alone, by number; false at the end, for a missing one."""
    dates = pd.Series([*people.texts("birth_date"), ""], dtype="str")
    return dates.str.endswith(f"{NEW_YEARS_DAY:04}").to_numpy(dtype=bool)


def _is_beginning(one: str, other: str) -> bool:
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    return long.startswith(short)


def _differ_in_numbers_only(pairs: TextPairs) -> Mask:
    """Whether the letters are the same and the numbers are not; dots and dashes tell nobody apart."""
    letters = [_without(r"[\W\d_]+", texts) for texts in (pairs.one, pairs.other)]
    numbers = [_without(r"\D+", texts) for texts in (pairs.one, pairs.other)]
    return np.asarray((letters[0] == letters[1]) & (numbers[0] != numbers[1]), dtype=bool)


def _without(pattern: str, texts: Texts) -> Texts:
    return pd.Series(texts, dtype="str").str.replace(pattern, "", regex=True).to_numpy(dtype=object)


def _rough_days(dates: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Days since the year 0 with months of equal length: what is written need not be a day of the calendar."""
    return dates // 10_000 * 372 + dates // 100 % 100 * 31 + dates % 100


def _are_close(pairs: TextPairs) -> Mask:
    """Whether a few slips of the keys make one of the other, or more of them towards the end."""
    is_close = _are_few_slips_apart(pairs, KEPT_FROM)
    unclear = np.flatnonzero(~is_close & may_be_within(MOST_SLIPS, pairs.one_outlines, pairs.other_outlines))
    unclear = unclear[_edits(pairs.at(unclear), MOST_SLIPS) <= MOST_SLIPS]
    is_close[unclear] = _similarities(pairs.at(unclear), CLOSE_FROM) >= CLOSE_FROM
    return is_close


def _are_few_slips_apart(pairs: TextPairs, kept: float) -> Mask:
    """Whether at most `MOST_SLIPS` slips of the keys make one of the other, and `kept` of the longer one stays."""
    is_close = np.zeros(len(pairs.one), dtype=bool)
    likely = np.flatnonzero(may_be_within(MOST_SLIPS, pairs.one_outlines, pairs.other_outlines))
    some = pairs.at(likely)
    edits = _edits(some, MOST_SLIPS)
    is_close[likely] = (edits <= MOST_SLIPS) & (edits <= (1 - kept) * some.longer)
    return is_close


def _similarities(pairs: TextPairs, least: float) -> npt.NDArray[np.float32]:
    """Jaro-Winkler similarities; 0 below `least`."""
    return process.cpdist(
        pairs.one,
        pairs.other,
        scorer=JaroWinkler.similarity,
        dtype=np.float32,
        score_cutoff=least,
        workers=-1,
    )


def _edits(pairs: TextPairs, most: int) -> npt.NDArray[np.uint8]:
    """Letters added, left out, replaced, or swapped with their neighbour; `most` + 1 for more than `most`."""
    return process.cpdist(
        pairs.one, pairs.other, scorer=OSA.distance, dtype=np.uint8, score_cutoff=most, workers=-1
    )
