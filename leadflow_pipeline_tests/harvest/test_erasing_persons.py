"""One address erases the person: every lead, address, record and answer known to be the same. Everybody is invented."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, insert, select, text

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.harvest.erasing import LEAD_TABLES, erase_person
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.harvest.plan import plan_harvested, read_records
from leadflow_pipeline.harvest.stored_records import records_of_days
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    account_leads,
    accounts,
    activity_log,
    alerts,
    api_requests,
    api_tokens,
    consents,
    harvested_leads,
    inbound_mails,
    lead_aliases,
    lead_event_states,
    match_reviews,
    message_links,
    messages,
    metadata,
    person_aliases,
    person_leads,
    persons,
    provider_events,
    routing_decisions,
    suppressions,
    tracking_hits,
    vendor_lookups,
)
from leadflow_pipeline.store.suppressions import erased_among

CAMPAIGN = """\
campaign: {slug}
name: Any
sender: {{name: Ida Example, email: ida@sender.example.org}}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: UTC
sources:
  - name: list
    mapping: {{email: email, phone: phone, full_name: name}}
    day: {{column: received}}
"""
ROWS = {
    "spring": "anna@leads.example,,Anna Berg\n,+493023125001,Anna Berg\nbruno@leads.example,,Bruno Klein\n",
    "autumn": "a.berg@firma.example,,Anna Berg\ninfo@firma.example,,Anna Berg\n"
    "carla@leads.example,,see info@firma.example\n",
}
DAY = pd.Timestamp("2026-05-01")


@pytest.fixture
def lead(engine: Engine, tmp_path: Path) -> Callable[[str], tuple[str, str]]:
    """Imports and harvests both campaigns; gives the lead with an address or phone."""
    for slug, rows in ROWS.items():
        register(engine, CAMPAIGN.format(slug=slug), f"{slug}.yaml")
        path = tmp_path / f"{slug}.csv"
        lines = [f"{row},2026-05-01" for row in rows.splitlines()]
        path.write_text("\n".join(["email,phone,name,received", *lines]), encoding="utf-8")
        import_file(engine, slug, path)
        sources = load(engine, slug).rules.sources
        mapped, _ = read_records(slug, records_of_days(engine, slug, [DAY.date()]), sources)
        rows_of_day = conform(
            plan_harvested(mapped, empty(harvested_leads), sources),
            harvested_leads,
            campaign=slug,
            campaign_version=1,
        )
        replace_partitions(
            engine, harvested_leads, slug, [DAY.date()], rows_of_day, campaign_version=1, run_id="test"
        )

    def find(known_by: str) -> tuple[str, str]:
        query = select(harvested_leads.c.campaign, harvested_leads.c.lead_id).where(
            (harvested_leads.c.email == known_by) | (harvested_leads.c.phone == known_by)
        )
        with engine.connect() as connection:
            return tuple(connection.execute(query).one())  # type: ignore[return-value]

    return find


def test_one_address_erases_the_person(engine: Engine, lead: Callable[[str], tuple[str, str]]) -> None:
    anna, phone_only = lead("anna@leads.example"), lead("+493023125001")
    other, role, bruno = lead("a.berg@firma.example"), lead("info@firma.example"), lead("bruno@leads.example")
    with engine.begin() as connection:
        connection.execute(insert(persons), [{"person_id": "p"}, {"person_id": "q"}])
        connection.execute(insert(person_aliases).values(person_id="former", alias_of="p"))
        connection.execute(
            insert(person_leads),
            [
                {
                    "campaign": slug,
                    "lead_id": lead_id,
                    "person_id": person,
                    "match_probability": 1,
                    "evidence": [],
                }
                for (slug, lead_id), person in ((anna, "p"), (other, "p"), (role, "p"), (bruno, "q"))
            ],
        )
        connection.execute(
            insert(lead_aliases).values(
                campaign="spring", day=DAY, lead_id=phone_only[1], alias_of=anna[1], match_probability=0.97,
                evidence=["phone"], campaign_version=1,
            )
        )  # fmt: skip
        names = sorted(["/".join(anna), "/".join(bruno)])
        connection.execute(
            insert(match_reviews).values(
                kind="person", left_id=names[0], right_id=names[1], match_probability=0.6, evidence=[]
            )
        )
        kept = {"name_key": "x", "phone": "+493023125001"}
        connection.execute(
            insert(accounts),
            [{"account_id": "hers", "name": "Berg", **kept}, {"account_id": "both", "name": "Firma", **kept}],
        )
        connection.execute(
            insert(account_leads),
            [
                {"campaign": slug, "lead_id": lead_id, "account_id": account, "evidence": []}
                for (slug, lead_id), account in ((anna, "hers"), (other, "both"), (bruno, "both"))
            ],
        )
        asked = {"provider": "clearbit", "vendor": "clearbit", "state": "planned"}
        connection.execute(
            insert(vendor_lookups),
            [
                {"campaign": anna[0], "lead_id": anna[1], "subject_key": "1", "question": {"id": 1}, **asked},
                {
                    "campaign": "spring",
                    "lead_id": "x",
                    "subject_key": "2",
                    "question": {"q": "A.Berg@firma.example"},
                    **asked,
                },
                {
                    "campaign": bruno[0],
                    "lead_id": bruno[1],
                    "subject_key": "3",
                    "question": {"q": "bruno@leads.example"},
                    **asked,
                },
            ],
        )

    report = erase_person(engine, "a.berg@firma.example", actor="ida")

    assert report.rows["source_records"] == 4, "also the record that has no address"
    assert report.rows["vendor_lookups"] == 2
    with engine.connect() as connection:
        left = {table.name: str(connection.execute(select(table)).all()) for table in metadata.sorted_tables}
        for table in (
            "persons",
            "person_aliases",
            "person_leads",
            "match_reviews",
            "lead_aliases",
            "account_leads",
        ):
            assert not [
                word
                for word in ("'p'", "former", anna[1], other[1], role[1], phone_only[1])
                if word in left[table]
            ], table
        assert connection.execute(text("SELECT account_id, phone FROM leadflow.accounts")).all() == [
            ("both", None)
        ]
        suppressed = set(connection.scalars(select(suppressions.c.subject)))
    assert suppressed == {
        address_key(address)
        for address in ("anna@leads.example", "a.berg@firma.example", "info@firma.example")
    }
    told = " ".join(left.values()).lower()
    assert not [word for word in ("anna", "berg@", "3023125001") if word in told]
    assert "carla@leads.example" in told, "who only names the shared mailbox is somebody else"
    assert "bruno@leads.example" in told
    assert erase_person(engine, "a.berg@firma.example", actor="ida").rows == {}


def test_what_others_tell_under_a_shared_mailbox_still_comes_in(
    engine: Engine, lead: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(insert(persons).values(person_id="p"))
        rows = [lead("a.berg@firma.example"), lead("info@firma.example")]
        connection.execute(
            insert(person_leads),
            [
                {"campaign": slug, "lead_id": name, "person_id": "p", "match_probability": 1, "evidence": []}
                for slug, name in rows
            ],
        )
    erase_person(engine, "a.berg@firma.example", actor="ida")
    path = tmp_path / "later.csv"
    later = ["info@firma.example,,Dora,2026-05-02", "a.berg@firma.example,,Anna,2026-05-02"]
    path.write_text("\n".join(["email,phone,name,received", *later]), encoding="utf-8")
    report = import_file(engine, "autumn", path)
    assert (report.new, report.erased) == (1, 1)


def test_what_was_written_to_them_and_what_came_back_goes_too(
    engine: Engine, lead: Callable[[str], tuple[str, str]]
) -> None:
    anna, bruno = "anna@leads.example", "bruno@leads.example"
    with engine.begin() as connection:
        for number, address in enumerate((anna, bruno), 1):
            slug, lead_id = lead(address)
            connection.execute(insert(messages).values(email_to(address, slug, lead_id)))
            connection.execute(
                insert(message_links).values(message_id=number, number=1, target="https://x", is_trap=False)
            )
            connection.execute(
                insert(tracking_hits).values(
                    hit_id=address,
                    message_id=number,
                    kind="open",
                    occurred_at=DAY,
                    visitor_key="",
                    agent="mail",
                )
            )
            connection.execute(
                insert(provider_events).values(
                    provider="ses", event_id=address, kind="delivered", message_id=number, occurred_at=DAY
                )
            )
            consent = {"recipient_key": address_key(address), "is_given": True, "source": "fair"}
            connection.execute(insert(consents).values(**consent, occurred_at=DAY, origin="import"))
        mail = {"mailbox": "box", "kind": "reply", "received_at": DAY, "verdict": {}, "subject": None}
        nobody = {"message_id": None, "sender_key": None, "body_text": None}
        connection.execute(
            insert(inbound_mails),
            [
                {**mail, **nobody, **of_mail}
                for of_mail in (
                    {"mail_key": "1", "message_id": 1, "body_text": "Anna"},
                    {"mail_key": "2", "sender_key": address_key(anna), "body_text": "Anna again"},
                    {"mail_key": "3", "body_text": f"write to {anna.upper()} instead"},
                    {"mail_key": "4", "message_id": 2, "body_text": "Bruno"},
                )
            ],
        )
        told = {
            "task": {"lines": [f"{anna.title()}, not xx{anna}", "Call"]},
            "webhook": {"body": {"email": anna}},
        }
        for number, address in enumerate((anna, bruno), 3):
            slug, lead_id = lead(address)
            to_one_of_us = {
                "recipient": "ida@sender.example.org",
                "recipient_key": "",
                "step": 2,
                "payload": told,
            }
            task = {
                **email_to(address, slug, lead_id),
                **to_one_of_us,
                "body_text": f"Ask {anna}.",
                "channel": "webhook",
            }
            connection.execute(insert(messages).values({**task, "rfc_message_id": f"<{number}@x>"}))
    report = erase_person(engine, anna, actor="ida")
    assert report.mailboxes_to_mend == ["box"]
    assert report.rows["inbound_mails"] == 3
    with engine.connect() as connection:
        for table in (message_links, tracking_hits, provider_events, consents, inbound_mails):
            assert len(connection.execute(select(table)).all()) == 1, table.name
        email, task = connection.execute(select(messages).order_by(messages.c.message_id)).all()
        assert (email.recipient, task.body_text) == (bruno, "Ask [erased].")
        assert task.payload == {
            "task": {"lines": [f"[erased], not xx{anna}", "Call"]}, "webhook": {"body": {"email": "[erased]"}},
        }  # fmt: skip
        assert erased_among(connection, [address_key(anna), address_key(bruno)]) == {address_key(anna)}


def email_to(address: str, campaign: str, lead_id: str) -> dict[str, object]:
    return {
        "channel": "email", "subject_key": address, "step": 1, "campaign": campaign, "campaign_version": 1,
        "lead_id": lead_id, "recipient": address, "recipient_key": address_key(address), "sequence": "s",
        "subject": "", "body_text": "", "body_html": "", "headers": {}, "rfc_message_id": f"<{lead_id}@x>",
        "planned_at": DAY, "not_after": DAY, "next_attempt_at": DAY, "state": "sent", "sent_at": DAY,
    }  # fmt: skip


ERASED_IN_ITS_OWN_WAY = (
    activity_log, account_leads, inbound_mails, lead_aliases, messages, person_leads,
)  # fmt: skip
"""Tables of leads that erasure treats otherwise than by deleting the rows of the lead."""


def test_erasure_knows_every_table_that_names_a_lead() -> None:
    of_leads = {table.name for table in metadata.sorted_tables if "lead_id" in table.c}
    assert of_leads <= {table.name for table in (*LEAD_TABLES, *ERASED_IN_ITS_OWN_WAY)}


def test_what_the_service_decided_answered_and_alarmed_about_goes_too(
    engine: Engine, lead: Callable[[str], tuple[str, str]]
) -> None:
    anna, bruno = "anna@leads.example", "bruno@leads.example"
    with engine.begin() as connection:
        connection.execute(
            insert(api_tokens).values(
                token_id="t", name="x", secret_key="s", scope="admin", requests_a_minute=9
            )
        )
        for address in (anna, bruno):
            slug, lead_id = lead(address)
            connection.execute(
                insert(routing_decisions).values(
                    campaign=slug, lead_id=lead_id, idempotency_key=address[0], request_key="r", answer={}
                )
            )
            connection.execute(
                insert(lead_event_states).values(
                    campaign=slug, lead_id=lead_id, kind="lead.scored", state="HOT"
                )
            )
            # An event for a program, which asked for the address.
            event = {
                **email_to(address, slug, lead_id),
                "recipient": "endpoint",
                "recipient_key": "",
                "state": "failed",
                "sent_at": None,
            }
            event |= {
                "channel": "webhook",
                "payload": {"data": {"email": address}},
                "order_key": f"e|{lead_id}",
            }
            connection.execute(insert(messages).values(event))
            answers = {
                "mail": {"found": [address.upper()]},
                "lead": {"lead_id": lead_id, "name": address[:4]},
            }
            for kind, answer in answers.items():
                connection.execute(
                    insert(api_requests).values(
                        token_id="t",
                        idempotency_key=kind + address[0],
                        request_key="r",
                        status=200,
                        answer=answer,
                    )
                )
        connection.execute(
            insert(alerts).values(
                condition="any", subject="", last_seen_at=DAY, remedy="", sentence=f"{anna} and {bruno}",
                detail={"named": [anna.title()]},
            )
        )  # fmt: skip

    erased = erase_person(engine, anna, actor="ida").rows
    assert [erased[name] for name in ("routing_decisions", "lead_event_states", "messages")] == [1, 1, 1]

    with engine.connect() as connection:
        answers = dict(
            connection.execute(select(api_requests.c.idempotency_key, api_requests.c.answer)).all()
        )
        told = [
            str(connection.execute(select(table)).all()) for table in (routing_decisions, messages, alerts)
        ]
    assert (answers["maila"], answers["leada"]) == ({}, {}), "the keys stay"
    assert all(answers[key] for key in ("mailb", "leadb")), "others' stay whole"
    assert "anna" not in " ".join(told).lower()
    assert bruno in told[1]
    assert bruno in told[2]
