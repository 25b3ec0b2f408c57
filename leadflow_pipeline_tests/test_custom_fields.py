"""Custom fields become text columns, the same whatever else is in the batch."""

import pandas as pd

from leadflow_pipeline import lead_fields
from leadflow_pipeline.lead_fields import with_custom_fields

DOCUMENTS = [
    '{"age": 58, "rate": 1.50, "job": "management"}',
    "{}",
    '{"age": "n/a", "loan": true, "job": null}',
    None,
]


def unpacked(documents: list[str | None], fields: list[str]) -> pd.DataFrame:
    index = pd.RangeIndex(10, 10 + len(documents))
    frame = pd.DataFrame({"custom": pd.Series(documents, index=index, dtype="str")})
    return with_custom_fields(frame, fields).drop(columns="custom")


def test_every_value_is_text_with_the_digits_it_was_written_with():
    frame = unpacked(DOCUMENTS, ["custom.age", "custom.rate", "custom.loan", "custom.job", "industry"])
    assert frame.astype(object).where(frame.notna(), None).to_dict("list") == {
        "custom.age": ["58", None, "n/a", None],
        "custom.job": ["management", None, None, None],
        "custom.loan": [None, None, "true", None],
        "custom.rate": ["1.50", None, None, None],
    }


def test_a_batch_does_not_change_what_is_read(monkeypatch):
    whole = unpacked(DOCUMENTS, ["custom.age"])
    monkeypatch.setattr(lead_fields, "DOCUMENTS_AT_ONCE", 1)
    pd.testing.assert_frame_equal(unpacked(DOCUMENTS, ["custom.age"]), whole)


def test_nobody_asking_unpacks_nothing():
    assert unpacked(DOCUMENTS, ["industry"]).columns.tolist() == []


def test_no_leads_have_no_values_but_the_column():
    assert unpacked([], ["custom.age"])["custom.age"].dtype == "str"
