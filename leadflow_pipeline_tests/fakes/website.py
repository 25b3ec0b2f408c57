"""A stand-in for a public website with people on its pages, and a robots.txt that says what a polite reader may see.

What belongs here: pages, robots.txt (RFC 9309), redirects, and pages that are too big or too odd. What does not: what a
reader makes of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import ClassVar

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    html_reply,
    refused,
    text_reply,
)
from leadflow_pipeline_tests.fakes.people import Person, invented_people

PER_PAGE = 10
BIG = 10 * 1024 * 1024
ROBOTS = "User-agent: *\nCrawl-delay: {delay:g}\nDisallow: /private/\nAllow: /\n"
FORBIDDING = "User-agent: *\nDisallow: /\n"
ELSEWHERE = "http://elsewhere.example/members"


class FakeWebsite(FakeServer):
    """GET /members?page=n: an HTML list of people with a link to the next page; /private/members is disallowed;
    /moved leads to another host; /big is 10 MB; /old leads to /members.

    Each person is `li.member` with `.name`, `a.email[href^=mailto]`, `.title`, `.company`, `.phone`, `a.profile`.
    """

    failures: ClassVar[Mapping[str, Failure]] = {
        **{
            kind: failure
            for kind, failure in NETWORK_FAILURES.items()
            if kind not in ("html instead of json", "truncated json")
        },
        "not found": refused(html_reply("404", 404)),
        "gone": refused(html_reply("410", 410)),
        "forbidden": refused(html_reply("403", 403)),
        "too many requests": refused(html_reply("429", 429, {"Retry-After": "1"})),
        "too many requests for long": refused(html_reply("429", 429, {"Retry-After": "3600"})),
        "redirect to another host": refused(Reply(302, headers={"Location": ELSEWHERE})),
        "redirect loop": lambda server, received: Reply(302, headers={"Location": received.path}),
        "big page": refused(html_reply("x" * BIG)),
        "no members": refused(html_reply("<h1>Members</h1>")),
        "not html": refused(Reply(200, bytes(range(256)) * 64, {"Content-Type": "application/octet-stream"})),
        "another encoding": lambda server, received: recoded(server.respond(received), "utf-16"),
        "endless pages": lambda server, received: server.members(received, is_endless=True),
        "repeated page": lambda server, received: server.members(received, repeats=True),
        "robots forbids all": refused(text_reply(FORBIDDING)),
        "robots not found": refused(text_reply("no robots.txt", 404)),
        "robots broken": refused(text_reply("out of order", 503)),
        "robots is html": refused(html_reply("Welcome")),
    }

    def __init__(
        self, people: Sequence[Person] = invented_people(25), *, crawl_delay: float = 0, key: str = "test-key"
    ) -> None:
        super().__init__(key=key)
        self.people = people
        self.crawl_delay = crawl_delay

    def respond(self, received: Received) -> Reply:
        if received.path == "/robots.txt":
            return text_reply(ROBOTS.format(delay=self.crawl_delay))
        if received.path in ("/members", "/private/members"):
            return self.members(received)
        if received.path == "/moved":
            return Reply(301, headers={"Location": ELSEWHERE})
        if received.path == "/old":
            return Reply(301, headers={"Location": "/members"})
        if received.path == "/big":
            return html_reply("x" * BIG)
        return html_reply("404", 404)

    def members(self, received: Received, is_endless: bool = False, repeats: bool = False) -> Reply:
        """One page of people."""
        page = int(received.first("page", "1"))
        start = 0 if is_endless else (page - 1) * PER_PAGE
        people = self.people[start : start + PER_PAGE]
        items = "\n".join(member(person) for person in people)
        following = page if repeats else page + 1
        has_more = is_endless or repeats or start + PER_PAGE < len(self.people)
        link = f'<a class="next" rel="next" href="/members?page={following}">Next</a>' if has_more else ""
        return html_reply(f"<h1>Members</h1><ul class='members'>{items}</ul><nav>{link}</nav>")


def member(person: Person) -> str:
    """One person on a page; the address in mixed case, as people type it."""
    name = escape(f"{person.first_name} {person.last_name}")
    return f"""<li class="member">
      <h2 class="name">{name}</h2> <span class="title"> {escape(person.title)}\n </span>
      <span class="company">{escape(person.company)}</span>
      <a class="email" href="mailto:{escape(person.email)}?subject=Hello">{escape(person.email.title())}</a>
      <a class="phone" href="tel:{person.phone}">{person.phone}</a>
      <a class="profile" href="https://www.linkedin.com/{person.linkedin}/">Profile</a>
    </li>"""


def recoded(reply: Reply, encoding: str) -> Reply:
    """The same page in another encoding, said in its header."""
    body = reply.body.decode().encode(encoding)
    return replace(reply, body=body, headers={"Content-Type": f"text/html; charset={encoding}"})
