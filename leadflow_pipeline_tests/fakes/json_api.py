"""A stand-in for any JSON API that lists leads: in pages by number, by cursor, or by Link header.

What belongs here: the three common ways of paging and how each goes wrong. What does not: what a client makes of it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    json_reply,
    refused,
    text_reply,
)
from leadflow_pipeline_tests.fakes.people import Person, invented_people

Paging = Literal["page", "cursor", "link"]
MOST_PER_PAGE = 100
ELSEWHERE = '<http://elsewhere.example/leads?page=2>; rel="next"'


class FakeJsonApi(FakeServer):
    """GET /leads. By page: `?page=1&per_page=10` → {leads, page, pages}; by cursor: `?cursor=…` → {data: {items},
    next_cursor}; by link: a bare list with a `Link` header (RFC 8288). By page it also takes `offset`, the number of
    records before, and a POST with the parameters in its body. The key goes into `X-API-Key`, or into `Authorization`
    as a bearer token or the password of anybody. A lead is nested as in most APIs: {id, person: {…}, company: {…},
    updated_at}.
    """

    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        "bad key": refused(json_reply({"error": "unauthorized"}, 401)),
        "forbidden": refused(json_reply({"error": "forbidden"}, 403)),
        "not found": refused(json_reply({"error": "not found"}, 404)),
        "bad request": refused(json_reply({"error": "bad request"}, 400)),
        "too many requests": refused(json_reply({"error": "slow down"}, 429, {"Retry-After": "1"})),
        "too many requests for long": refused(
            json_reply({"error": "slow down"}, 429, {"Retry-After": "3600"})
        ),
        "too many requests without retry-after": refused(json_reply({"error": "slow down"}, 429)),
        "retry-after as a date": refused(
            text_reply("slow down", 429, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})
        ),
        "another shape": refused(json_reply({"unexpected": True})),
        "a number": refused(json_reply(42)),
        "null": refused(json_reply(None)),
        "a list of texts": refused(json_reply(["not", "records"])),
        "not utf-8": refused(Reply(200, b'{"leads": ["\xff\xfe"]}', {"Content-Type": "application/json"})),
        "repeated cursor": lambda server, received: server.list(received, repeats=True),
        "endless pages": lambda server, received: server.list(received, is_endless=True),
        "link to another host": lambda server, received: server.list(received, link=ELSEWHERE),
        "redirect to another host": refused(
            Reply(302, headers={"Location": "http://elsewhere.example/leads"})
        ),
    }

    def __init__(
        self,
        people: Sequence[Person] = invented_people(25),
        *,
        paging: Paging = "page",
        key: str = "test-key",
    ) -> None:
        super().__init__(key=key)
        self.people = people
        self.paging = paging

    def respond(self, received: Received) -> Reply:
        if not self.is_allowed(received.headers):
            return json_reply({"error": "unauthorized"}, 401)
        if received.path != "/leads":
            return json_reply({"error": "not found"}, 404)
        if received.method == "POST":
            received = replace(
                received, query={name: [str(value)] for name, value in received.json().items()}
            )
        return self.list(received)

    def is_allowed(self, headers: Mapping[str, str]) -> bool:
        """Whether the key is there, in one of three ways."""
        basic = base64.b64encode(f"somebody:{self.key}".encode()).decode()
        given = headers.get("authorization"), headers.get("x-api-key")
        return given[0] in (f"Bearer {self.key}", f"Basic {basic}") or given[1] == self.key

    def list(
        self, received: Received, repeats: bool = False, is_endless: bool = False, link: str | None = None
    ) -> Reply:
        """One page, in the way of paging this server has."""
        size = min(int(received.first("per_page", "10")), MOST_PER_PAGE)
        if self.paging == "cursor":
            start = int(received.first("cursor", "c0").removeprefix("c"))
        else:
            start = int(received.first("offset") or (int(received.first("page", "1")) - 1) * size)
        following = start + size
        people = self.people[:size] if is_endless else self.people[start:following]
        leads = [lead_of(person) for person in people]
        has_more = is_endless or repeats or following < len(self.people)
        if self.paging == "page":
            pages = 1_000_000 if is_endless else -(-len(self.people) // size)
            return json_reply({"leads": leads, "page": start // size + 1, "pages": pages})
        if self.paging == "cursor":
            cursor = received.first("cursor", "c0") if repeats else f"c{following}"
            return json_reply({"data": {"items": leads}, "next_cursor": cursor if has_more else None})
        page = start // size + (1 if repeats else 2)
        own = f'<{self.url}/leads?page={page}&per_page={size}>; rel="next", <{self.url}/leads?page=1>; rel="first"'
        return json_reply(leads, headers={"Link": link or own} if has_more else {})


def lead_of(person: Person) -> dict[str, Any]:
    """A lead as an API nests it."""
    return {
        "id": 9_007_199_254_740_993 + person.number,  # beyond 2^53: a client that reads floats merges them
        "person": {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "phone": person.phone,
            "title": person.title,
        },
        "company": {"name": person.company, "domain": person.domain, "employees": person.employees},
        "country": person.country_code,
        "tags": ["trade fair", f"hall {person.number % 7}"],
        "updated_at": person.changed_at.isoformat(),
    }
