"""How each provider is asked about a lead: what makes up the question, and how its answer is taken.

What belongs here: for each kind of provider the question (from enriched leads, pure) and the asker that carries it to
the vendor's client. What does not: who is asked about whom and when (`ordering`), what an answer says (`answers`).
A door: an asker goes out to the network when it is told to.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.enrich.answers import values_in
from leadflow_pipeline.enrich.rules import HttpRules, Party
from leadflow_pipeline.lead_fields import with_custom_fields
from leadflow_pipeline.settings import secret
from leadflow_pipeline.vendors import apollo, clearbit, dropcontact
from leadflow_pipeline.vendors.questions import Answer, Asker, Submitted
from leadflow_pipeline.vendors.reading import parsed
from leadflow_pipeline.vendors.session import VendorSession, utc_now

CONNECT_SECONDS = 5.0
N8N_STARTED = "Workflow was started"
"""What n8n's webhook says where its workflow answers at once, before it has found anything."""


@dataclass(frozen=True)
class Asked:
    """What is asked about each of some leads, indexed as they are; missing where they give too little.

    `question` is what the vendor is told, as JSON text; `subject` is what makes two questions the same.
    """

    question: pd.Series
    subject: pd.Series


# --- questions ---------------------------------------------------------------------------------------------------


def questions_of(party: Party, leads: pd.DataFrame) -> Asked:
    """What `party` would be asked about enriched leads."""
    match party.kind:
        case "clearbit":
            # Clearbit knows people, and refuses addresses of functions.
            email = leads["email"].mask(leads["email_is_role"].astype(bool))
            return _asked("combined", pd.DataFrame({"email": email}), ["email"])
        case "apollo":
            by_name = [("last_name", "domain"), ("last_name", "organization_name")]
            return _asked("match", _apollo_details(leads), ["email", "linkedin_url", *by_name])
        case "dropcontact":
            by_name = [("last_name", "website"), ("last_name", "company")]
            return _asked("enrich", _dropcontact_record(leads), ["email", "linkedin", *by_name])
        case "http":
            sent = with_custom_fields(leads, party.send).reindex(columns=list(party.send))
            documents = _documents(sent).where(sent[party.send[0]].notna())
            return Asked(documents, f"{party.method} {party.url} " + documents)
    raise ValueError(f"{party.kind} is not asked about leads")


def _apollo_details(leads: pd.DataFrame) -> pd.DataFrame:
    names = leads[["email", "first_name", "last_name", "linkedin_url"]]
    return names.assign(domain=_host(leads["website"]), organization_name=leads["company"])


def _dropcontact_record(leads: pd.DataFrame) -> pd.DataFrame:
    names = leads[["email", "first_name", "last_name", "company"]]
    return names.assign(website=_host(leads["website"]), linkedin=leads["linkedin_url"])


def _host(websites: pd.Series) -> pd.Series:
    return websites.str.replace(r"/.*$", "", regex=True)


def _asked(operation: str, told: pd.DataFrame, keys: Sequence[str | tuple[str, ...]]) -> Asked:
    """Everything in `told`, where a key is known. The first key that is known makes the subject: whatever else is
    told of the same person, the question is the same."""
    subject = pd.Series(None, index=told.index, dtype="str")
    for key in keys:
        columns = [key] if isinstance(key, str) else ["first_name", *key]
        known = told[columns].notna().all(axis="columns")
        texts = _documents(told[columns].apply(lambda column: column.str.lower()))
        subject = subject.fillna((f"{operation} " + texts).where(known))
    return Asked(_documents(told).where(subject.notna()), subject)


def _documents(told: pd.DataFrame) -> pd.Series:
    """Each row as a JSON object of what is known, by name, so that the same is always written the same."""
    names = sorted(told.columns)
    columns = [told[name].astype(object).where(told[name].notna(), None).tolist() for name in names]
    texts = [
        json.dumps(
            {name: value for name, value in zip(names, values, strict=True) if value is not None},
            ensure_ascii=False,
            default=str,
        )
        for values in zip(*columns, strict=True)
    ]
    return pd.Series(texts, index=told.index, dtype="str")


# --- askers ------------------------------------------------------------------------------------------------------


def vendor_of(party: Party) -> str:
    """Under which name answers of this party are kept: the vendor, or the host of an HTTP step."""
    return f"http:{party.host}" if isinstance(party, HttpRules) else party.kind


def asker_of(
    engine: Engine,
    party: Party,
    now: Callable[[], datetime] = utc_now,
    wait: Callable[[float], None] = time.sleep,
) -> Asker:
    """The asker of a party, with its key. Raises PermanentError where the environment lacks the key."""
    timeout = (CONNECT_SECONDS, party.timeout_seconds)
    key = secret(party.key_from) if party.key_from is not None else None
    if isinstance(party, HttpRules):
        headers = {} if key is None else {party.key_header: f"{party.key_prefix}{key}"}
        session = VendorSession(
            engine, vendor_of(party), party.url, headers=headers, timeout=timeout, now=now, wait=wait
        )
        return HttpAsker(party, session)
    vendor, make = _VENDORS[party.kind]
    session = VendorSession(
        engine,
        vendor.VENDOR,
        party.base_url or vendor.BASE_URL,
        headers=vendor.headers(key or ""),
        rate=vendor.RATE,
        timeout=timeout,
        now=now,
        wait=wait,
    )
    return make(session)


class ClearbitAsker:
    """One address at a time; asking again is free, and what is looked up is there some minutes later."""

    vendor = clearbit.VENDOR
    most_at_once = 1
    is_repeatable = True
    credits_at_most = 1.0

    def __init__(self, session: VendorSession) -> None:
        self._client = clearbit.Clearbit(session)

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | Submitted:
        """The person and company behind the address. Found or not, it is one request on the bill."""
        try:
            return [Answer(self._client.combined(questions[0]["email"]), credits=1.0)]
        except clearbit.Pending:
            # Clearbit has no id for it: it is asked the same again.
            return Submitted(secrets.token_hex(16), clearbit.POLL_AFTER)

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | None:  # noqa: ARG002
        """The same look-up again."""
        if not questions[0]:
            return [Answer(None)]
        answers = self.ask(questions)
        return None if isinstance(answers, Submitted) else answers


class ApolloAsker:
    """Ten people in one call, which must not be repeated: every match is charged anew."""

    vendor = apollo.VENDOR
    most_at_once = apollo.MOST_DETAILS
    is_repeatable = False
    credits_at_most = 1.0

    def __init__(self, session: VendorSession) -> None:
        self._client = apollo.Apollo(session)

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer]:
        """The matches; Apollo tells the cost of the whole call, which those found share."""
        matches = self._client.bulk_match(questions)
        found = sum(person is not None for person in matches.people)
        share = matches.credits / found if found else 0.0
        return [Answer(person, credits=share if person is not None else 0.0) for person in matches.people]

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> None:
        """Apollo answers at once: there is nothing to collect."""


class DropcontactAsker:
    """A batch that is submitted, and asked for until it is ready."""

    vendor = dropcontact.VENDOR
    most_at_once = dropcontact.MOST_RECORDS
    is_repeatable = False
    credits_at_most = 1.0

    def __init__(self, session: VendorSession) -> None:
        self._client = dropcontact.Dropcontact(session)

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Submitted:
        """Submits the batch."""
        return Submitted(self._client.submit(questions), dropcontact.POLL_AFTER)

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | None:
        """The records, if they are ready; an empty one found nothing."""
        records = self._client.result(request_id)
        if records is None:
            return None
        return [
            Answer(record or None, credits=dropcontact.credits_of(question, record))
            for question, record in zip(questions, records, strict=True)
        ]


class HttpAsker:
    """One lead in one call, as a JSON object (or, of a GET, as the query); a JSON object comes back."""

    most_at_once = 1

    def __init__(self, rules: HttpRules, session: VendorSession) -> None:
        self._rules = rules
        self._session = session
        self.vendor = vendor_of(rules)
        self.is_repeatable = rules.is_repeatable or rules.method == "GET"
        self.credits_at_most = rules.credits_per_call

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer]:
        """Sends the fields of one lead."""
        told = dict(questions[0])
        is_query = self._rules.method == "GET"
        response = self._session.call(
            self._rules.method,
            "",
            params=told if is_query else None,
            json=None if is_query else told,
            is_repeatable=self.is_repeatable,
        )
        return [self._read(parsed(response.content))]

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> None:
        """A step answers at once: there is nothing to collect."""

    def _read(self, content: Any) -> Answer:
        """An answer without a value for any field that is taken is one that found nothing."""
        if isinstance(content, list) and len(content) == 1:  # n8n: "respond with all incoming items"
            content = content[0]
        credits = self._rules.credits_per_call
        if not content:
            return Answer(None, credits)
        if not isinstance(content, Mapping):
            return Answer(
                None, credits, f"{self._rules.name} answered, but not with a JSON object: mend the step"
            )
        if content.get("message") == N8N_STARTED:
            return Answer(
                None, credits, f"{self._rules.name} answers before its workflow has come to its end: let it respond "
                "with a Respond to Webhook node"
            )  # fmt: skip
        return Answer(content if values_in(self._rules, content) else None, credits)


_VENDORS: dict[str, tuple[Any, type[ClearbitAsker | ApolloAsker | DropcontactAsker]]] = {
    "clearbit": (clearbit, ClearbitAsker),
    "apollo": (apollo, ApolloAsker),
    "dropcontact": (dropcontact, DropcontactAsker),
}
