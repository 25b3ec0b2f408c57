"""What is known of each lead, and who said so: its own records and the providers' answers, as of the end of a day.

What belongs here: which answers count for a row, and who is believed where several know. What does not: asking
(`ordering`), where a value stands in an answer (`answers`), and what a value is worth.

Answers were bought once, at a door, and are kept as facts: computing a day again asks nobody and pays nothing.
Only rows with an answer are touched, so that leads of a campaign without providers cost nothing here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from leadflow_pipeline.enrich.answers import read_answers
from leadflow_pipeline.enrich.email import judge_emails
from leadflow_pipeline.enrich.firmographics import FirmographicsProvider
from leadflow_pipeline.enrich.rules import CUSTOM, FIELDS, GIVEN, PROVIDED_FIELDS, EnrichRules, Party

LOOKUP_COLUMNS: dict[str, str] = {
    "lookup_id": "Int64", "lead_id": "str", "provider": "str", "state": "str",
    "requested_at": "datetime64[us, UTC]", "finished_at": "datetime64[us, UTC]", "expires_at": "datetime64[us, UTC]",
    "credits": "float64",
    "answer": "str",
}  # fmt: skip
DOMAIN_COLUMNS: dict[str, str] = {
    "domain": "str", "kind": "str", "finished_at": "datetime64[us, UTC]", "answer": "str",
}  # fmt: skip

CLAIM_COLUMNS: dict[str, str] = {
    "row": "int64", "field": "str", "value": "str", "about": "str", "provider": "str",
    "at": "datetime64[us, UTC]", "credits": "float64", "confidence": "float64",
}  # fmt: skip
NUMBER_FIELDS: dict[str, str] = {
    "company_size": "Int64",
    "budget": "float64",
    "company_founded_year": "Int64",
}
DAY_SECONDS = 86_400
DIGITS = 4


def _empty(columns: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})


NO_CLAIMS = _empty(CLAIM_COLUMNS)
NO_LOOKUPS = _empty(LOOKUP_COLUMNS)
NO_DOMAINS = _empty(DOMAIN_COLUMNS)


@dataclass(frozen=True)
class Facts:
    """What vendors and the network said, whenever: which of it counts for a row is decided here.

    `lookups` has `LOOKUP_COLUMNS`, under the lead ids of the harvested rows; `domains` has `DOMAIN_COLUMNS`.
    """

    lookups: pd.DataFrame
    domains: pd.DataFrame

    @classmethod
    def none(cls) -> Facts:
        """Nobody was asked anything."""
        return cls(NO_LOOKUPS, NO_DOMAINS)


@dataclass(frozen=True)
class Known:
    """What is known of each lead at the end of its row's day.

    `fields` has the columns `FIELDS` and `PROVIDED_FIELDS`, `custom` the JSON of the campaign's own fields,
    both indexed as the leads. `claims` are the values that are believed and do not come from the lead's own
    records (`CLAIM_COLUMNS`, `row` being the position of the lead).
    """

    fields: pd.DataFrame
    custom: pd.Series
    claims: pd.DataFrame

    def unused(self, field: str, is_unused: pd.Series) -> Known:
        """Without the claims about a field on these rows, because something better was known there."""
        rows = np.flatnonzero(is_unused.to_numpy(dtype=bool))
        drop = (self.claims["field"] == field) & self.claims["row"].isin(rows)
        return replace(self, claims=self.claims[~drop]) if drop.any() else self


def known_values(leads: pd.DataFrame, rules: EnrichRules, facts: Facts) -> Known:
    """The value of every field of harvested leads, believed as the campaign says."""
    own = Known(_without_claims(leads), leads["custom"], NO_CLAIMS)
    claims = joined_claims(
        _answered(leads, rules, facts.lookups),
        *(_of_companies(leads, party) for party in rules.providers if party.kind == "firmographics"),
    )
    if claims.empty:
        return own
    addresses = _believed(leads, claims[claims["field"] == "email"], rules)
    # A vendor's verdict counts for the very address that the lead turns out to have.
    written = leads["email"].str.strip().str.lower().reset_index(drop=True)
    written = _written_over(written, addresses["row"], addresses["value"].str.lower())
    is_about_another = claims["about"].notna() & (
        claims["about"] != written.take(claims["row"].to_numpy()).array
    )
    others = claims[(claims["field"] != "email") & ~is_about_another]
    believed = pd.concat([addresses, _believed(leads, others, rules)], ignore_index=True)
    return _with_claims(own, believed)


def statuses(leads: pd.DataFrame, facts: Facts) -> pd.Series:
    """`enrichment_status` of each lead at the end of its row's day, from what was asked about it by then.

    waiting: somebody has not answered yet; partial: somebody could not; complete: everybody asked has spoken;
    none: nobody was asked.
    """
    status = pd.Series("none", index=leads.index, dtype="str")
    if facts.lookups.empty:
        return status
    asked = _as_of(leads, facts.lookups)
    if asked.empty:
        return status
    latest = asked.sort_values(["row", "provider", "requested_at", "lookup_id"], kind="stable")
    latest = latest.drop_duplicates(["row", "provider"], keep="last")
    waits = latest.loc[~latest["is_finished"], "row"]
    failed = latest.loc[latest["is_finished"] & (latest["state"] == "failed"), "row"]
    for rows, word in ((latest["row"], "complete"), (failed, "partial"), (waits, "waiting")):
        status.iloc[rows.unique()] = word
    return status


def joined_claims(*parts: pd.DataFrame) -> pd.DataFrame:
    """Claims about the same rows, one below the other."""
    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True) if full else NO_CLAIMS


def provenance(leads: pd.DataFrame, claims: pd.DataFrame) -> pd.Series:
    """For each lead the JSON of who said what does not come from its own records.

    `{"industry": {"by": "clearbit", "at": "2026-05-01T12:00:00+00:00", "credits": 1.0, "confidence": 0.8}}`:
    the credits are those of the whole answer, the confidence is as of the end of the row's day; `at` is null for
    what needed no asking.
    """
    texts = pd.Series("{}", index=leads.index, dtype="str")
    if claims.empty:
        return texts
    said = claims.sort_values(["row", "field"], kind="stable")
    moments = said["at"].dt.strftime('"%Y-%m-%dT%H:%M:%S+00:00"').astype("str").fillna("null")
    fields, parties = ('"' + said[name] + '"' for name in ("field", "provider"))
    credits = said["credits"].round(DIGITS).astype("str")
    confidences = said["confidence"].round(DIGITS).astype("str")
    members = (
        fields + ':{"by":' + parties + ',"at":' + moments + ',"credits":' + credits + ',"confidence":' + confidences
        + "}"
    )  # fmt: skip
    objects: dict[int, list[str]] = {}
    for row, member in zip(said["row"].tolist(), members.tolist(), strict=True):
        objects.setdefault(row, []).append(member)
    written = ["{" + ",".join(object_members) + "}" for object_members in objects.values()]
    return _written_over(texts, pd.Series(list(objects)), pd.Series(written))


def said_of_domains(domains: pd.Series, days: pd.Series, facts: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Columns `answer` (JSON) and `at`: the latest answer about each row's domain by the end of its day, missing
    where there is none; indexed as `domains`."""
    keys = pd.DataFrame({"domain": domains.array, "end": _ends_of(days).array})
    said = facts.loc[(facts["kind"] == kind) & facts["answer"].notna(), ["domain", "finished_at", "answer"]]
    known = keys.dropna().drop_duplicates().merge(said, on="domain")
    known = known[known["finished_at"] < known["end"]].sort_values("finished_at", kind="stable")
    known = known.drop_duplicates(["domain", "end"], keep="last").rename(columns={"finished_at": "at"})
    return keys.merge(known, on=["domain", "end"], how="left").set_index(domains.index)[["answer", "at"]]


def _ends_of(days: pd.Series) -> pd.Series:
    """The first moment that does not exist yet at the end of each day."""
    return (days + pd.Timedelta(days=1)).dt.tz_localize("UTC").dt.as_unit("us")


def _without_claims(leads: pd.DataFrame) -> pd.DataFrame:
    own = {name: leads[name].array for name in FIELDS}
    provided = {
        name: pd.Series(None, index=leads.index, dtype=NUMBER_FIELDS.get(name, "str")).array
        for name in PROVIDED_FIELDS
    }
    return pd.DataFrame(own | provided, index=leads.index)


def _as_of(leads: pd.DataFrame, lookups: pd.DataFrame) -> pd.DataFrame:
    """The lookups of each row's lead that were asked for by the end of its day, with `row`, `end` and
    `is_finished` (by then)."""
    rows = pd.DataFrame(
        {"row": np.arange(len(leads)), "lead_id": leads["lead_id"].array, "end": _ends_of(leads["day"]).array}
    )
    asked = rows.merge(lookups, on="lead_id")
    asked = asked[asked["requested_at"] < asked["end"]]
    is_finished = (asked["finished_at"] < asked["end"]).fillna(False).astype(bool)
    return asked.assign(is_finished=is_finished)


def _answered(leads: pd.DataFrame, rules: EnrichRules, lookups: pd.DataFrame) -> pd.DataFrame:
    if lookups.empty:
        return NO_CLAIMS
    asked = _as_of(leads, lookups)
    answered = asked[asked["is_finished"].astype(bool) & (asked["state"] == "answered")]
    if answered.empty:
        return NO_CLAIMS
    answered = answered.sort_values(["row", "provider", "finished_at", "lookup_id"], kind="stable")
    answered = answered.drop_duplicates(["row", "provider"], keep="last", ignore_index=True)
    claims = read_answers(answered, rules)
    said = answered.take(claims["row"].to_numpy()).reset_index(drop=True)
    sureness = {party.name: party.sureness for party in rules.asked}
    age = (said["end"] - said["finished_at"]).dt.total_seconds() / DAY_SECONDS
    return claims.assign(
        row=said["row"].astype("int64"),
        provider=said["provider"],
        at=said["finished_at"],
        credits=said["credits"].astype("float64"),
        confidence=said["provider"].map(sureness).astype("float64") * _faded(age, rules),
    )


def _of_companies(leads: pd.DataFrame, party: Party) -> pd.DataFrame:
    """What the directory of companies that is shipped says: no moment, no cost, no fading."""
    found = FirmographicsProvider().look_up(leads).reset_index(drop=True)
    parts = [
        pd.DataFrame({"row": said.index.to_numpy("int64"), "field": field, "value": said.astype("str").array})
        for field in party.gives
        if len(said := found[field].dropna())
    ]
    claims = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    claims = claims.assign(provider=party.name, credits=0.0, confidence=party.sureness)
    return claims.reindex(columns=list(CLAIM_COLUMNS)).astype(CLAIM_COLUMNS)


def _faded(age_days: pd.Series, rules: EnrichRules) -> pd.Series:
    return 0.5 ** (age_days / rules.confidence_half_life_days)


def _believed(leads: pd.DataFrame, claims: pd.DataFrame, rules: EnrichRules) -> pd.DataFrame:
    """Of the claims about each row and field the one that is believed, where it is not the lead's own."""
    if claims.empty:
        return claims
    rivals = pd.concat([_own_claims(leads, claims, rules), claims], ignore_index=True)
    order = pd.DataFrame(
        [
            (field, name, rank)
            for field in claims["field"].unique()
            for rank, name in enumerate(rules.order_of(field))
        ],
        columns=["field", "provider", "rank"],
    )
    rivals = rivals.merge(order, on=["field", "provider"])
    by = {"first": [], "most_confident": ["confidence"], "newest": ["at"]}[rules.conflicts]
    ranked = rivals.sort_values(
        ["row", "field", *by, "rank"], ascending=[True, True, *(False for _ in by), True], kind="stable"
    )
    best = ranked.drop_duplicates(["row", "field"])
    return best.loc[best["provider"] != GIVEN, list(CLAIM_COLUMNS)].reset_index(drop=True)


def _own_claims(leads: pd.DataFrame, claims: pd.DataFrame, rules: EnrichRules) -> pd.DataFrame:
    """What the leads' own records say on the same rows and fields. An address that no mail server would take
    says nothing."""
    parts = []
    for field, rows in claims.groupby("field")["row"]:
        positions = rows.unique()
        own = leads.iloc[positions]
        if str(field).startswith(CUSTOM):
            values = _members(own["custom"], str(field).removeprefix(CUSTOM))
        elif field in leads.columns:
            values = own[field]
        else:
            continue
        if field == "email":
            judged = judge_emails(values, allow_test_domains=rules.allow_test_domains)
            values = values.mask(judged["email_status"] == "invalid")
        age = (_ends_of(own["day"]) - own["received_at"]).dt.total_seconds() / DAY_SECONDS
        part = pd.DataFrame(
            {
                "row": positions,
                "field": field,
                "value": values.astype("str").array,
                "provider": GIVEN,
                "at": own["received_at"].array,
                "confidence": (rules.given_confidence * _faded(age, rules)).array,
            }
        )
        parts.append(part[part["value"].notna()])
    if not parts:
        return NO_CLAIMS
    return pd.concat(parts, ignore_index=True).reindex(columns=list(CLAIM_COLUMNS)).astype(CLAIM_COLUMNS)


def _members(documents: pd.Series, name: str) -> pd.Series:
    values = [json.loads(document, parse_int=str, parse_float=str).get(name) for document in documents]
    return pd.Series(values, index=documents.index, dtype="object")


def _with_claims(own: Known, believed: pd.DataFrame) -> Known:
    columns: dict[str, pd.Series] = {}
    for field in (*FIELDS, *PROVIDED_FIELDS):
        claims = believed[believed["field"] == field]
        if len(claims):
            said = claims["value"]
            if field in NUMBER_FIELDS:
                said = pd.to_numeric(said).astype(NUMBER_FIELDS[field])  # type: ignore[call-overload]
            columns[field] = _written_over(own.fields[field], claims["row"], said)
    is_custom = believed["field"].str.startswith(CUSTOM)
    custom = with_members(own.custom, believed[is_custom])
    return Known(own.fields.assign(**columns), custom, believed)


def _written_over(values: pd.Series, rows: pd.Series, said: pd.Series) -> pd.Series:
    written = values.copy()
    if len(rows):
        written.iloc[rows.to_numpy()] = said.to_numpy(dtype=object)
    return written


class _Digits(str):
    """A number of a JSON document as it was written, so that it is written so again."""

    __slots__ = ()


def with_members(documents: pd.Series, claims: pd.DataFrame) -> pd.Series:
    """JSON objects with further members: `claims` has `row` (position), `field` (`custom.<name>`) and `value`."""
    if claims.empty:
        return documents
    members: dict[int, dict[str, str]] = {}
    names = claims["field"].str.removeprefix(CUSTOM)
    for row, name, value in zip(claims["row"].tolist(), names, claims["value"], strict=True):
        members.setdefault(row, {})[name] = value
    written = documents.copy()
    known = documents.iloc[list(members)]
    written.iloc[list(members)] = [
        _object({**json.loads(document, parse_int=_Digits, parse_float=_Digits), **further})
        for document, further in zip(known, members.values(), strict=True)
    ]
    return written


def _object(members: dict[str, object]) -> str:
    written = (
        f"{json.dumps(name, ensure_ascii=False)}:"
        f"{value if isinstance(value, _Digits) else json.dumps(value, ensure_ascii=False)}"
        for name, value in sorted(members.items())
    )
    return f"{{{','.join(written)}}}"
