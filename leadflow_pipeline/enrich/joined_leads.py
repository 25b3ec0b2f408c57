"""The records of one person that came as several leads, joined into the one that goes on.

What belongs here: whose value counts. What does not: who is whose alias, and reading rows. Pure.

A harvested row repeats what its lead said before, so a value counts from the day on which its lead first said it. Of
the values said by all leads of a person the latest counts, and a missing one takes nothing away. The email is the
exception: the first one stays, because a sequence under way must not move to another mailbox.
"""

from __future__ import annotations

import json

import pandas as pd

KEYS = ["day", "lead_id"]
NOT_SAID = (
    "campaign",
    "campaign_version",
    "day",
    "lead_id",
    "is_new",
    "record_count",
    "source",
    "received_at",
)
"""Columns of a harvested row that are about the row."""
FIRST_STAYS = "email"
CUSTOM = "custom"


class _Number(str):
    """A number as it was written, so that it is written the same again."""

    __slots__ = ()


def joined_leads(keys: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """One row of `harvested_leads` for each `(day, lead_id)` of `keys`: the lead and its aliases as of that day.

    `history` has the harvested rows of these leads and of their aliases, of those days and all before, with the column
    `canonical` beside them. `source` and `is_new` are the canonical lead's own.
    """
    said = history.sort_values(["canonical", "day", "received_at", "lead_id"], ignore_index=True)
    fields = [name for name in said.columns if name not in (*NOT_SAID, "canonical", CUSTOM)]
    members = _members(said[CUSTOM])
    known = pd.concat([said[fields], members], axis="columns")
    joined = said[["canonical", "day"]].assign(
        **{name: _latest(known[name], said, first_stays=name == FIRST_STAYS) for name in known.columns}
    )
    joined[CUSTOM] = _objects(joined[list(members.columns)])
    by_day = said.groupby(["canonical", "day"], as_index=False)
    about = by_day.agg(record_count=("record_count", "sum"), received_at=("received_at", "max"))
    about["received_at"] = about.groupby("canonical")["received_at"].cummax()
    rows = joined.drop(columns=list(members.columns)).drop_duplicates(["canonical", "day"], keep="last")
    rows = rows.merge(about, on=["canonical", "day"]).sort_values("day", kind="stable")
    asked = keys.rename(columns={"lead_id": "canonical"}).sort_values("day", kind="stable")
    found = pd.merge_asof(asked, rows, on="day", by="canonical").rename(columns={"canonical": "lead_id"})
    own = said.loc[said["lead_id"] == said["canonical"], ["day", "lead_id", "source", "is_new"]]
    births = own[own["is_new"].astype(bool)]
    found = found.merge(own.drop_duplicates("lead_id")[["lead_id", "source"]], on="lead_id", how="left")
    found = found.merge(births[["day", "lead_id", "is_new"]], on=KEYS, how="left")
    return found.assign(is_new=found["is_new"].astype("boolean").fillna(value=False))


def _latest(values: pd.Series, said: pd.DataFrame, *, first_stays: bool) -> pd.Series:
    """What all leads of a person have said by each row: the latest value, or the first where that one stays."""
    before = values.groupby(said["lead_id"]).shift()
    news = values.where(values.notna() & ~(values == before).fillna(value=False).astype(bool))
    if first_stays:
        news = news.where(news.notna().groupby(said["canonical"]).cumsum() == 1)
    return news.groupby(said["canonical"]).ffill()


def _members(documents: pd.Series) -> pd.DataFrame:
    """The members of JSON objects as columns of JSON text."""
    parsed = [json.loads(text, parse_int=_Number, parse_float=_Number) for text in documents]
    names = sorted({name for document in parsed for name in document})
    return pd.DataFrame(
        {
            f"{CUSTOM}.{name}": pd.Series([_text(document.get(name)) for document in parsed], dtype="str")
            for name in names
        },
        index=documents.index,
    )


def _text(value: object) -> str | None:
    if value is None:
        return None
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _objects(members: pd.DataFrame) -> list[str]:
    names = [json.dumps(str(name).removeprefix(f"{CUSTOM}."), ensure_ascii=False) for name in members]
    columns = [members[name].tolist() for name in members]
    if not columns:
        return ["{}"] * len(members)
    return [
        "{"
        + ", ".join(f"{name}: {text}" for name, text in zip(names, row, strict=True) if not pd.isna(text))
        + "}"
        for row in zip(*columns, strict=True)
    ]
