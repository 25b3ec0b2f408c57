"""Job titles: rank and department as a careful person reads them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.enrich.rules import DEPARTMENTS, SENIORITIES
from leadflow_pipeline.enrich.title import read_titles
from leadflow_pipeline.enrich.title_words import DEPARTMENT_WORDS, SENIORITY_WORDS

TITLES = [
    ("CEO", "c_suite", "executive"),
    ("C.E.O.", "c_suite", "executive"),
    ("Chief Marketing Officer", "c_suite", "marketing"),
    ("Managing Director", "c_suite", "executive"),
    ("Geschäftsführer", "c_suite", "executive"),
    ("Geschaeftsfuehrerin", "c_suite", "executive"),
    ("Geschäftsführer:in", "c_suite", "executive"),
    ("Mitglied des Vorstands", "c_suite", "executive"),
    ("President", "c_suite", "executive"),
    ("Assistant to the CEO", "staff", "administration"),
    ("Executive Assistant to the Managing Director", "staff", "administration"),
    ("Vorstandsassistentin", "staff", "administration"),
    ("Assistenz der Geschäftsführung", "staff", "administration"),
    ("Founder & Managing Director", "owner", "executive"),
    ("Inhaberin", "owner", "executive"),
    ("entrepreneur", "owner", "executive"),
    ("self-employed", "owner", "executive"),
    ("Product Owner", "staff", "product"),
    ("Process Owner Finance", "staff", "finance"),
    ("VP Sales", "vp", "sales"),
    ("V.P. of Engineering", "vp", "engineering"),
    ("Vice President, Finance", "vp", "finance"),
    ("Head of Marketing", "head", "marketing"),
    ("Leiter IT", "head", "it"),
    ("Leiter*in Einkauf", "head", "procurement"),
    ("Vertriebsleiterin", "head", "sales"),
    ("Abteilungsleiter (m/w/d) Logistik", "head", "operations"),
    ("Sr. Director, People & Culture", "director", "hr"),
    ("Partner", "director", "executive"),
    ("HR Business Partner", "staff", "hr"),
    ("Teamleiter Vertrieb", "manager", "sales"),
    ("Projektleiterin", "manager", "operations"),
    ("Product Marketing Manager", "manager", "marketing"),
    ("IT Sales Manager", "manager", "sales"),
    ("management", "manager", "executive"),
    ("Senior Software Engineer", "senior", "engineering"),
    ("Tech Lead", "senior", "engineering"),
    ("Lead Generation Specialist", "staff", "marketing"),
    ("Softwareentwickler", "staff", "engineering"),
    ("Account Executive", "staff", "sales"),
    ("Salesforce Administrator", "staff", "it"),
    ("Customer Success Specialist", "staff", "customer_success"),
    ("General Counsel", "staff", "legal"),
    ("Krankenschwester", "staff", "medical"),
    ("Grundschullehrerin", "staff", "education"),
    ("blue-collar", "staff", "operations"),
    ("technician", "staff", "engineering"),
    ("admin.", "staff", "administration"),
    ("services", "staff", "operations"),
    ("Junior Marketing Manager", "entry", "marketing"),
    ("Sales Trainee", "entry", "sales"),
    ("Werkstudent Marketing", "intern", "marketing"),
    ("Werkstudentin Geschäftsführung", "intern", "executive"),
    ("student", "intern", "other"),
    ("Finanzvorstand", "c_suite", "finance"),
    ("Firmeninhaberin", "owner", "executive"),
    ("Mitglied der Direktion", "director", "executive"),
    ("Innendienstleiter", "head", "sales"),
    ("Marketingchefin", "head", "marketing"),
    ("Gruppenleiter Lager", "manager", "operations"),
    ("Chef de projet CRM", "manager", "it"),
    ("Vertrieb Halbleiter", "staff", "sales"),
    ("Business Developer", "staff", "sales"),
    ("Salesmanagerin", "manager", "sales"),
    ("Salesforce Developer", "staff", "it"),
    ("Leiter Unternehmensentwicklung", "head", "executive"),
    ("Personaldisponent", "staff", "hr"),
    ("Webdesigner", "staff", "product"),
    ("Mktg Mgr", "manager", "marketing"),
    ("Interne Revision", "staff", "finance"),
    ("Headset Tester", "staff", "engineering"),
    ("retired", None, "other"),
    ("unemployed", None, "other"),
    ("Bachelor of Arts", None, "other"),
    (None, None, None),
]


@pytest.fixture(scope="module")
def readings() -> dict[str | None, list[str | None]]:
    """All titles, read at once."""
    titles = [title for title, *_ in TITLES]
    read = read_titles(pd.Series(titles, dtype="str")).astype(object)
    return dict(zip(titles, read.where(read.notna(), None).to_numpy().tolist(), strict=True))


@pytest.mark.parametrize(("title", "seniority", "department"), TITLES)
def test_reading(readings, title, seniority, department):
    assert readings[title] == [seniority, department]


def test_only_known_values_are_given():
    assert {value for value, _ in SENIORITY_WORDS} <= set(SENIORITIES)
    assert {value for value, _ in DEPARTMENT_WORDS} <= set(DEPARTMENTS)


@settings(max_examples=15)
@given(
    st.lists(
        st.text(alphabet="aehdlrvpi .-&/äß", max_size=12) | st.sampled_from(["Head of IT", "VP"]), min_size=1
    ),
    st.integers(0, 1000),
)
def test_a_title_is_read_alone_and_without_regard_to_case(titles, number):
    together = read_titles(pd.Series(titles, dtype="str"))
    position = number % len(titles)
    alone = read_titles(pd.Series([titles[position].replace("ß", "ss").upper()], dtype="str"))
    pd.testing.assert_frame_equal(alone, together.iloc[[position]].reset_index(drop=True))
