"""Apollo.io: people search, and enrichment of the people that were found.

What belongs here: the shapes of Apollo's requests and answers, and its limits. What does not: rates, retries and
statuses (the session), and which field of an answer becomes which field of a lead.

Source: Apollo's API reference (docs.apollo.io/reference: people-api-search, bulk-people-enrichment) as of 2025-11. A
search costs nothing and tells neither email nor telephone number; enrichment costs a credit for each person with data
and has no idempotency key, so that a call whose answer was lost must not be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadflow_pipeline.errors import FateUnknown, PermanentError
from leadflow_pipeline.vendors.reading import json_object, objects
from leadflow_pipeline.vendors.session import Rate, VendorSession

VENDOR = "apollo"
BASE_URL = "https://api.apollo.io/api/v1"
RATE = Rate(requests=50, per_seconds=60)
"""The least that any plan allows; paid plans have 200 searches and 1,000 enrichments a minute."""

MOST_PER_PAGE = 100
MOST_PAGES = 500
MOST_PEOPLE = MOST_PER_PAGE * MOST_PAGES
"""A search shows 50,000 people whatever it found: narrower filters show the rest."""
MOST_DETAILS = 10
"""People in one call of bulk enrichment; one more is refused with RECORD_LIMIT_EXCEEDED."""


@dataclass(frozen=True)
class SearchPage:
    """People as a search tells of them: an `id` to enrich by, a first name, a title, a company."""

    people: list[dict[str, Any]]
    total: int
    is_last: bool


@dataclass(frozen=True)
class Matches:
    """Enriched people in the order of what was asked, None where nobody was found; and what that cost."""

    people: list[dict[str, Any] | None]
    credits: float
    request_id: str | None


def headers(key: str) -> dict[str, str]:
    """What every request to Apollo carries."""
    return {"x-api-key": key, "Cache-Control": "no-cache"}


class Apollo:
    """Apollo's API over a session that was opened with `headers(key)`."""

    def __init__(self, session: VendorSession) -> None:
        self._session = session

    def search(self, filters: Mapping[str, Any], page: int, per_page: int = MOST_PER_PAGE) -> SearchPage:
        """One page of the people whom `filters` (Apollo's own names, such as `person_titles`) describe; from 1.

        Costs nothing. Raises PermanentError for a page that Apollo does not show.
        """
        if not (1 <= per_page <= MOST_PER_PAGE and 1 <= page <= MOST_PAGES):
            raise PermanentError(
                f"Apollo shows {MOST_PAGES} pages of at most {MOST_PER_PAGE} people, and page {page} of {per_page} is "
                "beyond: narrow the filters"
            )
        body = {**filters, "page": page, "per_page": per_page}
        response = self._session.call("POST", "/mixed_people/api_search", json=body, is_repeatable=True)
        content = json_object(response, "Apollo", is_repeatable=True)
        # Before 2025 people who were saved already came as `contacts`, and the total as `pagination`.
        people = objects(content.get("people")) + objects(content.get("contacts"))
        total = whole_number(content.get("total_entries"))
        if total is None and isinstance(content.get("pagination"), dict):
            total = whole_number(content["pagination"].get("total_entries"))
        if total is None:
            return SearchPage(people, (page - 1) * per_page + len(people), is_last=len(people) < per_page)
        shown = min(total, MOST_PEOPLE)
        return SearchPage(people, total, is_last=not people or page * per_page >= shown)

    def bulk_match(
        self, details: Sequence[Mapping[str, Any]], *, reveal_personal_emails: bool = False
    ) -> Matches:
        """Enriches at most 10 people, each by id, email, profile, or name with a company.

        Costs a credit for each person with data. Raises FateUnknown where the answer cannot be read.
        """
        if not 1 <= len(details) <= MOST_DETAILS:
            raise PermanentError(f"Apollo enriches 1 to {MOST_DETAILS} people at once, not {len(details)}")
        response = self._session.call(
            "POST",
            "/people/bulk_match",
            json={"details": list(details), "reveal_personal_emails": reveal_personal_emails},
            is_repeatable=False,
        )
        content = json_object(response, "Apollo", is_repeatable=False)
        if content.get("status") == "failed":
            raise PermanentError(
                f"Apollo refused to enrich {len(details)} people ({error_code(content)}): check what is asked of it"
            )
        if not isinstance(content.get("matches"), list):
            raise FateUnknown(
                f"Apollo's answer about {len(details)} people holds none of them, though it may have charged for them: "
                f"look at its usage page before they are asked about again"
            )
        people = in_order_asked(details, content["matches"])
        found = sum(person is not None for person in people)
        consumed = content.get("credits_consumed")
        request_id = content.get("request_id")
        return Matches(
            people,
            # A decimal, and absent while a waterfall goes on: then as many as there can be.
            credits=float(consumed) if isinstance(consumed, int | float) else float(found),
            request_id=None if request_id is None else str(request_id),
        )


def in_order_asked(
    details: Sequence[Mapping[str, Any]], answers: Sequence[Any]
) -> list[dict[str, Any] | None]:
    """The match for each person asked for. Where places were left out, by what identifies a person."""
    if len(answers) == len(details):
        return [answer if isinstance(answer, dict) else None for answer in answers]
    found = objects(answers)
    return [next((match for match in found if is_match(detail, match)), None) for detail in details]


def is_match(detail: Mapping[str, Any], match: Mapping[str, Any]) -> bool:
    """Whether an answer is about the person asked for, by the surest that both name."""
    for name in ("id", "email", "linkedin_url"):
        if detail.get(name) and match.get(name):
            return str(detail[name]).casefold() == str(match[name]).casefold()
    asked = detail.get("name") or f"{detail.get('first_name') or ''} {detail.get('last_name') or ''}"
    return bool(str(asked).strip()) and str(asked).casefold() == str(match.get("name")).casefold()


def whole_number(value: Any) -> int | None:
    """A count, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def error_code(content: Mapping[str, Any]) -> str:
    """Apollo's own word for what is wrong; never its sentence, which may repeat what was asked."""
    code = content.get("error_code")
    return code if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code) else "no code given"
