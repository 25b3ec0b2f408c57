"""Ready-made factors that a campaign file switches on with points: `scoring.dimensions: {budget_fit: 10}`.

What belongs here: the catalogue, each entry with its test and its words. What does not: points, which a file
gives (none is on by default), and who earned one (`points`).

Together with the shipped factors (company, phone, temperature, ...) a score has some forty dimensions. Three
kinds: a test such as a campaign could write itself; a *match*, which pays for the share of the profile's
criteria over some fields that a lead meets (each counts the same, whatever its weight in `icp_fit`); and
*several* conditions, which pay for the share of them that holds, or only where all of them hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leadflow_pipeline.conditions import Condition
from leadflow_pipeline.score.factors import BehaviourFactor, ScoringFactor

DIMENSIONS_GROUP = "dimensions"


@dataclass(frozen=True)
class ProfileMatch:
    """Pays for the share of the profile's criteria over these fields that are met."""

    fields: tuple[str, ...]
    earned: str
    missed: str


@dataclass(frozen=True)
class Several:
    """Pays for the share of these conditions that holds, or all or nothing."""

    conditions: tuple[Condition, ...]
    earned: str
    missed: str
    in_parts: bool = False


Dimension = ScoringFactor | BehaviourFactor | ProfileMatch | Several


def _field(name: str, field: str, earned: str, missed: str, **test: Any) -> ScoringFactor:
    return ScoringFactor(
        name=name, points=0, group=DIMENSIONS_GROUP, field=field, earned=earned, missed=missed, **test
    )


def _behaviour(name: str, behaviour: str, earned: str, missed: str, **test: Any) -> BehaviourFactor:
    return BehaviourFactor(
        name=name, points=0, group=DIMENSIONS_GROUP, behaviour=behaviour, earned=earned, missed=missed, **test
    )


def _mailbox(flaw: str, earned: str, missed: str) -> Several:
    """An address that is there and has not this flaw."""
    return Several(
        (Condition(field="email", is_missing=False), Condition(field=flaw, equals=False)), earned, missed
    )


_TESTS: tuple[ScoringFactor | BehaviourFactor, ...] = (
    _field(
        "email_deliverable",
        "email_status",
        "Email address is valid",
        "Email address is not surely valid",
        equals="valid",
    ),
    _field(
        "mobile_phone",
        "phone_type",
        "Has a mobile phone number",
        "No mobile phone number",
        one_of=("mobile", "fixed_line_or_mobile"),
    ),
    _field("full_name_known", "last_name", "Full name is known", "Last name is unknown", is_missing=False),
    _field("seniority_known", "seniority", "Seniority is known", "Seniority is unknown", is_missing=False),
    _field(
        "department_known", "department", "Department is known", "Department is unknown", is_missing=False
    ),
    _field("decision_maker", "is_decision_maker", "Decides", "Does not decide", equals=True),
    _field(
        "job_change", "recent_job_change", "Changed jobs recently", "No recent change of job", equals=True
    ),
    _field(
        "company_funded",
        "company_funded_recently",
        "Company was funded recently",
        "No recent funding known",
        equals=True,
    ),
    _field(
        "company_hires",
        "company_hiring",
        "Company is hiring",
        "Company is not known to be hiring",
        equals=True,
    ),
    _field(
        "company_website",
        "company_domain",
        "Company's domain is known",
        "Company's domain is unknown",
        is_missing=False,
    ),
    _field("industry_known", "industry", "Industry is known", "Industry is unknown", is_missing=False),
    _field(
        "company_size_known",
        "company_size",
        "Company size is known",
        "Company size is unknown",
        is_missing=False,
    ),
    _field("budget_known", "budget", "Budget is known", "Budget is unknown", is_missing=False),
    _field("country_known", "country", "Country is known", "Country is unknown", is_missing=False),
    _behaviour(
        "visited", "visit", "Visited in the last 30 days", "No visit in the last 30 days", within_days=30
    ),
    _behaviour(
        "visited_again",
        "visit",
        "Visited three times in 30 days",
        "Fewer than three visits in 30 days",
        at_least=3,
        within_days=30,
    ),
    _behaviour(
        "clicked_again",
        "click",
        "Clicked three times in 30 days",
        "Fewer than three clicks in 30 days",
        at_least=3,
        within_days=30,
    ),
    _behaviour("form_filled", "form", "Filled in a form", "Has filled in no form", at_least=1),
    _behaviour("replied", "reply", "Replied to an email", "Has replied to no email", at_least=1),
    _behaviour(
        "met", "meeting", "Met us in the last 90 days", "No meeting in the last 90 days", within_days=90
    ),
)

DIMENSIONS: dict[str, Dimension] = {
    "engagement_potential": Several(
        (
            Condition(field="email_status", equals="valid"),
            Condition(field="phone_status", equals="valid"),
            Condition(field="linkedin_url", is_missing=False),
        ),
        "Can be engaged by email, phone or LinkedIn",
        "Cannot be engaged by email, phone or LinkedIn",
        in_parts=True,
    ),
    "work_email": _mailbox(
        "email_is_free", "Writes from a business domain", "No address at a business domain"
    ),
    "personal_mailbox": _mailbox("email_is_role", "Mailbox is a person's", "No mailbox of a person's own"),
    "lasting_mailbox": _mailbox("email_is_disposable", "Mailbox is meant to last", "No mailbox that lasts"),
    "budget_fit": ProfileMatch(("budget",), "Budget fits the profile", "Budget does not fit the profile"),
    "company_match": ProfileMatch(
        (
            "company",
            "company_key",
            "company_domain",
            "company_founded_year",
            "company_size",
            "size_band",
            "industry",
        ),
        "Company matches the profile",
        "Company does not match the profile",
    ),
    "role_match": ProfileMatch(
        ("job_title", "seniority", "department", "is_decision_maker"),
        "Role matches the profile",
        "Role does not match the profile",
    ),
    "location_match": ProfileMatch(
        ("country", "region", "city", "postcode", "time_zone", "language"),
        "Place matches the profile",
        "Place does not match the profile",
    ),
    **{test.name: test for test in _TESTS},
}
"""Name -> what it asks. A `ProfileMatch` pays in parts, and so may `Several`; the others pay all or nothing."""
