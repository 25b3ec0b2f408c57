"""New leads that are people the campaign knows already."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.identity.plan import BIRTH_COLUMNS, plan_aliases
from leadflow_pipeline.identity.rules import IdentityRules
from leadflow_pipeline.identity.summary import summarise_aliases

RULES = IdentityRules()
NOBODY = pd.DataFrame({"lead_id": [], "alias_of": []}, dtype="str")
FIRST_DAY = date(2026, 3, 2)

ADA = {"first_name": "Ada", "last_name": "Lindqvist", "company": "Acme", "phone": "030 23125 100"}


def births(*leads: dict) -> pd.DataFrame:
    """First rows of leads: `day` and `hour` are numbers."""
    rows = [
        dict.fromkeys(BIRTH_COLUMNS)
        | {name: value for name, value in lead.items() if name not in ("day", "hour")}
        | {
            "day": pd.Timestamp(FIRST_DAY + timedelta(days=lead.get("day", 0))),
            "received_at": pd.Timestamp(FIRST_DAY, tz="UTC")
            + pd.Timedelta(days=lead.get("day", 0), hours=lead.get("hour", 9)),
        }
        for lead in leads
    ]
    types = dict.fromkeys(BIRTH_COLUMNS, "str") | {
        "day": "datetime64[us]",
        "received_at": "datetime64[us, UTC]",
    }
    return pd.DataFrame(rows, columns=list(BIRTH_COLUMNS)).astype(types)


def aliases(
    new: pd.DataFrame, known: pd.DataFrame | None = None, before: pd.DataFrame = NOBODY
) -> dict[str, str]:
    planned = plan_aliases(new, births() if known is None else known, before, RULES)
    return dict(zip(planned["lead_id"], planned["alias_of"], strict=True))


def test_the_first_lead_of_a_person_goes_on() -> None:
    """The first by day, then by hour, then by id; how the rows come makes no difference."""
    late, early = births(ADA | {"lead_id": "a", "hour": 12}), births(ADA | {"lead_id": "b", "hour": 8})
    assert aliases(pd.concat([late, early])) == aliases(pd.concat([early, late])) == {"a": "b"}
    assert aliases(births(*(ADA | {"lead_id": name} for name in "ca"))) == {"c": "a"}
    assert aliases(late, known=births(ADA | {"lead_id": "z"})) == {"a": "z"}


def test_an_alias_leads_to_a_lead_and_never_to_an_alias() -> None:
    known = births(ADA | {"lead_id": "a"}, ADA | {"lead_id": "b", "email": "ada@private.example"})
    before = pd.DataFrame({"lead_id": ["b"], "alias_of": ["a"]}, dtype="str")
    new = births({"lead_id": "c", "day": 1, "email": "ada@private.example", "first_name": "Ada"})
    assert aliases(new.assign(lead_id="c"), known, before) == {"c": "a"}


def test_leads_with_a_history_each_are_never_joined_afterwards() -> None:
    """The new lead proves that two known ones are one person: it follows the likelier, and they stay two."""
    known = births(
        {"lead_id": "a", "first_name": "Ada", "last_name": "Lindqvist", "email": "ada@private.example"},
        {
            "lead_id": "b",
            "first_name": "Ada",
            "last_name": "Lindqvist",
            "company": "Acme",
            "phone": "030 23125 100",
        },
    )
    new = births(ADA | {"lead_id": "c", "day": 1, "email": "ada@private.example"})
    assert aliases(new, known) == {"c": "a"}


def test_switched_off_or_nobody_new() -> None:
    known = births(ADA | {"lead_id": "a"})
    off = IdentityRules(enabled=False)
    assert plan_aliases(births(ADA | {"lead_id": "b"}), known, NOBODY, off).empty
    assert plan_aliases(births(), known, NOBODY, RULES).empty


@settings(max_examples=8)
@given(st.data())
def test_days_one_by_one_give_the_aliases_of_the_range(data) -> None:
    value = st.sampled_from
    leads = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "first_name": value(["Ada", "Hugo", None]),
                    "last_name": value(["Berg", "Bergh", "Cole"]),
                    "company": value(["Acme", "Globex", None]),
                    "phone": value(["030 23125100", None]),
                    "email": value(["ada@a.example", "info@a.example", "hugo@b.example", None]),
                    "day": st.integers(0, 4),
                    "hour": st.integers(0, 23),
                }
            ),
            max_size=25,
        )
    )
    everybody = births(*(lead | {"lead_id": f"{number:02d}"} for number, lead in enumerate(leads)))
    shuffled = everybody.iloc[data.draw(st.permutations(range(len(everybody))))]
    whole = plan_aliases(shuffled, births(), NOBODY, RULES)
    parts = [plan_aliases(births(), births(), NOBODY, RULES)]
    for day in sorted(everybody["day"].unique()):
        before = pd.concat(parts, ignore_index=True)[["lead_id", "alias_of"]]
        known = shuffled[shuffled["day"] < day]
        parts.append(plan_aliases(shuffled[shuffled["day"] == day], known, before, RULES))
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
    assert not np.isin(whole["alias_of"], whole["lead_id"]).any()


def test_the_summary_counts_people() -> None:
    new = births(*(ADA | {"lead_id": name} for name in "abc"), {"lead_id": "d", "day": 1})
    summary = summarise_aliases(plan_aliases(new, births(), NOBODY, RULES), new)
    assert summary[["new_leads", "people_known_already"]].to_numpy().tolist() == [[3, 2], [1, 0]]
