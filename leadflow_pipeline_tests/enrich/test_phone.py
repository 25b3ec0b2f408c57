"""Phone numbers: what a user would miss, and the proof that the fast path says what the library says.

Numbers are of the ranges that regulators keep for examples, or the library's own examples with digits
changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import phonenumbers
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.number_plans import countries_of, plan_of
from leadflow_pipeline.enrich.phone import check_by_library, check_common_shapes, judge_phones

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)


def texts(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


@pytest.mark.parametrize(
    ("written", "country", "phone", "phone_country"),
    [
        ("+1 202 555 0123", None, "+12025550123", "US"),
        ("(202) 555-0123", "US", "+12025550123", "US"),
        ("1-202-555-0123", "US", "+12025550123", "US"),
        ("202.555.0123 ext. 12", "US", "+12025550123", "US"),
        ("+44 20 7946 0123", None, "+442079460123", "GB"),
        ("+44 (0)20 7946 0123", "DE", "+442079460123", "GB"),
        ("020 7946 0123", "GB", "+442079460123", "GB"),
        ("030 23125 123", "DE", "+493023125123", "DE"),
        ("+49 (0) 30/23125-123", None, "+493023125123", "DE"),
        ("0049 30 23125123", "DE", "+493023125123", "DE"),
        ("tel:+49-30-23125-123", None, "+493023125123", "DE"),
        ("030 23125 123", None, "+493023125123", "DE"),
        ("030 23125 123", "Atlantis", "+493023125123", "DE"),
        ("202-555-0123", "CA", "+12025550123", "US"),
        ("+39 02 12345678", None, "+390212345678", "IT"),
        ("+１ ２０２ ５５５ ０１２３", None, "+12025550123", "US"),
    ],
)
def test_valid_numbers_are_written_one_way(written, country, phone, phone_country):
    judged = judge_phones(texts(written), texts(country), "DE").iloc[0]
    assert judged[["phone", "phone_status", "phone_country"]].tolist() == [phone, "valid", phone_country]


@pytest.mark.parametrize(
    ("written", "phone_type"),
    [
        ("+1 202 555 0123", "fixed_line_or_mobile"),
        ("+49 30 23125 123", "fixed_line"),
        ("+44 20 7946 0123", "fixed_line"),
        ("+44 7400 123456", "mobile"),
        ("+49 171 3920012", "mobile"),
        ("+1 800 555 0123", "toll_free"),
        ("+800 1234 5678", "toll_free"),
        ("+49 800 1234567", "toll_free"),
        ("+44 56 1234 5678", "voip"),
        ("+44 9098 790123", "other"),
    ],
)
@pytest.mark.parametrize("count", [1, 600])
def test_what_answers_a_number(written, phone_type, count):
    judged = judge_phones(texts(*[written] * count), texts(*[None] * count))
    assert set(judged["phone_type"]) == {phone_type}


@pytest.mark.parametrize(
    "written",
    ["202-555-0123 ext. 12", "202-555-0123 x12", "(202) 555-0123x12", "2025550123 extension 7"],
)
@pytest.mark.parametrize("count", [1, 600])
def test_an_extension_is_read_and_left_out(written, count):
    judged = judge_phones(texts(*[written] * count), texts(*["US"] * count))
    assert set(judged["phone"]) == {"+12025550123"}


@pytest.mark.parametrize(
    "written", ["+1 555 0100", "+49 30", "12", "abc", "+999 123456", "+", "++", "x" * 300, "0" * 40]
)
def test_invalid_numbers_are_not_offered_for_dialling(written):
    judged = judge_phones(texts(written), texts("DE")).iloc[0]
    assert judged["phone_status"] == "invalid"
    assert pd.isna(judged["phone"])
    assert pd.isna(judged["phone_country"])


def test_missing_and_blank_numbers_are_missing():
    judged = judge_phones(texts(None, "", "  "), texts("DE", None, "US"))
    assert judged["phone_status"].tolist() == ["missing"] * 3


def test_without_any_country_only_international_numbers_are_valid():
    judged = judge_phones(texts("030 23125 123", "+49 30 23125 123"), texts(None, None))
    assert judged["phone_status"].tolist() == ["invalid", "valid"]


def test_a_number_of_no_country_is_valid_and_has_none():
    judged = judge_phones(texts("+800 1234 5678"), texts(None)).iloc[0]
    assert judged["phone_status"] == "valid"
    assert pd.isna(judged["phone_country"])


def test_index_and_order_are_kept_for_many_and_few():
    written = ["+1 202 555 0123", None, "nonsense", "030 23125 123"] * 400
    index = pd.Index(range(len(written), 0, -1))
    judged = judge_phones(
        pd.Series(written, index=index, dtype="str"), pd.Series("DE", index=index, dtype="str")
    )
    assert judged.index.equals(index)
    assert judged["phone_status"].tolist() == ["valid", "missing", "invalid", "valid"] * 400


def test_every_numbering_plan_is_understood():
    for country in COUNTRIES:
        plan = plan_of(country)
        assert country in countries_of(plan.calling_code)
        assert plan.types_of(texts("0000000", "")).isna().all()
    with pytest.raises(KeyError, match="numbering plan"):
        plan_of("AQ")


EXAMPLES = {
    country: [
        phonenumbers.national_significant_number(number)
        for kind in range(11)
        if (number := phonenumbers.example_number_for_type(country, kind)) is not None
    ]
    for country in COUNTRIES
}


def many_numbers(seed: int, count: int = 600) -> tuple[pd.Series, pd.Series]:
    """Texts of numbers of ten countries, mostly near a real one, as people write them; and where each is dialled."""
    random = np.random.default_rng(seed)
    countries = [*random.choice(COUNTRIES, 8), "US", "GB"]

    def one(choices: Sequence[str]) -> str:
        return choices[random.integers(len(choices))]

    written, dialled_in = [], []
    for _ in range(count):
        country = one(countries)
        digits = list(one(EXAMPLES[country]))
        for _ in range(random.integers(0, 4)):
            digits[random.integers(len(digits))] = one("0123456789")
        national = "".join(digits) + one(["", "", "7"])
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
        code, trunk = str(metadata.country_code), metadata.national_prefix or ""
        shapes = (
            f"+{code}{national}", f"+{code} (0){national}", f"{trunk}{national}", national, f"{code}{national}",
            f"+{code}{trunk}{national}", f"00{code}{national}", f"({trunk}{national[:2]}) {national[2:]}",
            f"+{code}{national} Ext. 12", f"{trunk}{national}x7", f"{national} extension 1234567",
        )  # fmt: skip
        written.append(one(shapes))
        dialled_in.append(one([country, country, "", "US", "DE"]))
    dialled = texts(*dialled_in)
    return texts(*written), dialled.mask(dialled == "")


@settings(max_examples=2, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 2**32 - 1))
def test_the_fast_path_says_what_the_library_says(seed):
    written, dialled_in = many_numbers(seed)
    fast = check_common_shapes(written, dialled_in, smallest_group=1)
    library = check_by_library(written, dialled_in)
    assert fast["phone"].notna().mean() > 0.3, "too few of the usual shape to prove anything"
    pd.testing.assert_frame_equal(fast.sort_index(), library[library.index.isin(fast.index)])
