"""What is harvested on each day: pure, for any range of days at once.

What belongs here: records of a range → leads of its days, and the quarantine. What does not: reading them.

For every day: records = sum of `record_count` over its leads + its quarantined records. Nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.harvest.json_text import json_objects, read_flat_objects
from leadflow_pipeline.harvest.mapping import CUSTOM, custom_fields, default_values, map_records
from leadflow_pipeline.harvest.merging import Positions, group_starts, last_known, with_defaults
from leadflow_pipeline.harvest.rules import LEAD_FIELDS, SourceRules

QUARANTINE_COLUMNS = ["day", "source", "content_key", "origin", "row_number", "reason", "raw"]
WHEN_AND_WHENCE = ["day", "source", "occurred_at"]
LEAD_COLUMNS = ["day", "lead_id", "is_new", "record_count", "source", "received_at", *LEAD_FIELDS, "custom"]


def read_records(
    campaign: str, records: pd.DataFrame, sources: Sequence[SourceRules]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Records under the campaign's rules: (mapped, quarantined), each record in exactly one of them.

    `records` has the columns of `source_records`, of one campaign, in order of time, and of arrival within a
    moment (`occurred_at`, `record_id`), indexed from 0. `mapped` keeps that order and has day, lead_id,
    source, occurred_at and the fields of `map_records`. `quarantined` has the columns of
    `quarantined_records`.
    """
    rules = {source.name: source for source in sources}
    is_readable = records["unreadable_reason"].isna()
    reasons = records["unreadable_reason"].astype("str").copy()
    unknown = is_readable & ~records["source"].isin(list(rules))
    reasons[unknown] = "its source is not in the campaign file: " + records["source"][unknown]
    mapped = []
    for name in sorted(rules.keys() & set(records["source"].unique())):
        is_of_source = is_readable & (records["source"] == name)
        fields = map_records(campaign, records.loc[is_of_source, "payload"], rules[name])
        reasons[fields.index] = fields.pop("reason")
        mapped.append(fields[reasons[fields.index].isna()])
    if mapped:
        leads = mapped[0] if len(mapped) == 1 else pd.concat(mapped).sort_index()
    else:
        leads = _no_mapped_records(sources).drop(columns=WHEN_AND_WHENCE)
    whole = {**{name: records[name].take(leads.index.to_numpy()) for name in WHEN_AND_WHENCE}, **leads}
    columns = {
        name: whole[name].array if name in whole else pd.Series(None, index=leads.index, dtype=dtype).array
        for name, dtype in _mapped_types(sources).items()
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(leads))), _quarantined(records, reasons)


def plan_harvested(
    mapped: pd.DataFrame, previous: pd.DataFrame, sources: Sequence[SourceRules]
) -> pd.DataFrame:
    """One row for each lead and day with a record, in the columns of `harvested_leads`, by (day, lead_id).

    `mapped` comes from `read_records`; `previous` holds the latest earlier row of `harvested_leads` of each
    of its leads, if any. Later values win, missing ones keep what an earlier record or day said. `source` is
    the source that brought the lead first, `received_at` the moment of its latest record.
    """
    customs = custom_fields(sources)
    fields = [*LEAD_FIELDS, *customs]
    rows = mapped.assign(is_record=True)
    if len(previous):
        rows = pd.concat([_as_records(previous, customs), rows], ignore_index=True)
    rows = rows.assign(lead_order=pd.factorize(rows["lead_id"], sort=True)[0])
    rows = rows.sort_values("lead_order", kind="stable", ignore_index=True)
    starts = group_starts(rows["lead_order"])
    for field in fields:
        values = rows[field]
        joined = last_known(values, starts)
        defaults = default_values(field, sources)
        if defaults:
            source_defaults = rows["source"].where(rows["is_record"]).map(defaults).astype(joined.dtype)
            joined = with_defaults(joined, source_defaults, starts)
        if joined is not values:
            rows[field] = joined
    rows["received_at"] = rows["occurred_at"]
    rows["source"] = rows["source"].take(starts).set_axis(rows.index)
    rows["is_new"] = _is_first_day(rows, starts)
    return _last_of_each_day(rows, customs)


def _is_first_day(rows: pd.DataFrame, starts: Positions) -> pd.Series:
    """Whether the lead has no earlier day, in the range or before it."""
    first_day = rows["day"].take(starts).to_numpy()
    was_unknown = rows["is_record"].take(starts).to_numpy(dtype=bool)
    return pd.Series(was_unknown & (rows["day"].to_numpy() == first_day), index=rows.index, dtype="boolean")


def _last_of_each_day(rows: pd.DataFrame, customs: Sequence[str]) -> pd.DataFrame:
    rows = rows[rows["is_record"]].reset_index(drop=True)
    lead, day = rows["lead_order"], rows["day"]
    is_last = (lead.ne(lead.shift(-1)) | day.ne(day.shift(-1))).to_numpy()
    ends = np.flatnonzero(is_last)
    leads = rows[is_last].reset_index(drop=True)
    leads["record_count"] = pd.array(np.diff(ends, prepend=-1), dtype="Int64")
    leads["company_size"] = leads["company_size"].astype("Int64")
    cells = pa.table(
        {name.removeprefix(CUSTOM): pa.array(leads[name], pa.large_string()) for name in customs}
    )
    leads["custom"] = json_objects(cells, numbers=True).to_pandas().astype("str") if customs else "{}"
    return leads.sort_values(["day", "lead_order"], kind="stable", ignore_index=True)[LEAD_COLUMNS]


def _as_records(previous: pd.DataFrame, customs: Sequence[str]) -> pd.DataFrame:
    """What was known before the range, as rows that precede the range's records."""
    known = previous[["day", "lead_id", "source", *LEAD_FIELDS]].copy()
    known["occurred_at"] = previous["received_at"]
    known["company_size"] = known["company_size"].astype("float64")
    members = read_flat_objects(previous["custom"], [name.removeprefix(CUSTOM) for name in customs])
    for name in customs:
        known[name] = pd.Series(members[name.removeprefix(CUSTOM)], index=known.index, dtype="str")
    return known.assign(is_record=False)


def _quarantined(records: pd.DataFrame, reasons: pd.Series) -> pd.DataFrame:
    # Both are narrowed: assigned to a frame without rows, a column with rows would bring its own.
    is_refused = reasons.notna()
    quarantined = records[is_refused].assign(reason=reasons[is_refused])
    if quarantined.empty:
        return quarantined[QUARANTINE_COLUMNS]
    quarantined["raw"] = quarantined["raw"].fillna(quarantined["payload"])
    return quarantined.sort_values(["day", "source", "content_key"], ignore_index=True)[QUARANTINE_COLUMNS]


def _no_mapped_records(sources: Sequence[SourceRules]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in _mapped_types(sources).items()})


def _mapped_types(sources: Sequence[SourceRules]) -> dict[str, str]:
    """The columns of mapped records."""
    types = {"day": "datetime64[us]", "source": "str", "occurred_at": "datetime64[us, UTC]", "lead_id": "str"}
    types |= dict.fromkeys((*LEAD_FIELDS, *custom_fields(sources)), "str")
    return types | {"company_size": "float64", "budget": "float64"}
