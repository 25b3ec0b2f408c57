"""What the linter finds in emails, and what it leaves in peace."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.campaign import Campaign, parse_campaign
from leadflow_pipeline.delivery.linting.campaign_lint import lint_campaign
from leadflow_pipeline.delivery.linting.link_check import check_links
from leadflow_pipeline.insight.health.messages import look_at_links
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline_tests.delivery.world import CAMPAIGN_FILE

PUBLIC = "https://mail.acme.example"
HEALTHY = "Hello, here is a text of some length that nobody could object to."


def a_campaign(email: str, nurture: str = "", sender: str = "eva@sender.example.org") -> Campaign:
    sequences = f"{nurture}\n  sequences: {{regular_nurture: {{emails: [{{delay_days: 0, {email}}}]}}}}"
    text = CAMPAIGN_FILE.format(slug="spring", name="Spring", nurture=sequences)
    text += "routing:\n  warm_sequence:\n    {name: Ours, goal: Talk, sequence_type: regular_nurture, "
    text += "email_count: 1, duration_days: 14}\n"
    return parse_campaign(text.replace("eva@sender.example.org", sender), "spring.yaml")


def found(
    email: str, nurture: str = "", public_url: str = PUBLIC, sender: str = "eva@sender.example.org"
) -> str:
    campaign = a_campaign(email, nurture, sender)
    return "\n".join(map(str, lint_campaign(campaign, public_url, "regular_nurture")))


def test_the_shipped_emails_have_nothing_to_find() -> None:
    text = CAMPAIGN_FILE.format(
        slug="spring", name="Spring", nurture="{words: {product: Planwell, benefit: plan a week in an hour}}"
    )
    assert lint_campaign(parse_campaign(text, "spring.yaml"), PUBLIC) == []


def test_an_email_without_faults_has_none() -> None:
    assert found(f"subject: Your week, text: '{HEALTHY} See [the plan](https://acme.example/plan).'") == ""


@pytest.mark.parametrize(
    ("email", "finding"),
    [
        (f"subject: 'Hi {{{{ first_name }}}}', text: '{HEALTHY}'", "error: regular_nurture 1: a lead without first"),
        (f"subject: s, text: '{HEALTHY} {{{{ custom.plan }}}}'", "a lead without custom.plan would not get"),
        (f"subject: '{'long ' * 20}', text: '{HEALTHY}'", "the subject has 99 characters"),
        (f"subject: 'Re: our talk', text: '{HEALTHY}'", "claims an answer to a conversation"),
        (f"subject: 'BUY SOMETHING TODAY', text: '{HEALTHY}'", "shouts in capitals"),
        (f"subject: 'New!!', text: '{HEALTHY}'", "punctuation of advertising"),
        (f"subject: s, text: '{HEALTHY} Act now, it is risk-free.'", "“act now”, “risk-free”"),
        ("subject: s, text: Hi", "hardly there"),
        (f"subject: s, text: '{HEALTHY} [here](https://acme.example/a).'", "only “here”"),
        (f"subject: s, text: '{HEALTHY} [see](http://acme.example/a).'", "is not encrypted"),
        (f"subject: s, text: '{HEALTHY} [see](https://bit.ly/a).'", "hides where the link leads"),
        (f"subject: s, text: '{HEALTHY} [see](https://10.0.0.1/a).'", "a number instead of a name"),
        (f"subject: s, text: '{HEALTHY} [see](https://acme).'", "no host that there could be"),
        (f"subject: s, text: '{HEALTHY} [see](https://acme.example:99999/).'", "is no address"),
        (f"subject: s, text: '{HEALTHY} [see](https://www.example.com/).'", "is a placeholder"),
        (f"subject: s, text: '{HEALTHY} [see](https://{{{{ custom.plan | default(1) }}}}.example/)'", "from a token"),
        (f"subject: s, text: '{HEALTHY} [bank.example](https://other.example/)'", "shows bank.example and leads to"),
        (f"subject: s, text: '{HEALTHY} https://acme.example/a'", "but is tracked, so it leads there by a detour"),
        (f"subject: s, html: '<p>{HEALTHY}</p><a href=\"www.acme.example\">see it</a>'", "is no whole address"),
        (f"subject: s, html: '<p>{HEALTHY}</p><a href=\"#\">see it</a>'", "leads nowhere"),
        (f"subject: s, html: '<p>{HEALTHY}</p><a href=\"https://acme.example\"></a>'", "has no words"),
        (f"subject: s, html: '<div>{HEALTHY}'", "<div> is never closed"),
        (f"subject: s, html: '<p>{HEALTHY}</p><!-- off'", "comment is never closed"),
        (f"subject: s, html: '<p>{HEALTHY}</p><form></form>'", "<form> is removed by mailboxes"),
        (f"subject: s, html: '<body>{HEALTHY}</body>'", "it is a whole page"),
        (f"subject: s, html: '<p>{HEALTHY}</p><img src=\"https://acme.example/a.png\" width=\"9\">'", "has no alt"),
        (f"subject: s, html: '<p>{HEALTHY}</p><img src=\"a.png\" alt=\"\" width=\"9\">'", "is not loaded with https"),
        (f"subject: s, html: '<p>{HEALTHY}</p><img src=\"https://a.example/a.png\" alt=\"\">'", "has no width"),
        (f"subject: s, html: '<p>{'word ' * 25000}</p>'", "Gmail cuts it off at 102, footer and all"),
        (f"subject: s, text: '{'word ' * 200}'", "a paragraph has"),
        (
            f"subject: s, text: '{HEALTHY}', languages: {{de: {{subject: s, text: 'Klicken Sie hier, {HEALTHY}'}}}}",
            "warning: regular_nurture 1 (de): filters take notice of “klicken sie hier”",
        ),
    ],
)  # fmt: skip
def test_faults_are_found_with_their_remedy(email: str, finding: str) -> None:
    told = found(email)
    assert finding in told


def test_faults_of_the_whole_campaign_are_found() -> None:
    email = f"subject: s, text: '{HEALTHY} {{{{ product | default(1) }}}}'"
    nurture = "\n  words: {offer: x}\n  snippets: {bye: y}"
    campaign = a_campaign(email, nurture, "eva@gmail.com")
    told = "\n".join(map(str, lint_campaign(campaign, "http://127.0.0.1:8787")))
    for finding in (
        "nobody but this machine reaches", "gmail.com, whose mailboxes", "nurture.words.product is not given",
        "nurture.snippets.bye is used by no email", "nurture.words.offer is used by no email",
    ):  # fmt: skip
        assert finding in told
    assert "without encryption" in "\n".join(map(str, lint_campaign(campaign, "http://mail.acme.example")))


def test_a_sequence_that_changes_its_language_is_found() -> None:
    german = f"{{delay_days: 0, subject: s, text: '{HEALTHY}', languages: {{de: {{subject: s, text: '{HEALTHY}'}}}}}}"
    english = f"{{delay_days: 1, subject: s, text: '{HEALTHY}'}}"
    nurture = f"{{sequences: {{regular_nurture: {{emails: [{german}, {english}, {english}, {english}]}}}}}}"
    campaign = parse_campaign(
        CAMPAIGN_FILE.format(slug="spring", name="Spring", nurture=nurture), "spring.yaml"
    )
    assert [str(each) for each in lint_campaign(campaign, PUBLIC, "regular_nurture")] == [
        "warning: regular_nurture: some emails are written in de, but 2, 3, 4 of 4 not; write them, or leads who "
        "speak de get two languages"
    ]


def test_emails_that_an_experiment_tries_are_read_too() -> None:
    text = (
        CAMPAIGN_FILE.format(slug="spring", name="Spring", nurture="{}")
        + """
experiments:
  - key: opening
    hypothesis: Loud words are answered more often.
    kind: emails
    primary: {behaviour: reply}
    variants:
      - {key: usual}
      - key: loud
        emails: {aggressive_close: {emails: [{delay_days: 0, subject: ACT NOW FRIENDS, text: "Act now, all of you!"}]}}
"""
    )
    told = "\n".join(map(str, lint_campaign(parse_campaign(text, "spring.yaml"), PUBLIC, "aggressive_close")))
    assert "warning: aggressive_close 1 (opening/loud): the subject shouts in capitals" in told


@pytest.mark.parametrize(("public_url", "is_told"), [("http://127.0.0.1:8787", True), (PUBLIC, False)])
def test_the_doctor_tells_of_links_that_nobody_can_follow(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, public_url: str, is_told: bool
) -> None:
    monkeypatch.setenv("LEADFLOW_TRANSPORT", "smtp")
    monkeypatch.setenv("LEADFLOW_PUBLIC_URL", public_url)
    get_settings.cache_clear()
    assert bool(list(look_at_links(engine))) is is_told
    get_settings.cache_clear()


class Pages(BaseHTTPRequestHandler):
    """A site with a page, one for GET alone, and one that is not there."""

    def do_HEAD(self) -> None:
        self.answer({"/page": 200, "/get": 405}.get(self.path, 404))

    def do_GET(self) -> None:
        self.answer({"/get": 200}.get(self.path, 404))

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_links_are_asked_when_told(site: str) -> None:
    told = [
        str(each)
        for each in check_links([f"{site}/page", f"{site}/get", f"{site}/gone", "http://127.0.0.1:1/"])
    ]
    assert told == [
        f"error: {site}/gone answers 404; correct the link",
        "error: http://127.0.0.1:1/ does not answer (ConnectionError); correct the link",
    ]
