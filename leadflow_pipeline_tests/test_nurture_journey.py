"""A campaign as its users live it: leads come, emails leave, people and machines answer, and everyone gets their due.

All parts are real: Dagster's assets, the outbox, a mail server and the service on sockets, a Maildir. Only the clock is
told. Everybody is invented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pandas as pd
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli import app
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.graduation import graduate_due
from leadflow_pipeline.delivery.handover import hand_over_due
from leadflow_pipeline.harvest.erasing import erase_person
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.inbound.mail.inbox import read_inbox
from leadflow_pipeline.inbound.tracking.judging import judge_due
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.roster import import_reps
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import metadata
from leadflow_pipeline_tests.fakes.smtp import MailServer
from leadflow_pipeline_tests.inbound.letters import BROWSER
from leadflow_pipeline_tests.samples import minimal_campaign_text
from leadflow_pipeline_tests.service.conftest import served
from leadflow_pipeline_tests.service.test_tracking import wait_until

FIRST_DAY, NEXT_DAY = date(2026, 3, 2), date(2026, 3, 3)
FIRST_EMAILS = datetime(2026, 3, 3, 9, tzinfo=UTC)
SECOND_EMAILS = datetime(2026, 3, 4, 12, tzinfo=UTC)
PEOPLE = ("clicker", "scanned", "answering", "away", "bouncing", "leaving", "silent")
OFFER = "https://www.example.org/offer"

FIRST_EMAIL = (
    f'{{delay_days: 0, subject: "Hello {{{{ first_name }}}}", text: "Have a look: [our offer]({OFFER})"}}'
)
LATER_EMAIL = f'{{delay_days: 1, subject: "Once more", text: "Still there: [our offer]({OFFER})"}}'
SEQUENCES = {"aggressive_close": 3, "regular_nurture": 4, "long_term_nurture": 6, "cold_outreach": 8}
"""With as many emails as shipped, but one a day."""

RULES = """
qualification: {threshold: 0, review_band: 0}
ownership: {}
nurture:
  send_window: {start: "00:00", end: "23:59", weekdays: [mon, tue, wed, thu, fri, sat, sun]}
  stop_on_colleague_reply: false
  sequences:
""" + "".join(
    f"    {name}: {{emails: [{', '.join([FIRST_EMAIL, *[LATER_EMAIL] * (count - 1)])}]}}\n"
    for name, count in SEQUENCES.items()
)


class Journey:
    """A campaign on its way, and what its users see of it."""

    def __init__(self, engine: Engine, folder: Path, server: MailServer, service: str) -> None:
        self.engine, self.folder, self.server = engine, folder, server
        self.client = httpx.Client(base_url=service, headers={"user-agent": BROWSER}, timeout=30)
        self.now = FIRST_EMAILS
        self.instance = dg.DagsterInstance.ephemeral()
        self.instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["journey"])
        register(engine, minimal_campaign_text("journey", extra=RULES, time_zone="UTC"), "journey.yaml")
        rep = Rep(rep="rita", name="Rita Rep", email="rita@sales.example.org")
        import_reps(engine, [rep], actor="tester", origin="test", from_day=date(2026, 1, 1))

    def import_leads(self) -> Any:
        """Everybody of PEOPLE, of the first day."""
        names = pd.Series(PEOPLE)
        leads = pd.DataFrame(
            {
                "Email": names + "@" + names + ".example",
                "First name": names.str.title(),
                "Last name": "Example",
                "Company": names.str.title() + " Ltd",
                "Title": "CEO",
                "Industry": "Software",
                "Employees": "200",
                "Country": "DE",
                "Phone": "",
                "Plan": "pro",
                "Received": str(FIRST_DAY),
            }
        )
        path = self.folder / "leads.csv"
        leads.to_csv(path, index=False)
        return import_file(self.engine, "journey", path)

    def compute(self, first: date, last: date) -> None:
        """Days of the campaign, as one run."""
        result = dg.materialize(
            list(STAGE_ASSETS),
            instance=self.instance,
            resources=build_defs().resources,
            tags=PartitionRange("journey", days_between(first, last)).tags,
            run_config=QUIET,
        )
        assert result.success

    def dispatch(self, at: datetime) -> list[str]:
        """Whom emails left to in this run, by the name before the @."""
        self.now = at
        before = len(self.server.messages)
        summary = dispatch_due(self.engine, get_settings(), at)
        left = [str(message["To"]) for message in self.server.messages[before:]]
        assert summary.sent == len(left)
        return sorted(re.findall(r"([\w.]+)@", to)[-1] for to in left)

    def email_to(self, name: str) -> EmailMessage:
        """The latest that the mail server has for somebody."""
        return [each for each in self.server.messages if f"{name}@" in str(each["To"])][-1]

    def links(self, name: str) -> list[str]:
        """What a program finds to follow in an email."""
        html = self.email_to(name).get_body(("html",))
        assert html is not None
        return [
            link.replace("&amp;", "&")
            for link in re.findall(r'(?:href|src)="(http[^"]+)"', html.get_content())
        ]

    def receive(self, name: str, words: str, **headers: str) -> None:
        """A mail in our mailbox, as an answer to the email."""
        mail = EmailMessage()
        mail["From"], mail["To"] = f"{name}@{name}.example", "ida@leads.example"
        mail["Date"], mail["Message-ID"] = format_datetime(self.now), f"<{name}@{name}.example>"
        mail["In-Reply-To"] = str(self.email_to(name)["Message-ID"])
        for header, value in {"Subject": "Re: Hello", **headers}.items():
            mail[header.replace("_", "-")] = value
        mail.set_content(words)
        self.put(mail.as_bytes())

    def put(self, raw: bytes) -> None:
        """A mail, as a mail server delivers it: under a name that says nothing of whose it is."""
        folder = self.folder / "Maildir" / "new"
        (folder / f"{len(list(folder.iterdir()))}.host").write_bytes(raw)

    def facts(self) -> list[tuple[str, str, bool]]:
        """Who did what, and whether it was a machine."""
        query = text(
            "SELECT DISTINCT split_part(recipient, '@', 1), behaviour, is_machine FROM leadflow.engagement_events "
            "JOIN leadflow.messages USING (campaign, lead_id) WHERE recipient_key <> '' ORDER BY 1, 2"
        )
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]  # type: ignore[misc]

    def states(self, day: date) -> dict[str, str]:
        """Where the plan of a day has everybody."""
        query = text(
            "SELECT split_part(email, '@', 1), state FROM leadflow.nurtured_leads JOIN leadflow.enriched_leads "
            "USING (campaign, lead_id) WHERE nurtured_leads.day = :day"
        )
        with self.engine.connect() as connection:
            return dict(connection.execute(query, {"day": day}).tuples().all())

    def everything(self) -> str:
        """All rows of all tables."""
        with self.engine.connect() as connection:
            return str([connection.execute(table.select()).all() for table in metadata.sorted_tables]).lower()


@pytest.fixture
def journey(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    def set_up(**settings: object) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"LEADFLOW_{name.upper()}", str(value))
        get_settings.cache_clear()

    set_up(home=tmp_path / "home")
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
    known: list[Journey] = []
    clock = lambda: known[0].now if known else FIRST_EMAILS  # noqa: E731
    with MailServer() as server, served(build_app(now=clock)) as service:
        set_up(
            public_url=service, transport="smtp", smtp_port=server.port, smtp_security="none",
            mailbox=f"maildir:{tmp_path / 'Maildir'}", mailbox_days=10_000,
        )  # fmt: skip
        known.append(Journey(engine, tmp_path, server, service))
        yield known[0]


def test_everybody_gets_their_due_and_nobody_twice(journey: Journey) -> None:
    assert journey.import_leads().new == len(PEOPLE)
    journey.compute(FIRST_DAY, FIRST_DAY)
    assert hand_over_due(journey.engine, FIRST_EMAILS).to_dict()["handed_over"] == len(PEOPLE)
    told_first = journey.dispatch(FIRST_EMAILS)
    assert sorted(set(told_first) - {"rita"}) == sorted(PEOPLE)

    people_and_machines_answer(journey)
    assert journey.facts() == [
        ("answering", "reply", False),
        ("away", "auto_reply", True),
        ("bouncing", "bounce", False),
        ("clicker", "click", False),
        ("leaving", "unsubscribe", False),
        ("scanned", "click", True),
        ("scanned", "open", True),
    ]

    journey.now += timedelta(minutes=10)
    assert [graduate_due(journey.engine, journey.now).graduated for _ in range(2)] == [1, 0]
    assert journey.dispatch(journey.now + timedelta(minutes=1)) == ["rita"]
    told = journey.email_to("rita").get_body(("plain",))
    assert told is not None
    assert [words in told.get_content() for words in ("Have a look", "Yes, please call me")] == [True, True]

    journey.compute(NEXT_DAY, NEXT_DAY)
    assert journey.states(NEXT_DAY) == {
        "clicker": "TOUCH_DUE", "scanned": "TOUCH_DUE", "silent": "TOUCH_DUE", "away": "PAUSED",
        "answering": "STOPPED", "bouncing": "STOPPED", "leaving": "STOPPED",
    }  # fmt: skip
    assert set(journey.dispatch(SECOND_EMAILS)) - {"rita"} == {"clicker", "scanned", "silent"}
    for name, words in (("answering", "(the lead replied)"), ("scanned", " ~ click")):
        shown = CliRunner().invoke(app, ["timeline", f"{name}@{name}.example", "--day", "2026-03-04"])
        assert (shown.exit_code, words in shown.output) == (0, True), shown.output

    journey.compute(FIRST_DAY, NEXT_DAY)
    assert journey.dispatch(SECOND_EMAILS + timedelta(minutes=10)) == []

    report = erase_person(journey.engine, "answering@answering.example", actor="tester")
    assert report.rows["inbound_mails"] == 1
    assert read_inbox(journey.engine, get_settings(), now=SECOND_EMAILS).read == 0
    journey.compute(FIRST_DAY, NEXT_DAY)
    assert journey.import_leads().erased == 1
    left = journey.everything()
    theirs = ("answering@", "answering.example", "answering ltd", "please call me", "clicker@")
    assert [word for word in theirs if word in left] == ["clicker@"]
    assert journey.dispatch(SECOND_EMAILS + timedelta(minutes=20)) == []


def people_and_machines_answer(journey: Journey) -> None:
    """Each on their own, some hours after the emails came."""
    journey.now += timedelta(hours=2)
    first = next(link for link in journey.links("clicker") if "/c/" in link)
    assert journey.client.get(first).headers["location"] == OFFER

    journey.now += timedelta(minutes=30)
    for link in journey.links("scanned"):
        if link.startswith(str(journey.client.base_url).rstrip("/")):
            assert journey.client.get(link).status_code in (200, 302)

    journey.now += timedelta(minutes=30)
    (one_click,) = re.findall(r"<(http[^>]+)>", str(journey.email_to("leaving")["List-Unsubscribe"]))
    answers = [journey.client.post(one_click, content=b"List-Unsubscribe=One-Click") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5

    journey.receive("answering", "Yes, please call me.\n")
    journey.receive(
        "away", "I am out of the office until 12 March 2026.", Subject="Automatic reply: Hello",
        Auto_Submitted="auto-replied",
    )  # fmt: skip
    original = journey.email_to("bouncing")["Message-ID"]
    journey.put(
        (
            "From: MAILER-DAEMON@leads.example\nTo: ida@leads.example\nSubject: Undelivered\nMIME-Version: 1.0\n"
            f"Date: {format_datetime(journey.now)}\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nSorry.\n\n--b\n"
            "Content-Type: message/delivery-status\n\nReporting-MTA: dns; leads.example\n\n"
            "Final-Recipient: rfc822; bouncing@bouncing.example\nAction: failed\nStatus: 5.1.1\n\n--b\n"
            f"Content-Type: text/rfc822-headers\n\nMessage-ID: {original}\n\n--b--\n"
        ).encode(),
    )
    journey.now += timedelta(minutes=30)
    assert read_inbox(journey.engine, get_settings(), now=journey.now).to_dict() == {
        "read": 3, "known": 0, "unmatched": 0, "auto_reply": 1, "bounce": 1, "reply": 1,
    }  # fmt: skip
    wait_until(lambda: not list(get_settings().journal_folder.glob("*.jsonl")))
    assert judge_due(journey.engine, datetime.now(UTC) + timedelta(minutes=10)).hits > 0
