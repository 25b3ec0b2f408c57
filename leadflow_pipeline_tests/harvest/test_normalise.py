"""Cleaning by column: what it does, and that doing it again does nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.harvest.normalise import (
    TEXT,
    clean_code,
    clean_email,
    clean_name,
    clean_phone,
    clean_text,
    parse_numbers,
)

CLEANERS: list[Callable[[pa.Array], pa.Array]] = [
    clean_text,
    clean_code,
    clean_name,
    clean_email,
    clean_phone,
]


def cleaned(clean: Callable[[pa.Array], pa.Array], *texts: str | None) -> list[str | None]:
    result: list[str | None] = clean(pa.array(texts, TEXT)).to_pylist()
    return result


@pytest.mark.parametrize("clean", CLEANERS)
@settings(max_examples=150)
@given(text=st.text(max_size=30))
def test_cleaning_again_changes_nothing(clean: Callable[[pa.Array], pa.Array], text: str) -> None:
    once = cleaned(clean, text)
    assert cleaned(clean, *once) == once


@pytest.mark.parametrize("clean", CLEANERS)
@settings(max_examples=50)
@given(texts=st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=6))
def test_a_text_is_cleaned_the_same_alone_and_among_others(
    clean: Callable[[pa.Array], pa.Array], texts: list[str | None]
) -> None:
    assert cleaned(clean, *texts) == [cleaned(clean, text)[0] for text in texts]


def test_white_space_control_and_invisible_characters_go() -> None:
    given_texts = ["  a \t b\r\n", "a\u00a0\u3000b", "\ufeffa\u200bb", "a␀b\x07", "e\u0301", " ", "Acme™ ½"]
    assert cleaned(clean_text, *given_texts) == ["a b", "a b", "ab", "a b", "é", None, "Acme™ ½"]


def test_names_change_case_only_where_they_have_none() -> None:
    names = [
        "JOHN",
        "ana de la cruz",
        "O'BRIEN",
        "jean-luc",
        "McDonald",
        "JP",
        "de Vries",
        "李",
        "JOHN VAN DER BERG",
    ]
    assert cleaned(clean_name, *names) == [
        "John", "Ana de la Cruz", "O'Brien", "Jean-Luc", "McDonald", "JP", "de Vries", "李",
        "John van der Berg",
    ]  # fmt: skip


def test_addresses_come_out_of_their_wrapping() -> None:
    emails = [
        "Ana <ANA@Leads.Example>",
        "mailto:a@leads.example",
        " A@leads.example ",
        "ＡＢ@leads.example",
        "not one",
    ]
    assert cleaned(clean_email, *emails) == [
        "ana@leads.example", "a@leads.example", "a@leads.example", "ab@leads.example", "not one",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.56", 1234.56), ("1.234,56", 1234.56), ("1 234", 1234), ("1'234'567", 1234567), ("€ 2k", 2000),
        ("$1.5m", 1500000), ("10,001+", 10001), ("~500", 500), ("51-200", 51), ("1.234", 1234),
        ("0,234", 0.234),
        ("12,5", 12.5), ("1234.567", 1234.567), ("-5", -5), ("EUR 500", 500), ("2.000 EUR", 2000), ("3.0", 3),
        ("ab", math.nan), ("1.2.3", math.nan), ("1e5", math.nan), ("", math.nan), ("12/5", math.nan),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, number: float) -> None:
    assert parse_numbers(pa.array([text], TEXT))[0] == pytest.approx(number, nan_ok=True)


@settings(max_examples=100)
@given(st.integers(0, 10**12), st.sampled_from(",."), st.integers(0, 99))
def test_an_amount_is_read_back_in_both_conventions(whole: int, decimal: str, cents: int) -> None:
    thousands = "," if decimal == "." else "."
    text = f"{whole:,}".replace(",", thousands) + f"{decimal}{cents:02d}"
    assert parse_numbers(pa.array([text], TEXT))[0] == pytest.approx(whole + cents / 100)
