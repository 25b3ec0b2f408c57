"""Company names: legal forms go, names stay."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.company import LEGAL_FORMS, tidy_companies
from leadflow_pipeline.folding import folded


def key(name: str) -> str | None:
    value = tidy_companies(pd.Series([name], dtype="str"))["company_key"].iloc[0]
    return None if pd.isna(value) else value


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Müller & Söhne GmbH & Co. KG", "muller and sohne"),
        ("MULLER AND SOHNE", "muller and sohne"),
        ("Acme S.A.", "acme"),
        ("Acme, S.A. de C.V.", "acme"),
        ("Acme S. de R.L. de C.V.", "acme"),
        ("Acme S.A.B. de C.V.", "acme"),
        ("Acme, Inc.", "acme"),
        ("ACME LLC", "acme"),
        ("Acme B.V.", "acme"),
        ("Acme Lda.", "acme"),
        ("Acme S.p.A.", "acme"),
        ("Acme Oy", "acme"),
        ("Acme AB (publ)", "acme"),
        ("Acme Pty. Ltd.", "acme"),
        ("Acme Sp. z o.o.", "acme"),
        ("Acme s.r.o.", "acme"),
        ("Acme A/S", "acme"),
        ("Acme UG (haftungsbeschränkt)", "acme"),
        ("Acme e.V.", "acme"),
        ("Acme Co., Ltd.", "acme"),
        ("Yıldız A.Ş.", "yildiz"),
        ("Ørsted A/S", "orsted"),
        ("Łódź Sp. z o.o.", "lodz"),
        ("L'Étoile SARL", "letoile"),
        ("Inc. Magazine", "inc magazine"),
        ("SAP SE", "sap"),
        ("GmbH", "gmbh"),
        ("Limited", "limited"),
        ("Visa", "visa"),
        ("Cisco", "cisco"),
        ("Tesla EV", "tesla ev"),
        ("株式会社", "株式会社"),
        ("株式会社アクメ", "アクメ"),
        ("阿克美有限公司", "阿克美"),
        ("ООО Акме", "акме"),
        ("***", None),
    ],
)
def test_key(name, expected):
    assert key(name) == expected


def test_the_shown_name_is_tidied_and_keeps_its_legal_form():
    names = pd.Series(['  "Acme   Tools" ', "Acme\u00a0Tools GmbH,", "„Acme“", None, " "], dtype="str")
    assert tidy_companies(names)["company"].fillna("-").tolist() == [
        "Acme Tools",
        "Acme Tools GmbH",
        "Acme",
        "-",
        "-",
    ]


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from([*LEGAL_FORMS, "&", "Acme", "Blue Sky", "Ünder"]), min_size=1, max_size=4).map(
        " ".join
    )
)
def test_a_key_never_empties_a_name_and_is_its_own_key(name):
    found = key(name)
    assert found is not None
    assert key(found) == found
    assert folded(pd.Series([name], dtype="str"))[0].startswith(found)
