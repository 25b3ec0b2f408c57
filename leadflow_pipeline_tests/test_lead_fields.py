"""Fields of leads beside their keys: the right row, the campaign's own fields, and nothing guessed."""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.lead_fields import columns_holding, fields_beside

KEYS = pd.DataFrame(
    {"day": pd.to_datetime(["2026-03-10", "2026-03-10", "2026-03-11"]), "lead_id": ["a", "b", "a"]},
    index=[7, 8, 9],
)


def test_fields_are_those_of_the_lead_on_its_day_in_any_order():
    leads = KEYS.assign(country=["DE", None, "FR"], custom=['{"plan": "gold"}', "{}", '{"plan": 1.50}'])
    for known in (leads, leads.iloc[::-1].reset_index(drop=True)):
        fields = fields_beside(KEYS, known, ["country", "custom.plan", "country", "shoe_size"])
        assert list(fields.columns) == ["country", "custom.plan", "shoe_size"]
        assert fields.index.tolist() == [7, 8, 9]
        assert fields["country"].fillna("").tolist() == ["DE", "", "FR"]
        assert fields["custom.plan"].fillna("").tolist() == ["gold", "", "1.50"]
        assert fields["shoe_size"].isna().all()


def test_a_lead_that_is_not_known_has_nothing():
    fields = fields_beside(KEYS, KEYS.assign(custom="{}", country="DE").iloc[:1], ["country", "custom.plan"])
    assert fields["country"].fillna("").tolist() == ["DE", "", ""]


def test_only_the_columns_that_are_asked_for_are_read():
    assert columns_holding(["email", "custom.a", "custom.b"]) == ["lead_id", "email", "custom"]
