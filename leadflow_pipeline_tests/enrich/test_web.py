"""Websites, each written one way."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.web import tidy_websites


def one(tidy, written: str) -> str | None:
    value = tidy(pd.Series([written, None], dtype="str"))[0]
    return None if pd.isna(value) else value


@pytest.mark.parametrize(
    ("written", "site"),
    [
        ("acme.example", "acme.example"),
        ("HTTPS://WWW.Acme.example/", "acme.example"),
        ("http://acme.example/De/Team/?utm=1#top", "acme.example/De/Team"),
        ("//acme.example:8080", "acme.example"),
        ("bücher.example", "bücher.example"),
        ("n/a", None),
        ("acme", None),
        ("ann@acme.example", None),
        ("see acme.example", None),
        ("", None),
    ],
)
def test_website(written, site):
    assert one(tidy_websites, written) == site


@settings(max_examples=60)
@given(
    st.text(alphabet="aAé.-/:?#@ w1", max_size=12).map(lambda tail: "https://www." + tail)
    | st.text(max_size=12)
)
def test_a_tidy_address_is_its_own_tidy_address(written):
    found = one(tidy_websites, written)
    assert found is None or one(tidy_websites, found) == found
