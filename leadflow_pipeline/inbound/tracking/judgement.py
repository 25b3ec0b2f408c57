"""Was it a person? What several requests together show. Pure.

What belongs here: from requests and what stands around them to a reason, or none. What does not: reading and writing
them (`judging`), and families of programs and networks (`askers`).

A scanner that calls itself a browser still does what no person does: it follows a link that nobody can see, all links
of an email at once, the links of many people's emails one after the other, or any link before the email can have been
read. A person is given the benefit of the doubt: what stands alone and looks like a browser is one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.inbound.tracking.askers import PERSONS

TRAP = "followed a link that no person sees"
WITH_TRAP = "came with one who followed a link that no person sees"
TOO_SOON = "sooner after sending than a person can be"
ALL_LINKS = "many links of an email at once"
BURST = "emails of many people in a short time"

SOONEST = pd.Timedelta(seconds=5)
"""After the mail server took the email. Published audits of clicks take 5 to 10 s for what no person manages."""

ALL_LINKS_WITHIN = pd.Timedelta(seconds=2)
MANY_LINKS, MANY_LINKS_WITHIN = 3, pd.Timedelta(seconds=10)

BURSTS = ((5, pd.Timedelta(seconds=10)), (10, pd.Timedelta(minutes=2)))
"""Leads whose emails one visitor asks for, and in what time. An office behind one address is slower than that."""

AROUND = pd.Timedelta(minutes=1)
"""How near to one who followed a trap another request is held to be the same machine's."""

SETTLING = pd.Timedelta(minutes=3)
"""A request is judged when this long has passed: by then all that is needed to judge it has come."""

Marks = npt.NDArray[np.bool_]


def judge(hits: pd.DataFrame) -> pd.Series:
    """Why each request was a machine's; missing where it was a person's. On the index of `hits`.

    `hits`, one row a request, in any order: `message_id`, `lead` (anything that tells leads apart), `kind` (open,
    click), `link` (number, missing for an open), `occurred_at`, `visitor_key` ("" where it is not known), `agent` (a
    family), `is_trap`, `links` (how many the email has, the trap not counted), `sent_at` (missing where the server
    never confirmed).
    """
    reason = pd.Series(None, index=hits.index, dtype="object")
    if hits.empty:
        return reason
    rows = hits.reset_index(drop=True)
    for name in ("occurred_at", "sent_at"):
        rows[name] = pd.to_datetime(rows[name], utc=True).astype("datetime64[us, UTC]")
    is_trap = rows["is_trap"].to_numpy(dtype=bool)
    too_soon = (rows["occurred_at"] < rows["sent_at"] + SOONEST).to_numpy(dtype=bool)
    is_named = ~rows["agent"].isin(PERSONS).to_numpy(dtype=bool)
    found: list[tuple[Marks, str | npt.NDArray[np.object_]]] = [
        (is_named, rows["agent"].to_numpy(dtype=object)),
        (is_trap, TRAP),
        (_near(rows, is_trap, "message_id", AROUND), WITH_TRAP),
        (_near(rows, is_trap, "visitor_key", AROUND), WITH_TRAP),
        (too_soon | _near(rows, too_soon, "message_id", SOONEST), TOO_SOON),
        (_all_links(rows), ALL_LINKS),
        (_bursts(rows), BURST),
    ]
    told = np.full(len(rows), None, dtype=object)
    for marks, why in found:
        fresh = marks & (told == None)  # noqa: E711 - of each element
        told[fresh] = why[fresh] if isinstance(why, np.ndarray) else why
    return pd.Series(told, index=hits.index, dtype="object")


def _all_links(rows: pd.DataFrame) -> Marks:
    clicks = (rows["kind"] == "click").to_numpy(dtype=bool)
    marks = clicks & _crowded(rows, clicks, "message_id", "link", MANY_LINKS, MANY_LINKS_WITHIN)
    # Where an email has two links, both at once: nobody opens both within two seconds.
    few = clicks & (rows["links"] == MANY_LINKS - 1).to_numpy(dtype=bool)
    return marks | (few & _crowded(rows, few, "message_id", "link", MANY_LINKS - 1, ALL_LINKS_WITHIN))


def _bursts(rows: pd.DataFrame) -> Marks:
    """Clicks among clicks; opens among all: a busy office opens much, and clicks little."""
    marks = np.zeros(len(rows), dtype=bool)
    is_known = (rows["visitor_key"] != "").to_numpy(dtype=bool)
    clicks = (rows["kind"] == "click").to_numpy(dtype=bool) & is_known
    for leads, within in BURSTS:
        marks |= clicks & _crowded(rows, clicks, "visitor_key", "lead", leads, within)
        marks |= is_known & ~clicks & _crowded(rows, is_known, "visitor_key", "lead", leads, within)
    return marks


def _crowded(
    rows: pd.DataFrame, among: Marks, group: str, value: str, most: int, within: pd.Timedelta
) -> Marks:
    """Whether a request stands where `most` different values of its group came within so long.

    The first request for each value counts; those that repeat one share the fate of what is around them.
    """
    first = (
        rows.loc[among, [group, value, "occurred_at"]]
        .sort_values("occurred_at", kind="stable")
        .drop_duplicates([group, value])
    )
    last = first.groupby(group)["occurred_at"].shift(1 - most)
    begins = ((last - first["occurred_at"]) <= within).to_numpy(dtype=bool)
    marks = np.zeros(len(rows), dtype=bool)
    for step in range(most):
        begun = pd.Series(begins, index=first.index).groupby(first[group]).shift(step, fill_value=False)
        marks[first.index[begun.to_numpy(dtype=bool)]] = True
    return _near(rows, marks, group, within)


def _near(rows: pd.DataFrame, marks: Marks, group: str, within: pd.Timedelta) -> Marks:
    """Whether a request is marked, or one of its group is that came within so long of it."""
    if not marks.any():
        return marks
    columns = [group, "occurred_at"]
    ordered = rows[columns].sort_values("occurred_at", kind="stable")
    marked = ordered[marks[ordered.index]].assign(is_near=True)
    joined = pd.merge_asof(
        ordered.reset_index(), marked, on="occurred_at", by=group, direction="nearest", tolerance=within
    )
    near = np.zeros(len(rows), dtype=bool)
    near[joined["index"].to_numpy()] = joined["is_near"].notna().to_numpy(dtype=bool)
    if group == "visitor_key":
        near &= (rows["visitor_key"] != "").to_numpy(dtype=bool)
    return near
