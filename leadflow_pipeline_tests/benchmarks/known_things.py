"""What there is to ask the service about, by the names that its OpenAPI document gives it.

What belongs here: finding one of each thing in a database that `leadflow demo` has filled, making through the API what
the demo has none of, and putting it into requests of schemathesis. What does not: asking.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from itertools import count
from random import Random
from typing import Any

import httpx
import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext
from sqlalchemy import Engine, func, select

from leadflow_pipeline.campaign import load, register, source_text
from leadflow_pipeline.delivery.unsubscribe import unsubscribe_url
from leadflow_pipeline.service.strict_json import LARGEST
from leadflow_pipeline.signatures import key_of, sign
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import campaigns, messages, routed_leads
from leadflow_pipeline_tests.benchmarks.broken_things import STOCK, broken_things
from leadflow_pipeline_tests.benchmarks.signing_providers import SigningProviders
from leadflow_pipeline_tests.benchmarks.webhooks import CAMPAIGN as WEBHOOK_CAMPAIGN_FILE
from leadflow_pipeline_tests.benchmarks.webhooks import SECRET
from leadflow_pipeline_tests.invented_models import crown, invented_model

SPARE = "spare"
"""A campaign like the other, to be paused, archived and changed in its place."""

OF_THE_SPARE = r"^/api/v1/campaigns/\{campaign\}(/(pause|resume|archive|schedule))?$"
"""Addresses that would leave the campaign of all others closed."""

OF_WEBHOOKS = {"campaign": "fair", "source": "form"}
SIGNED = ("/webhooks/lead/", "/webhooks/provider/generic")
"""Addresses for whoever can sign."""

NAMES_OF_NOTHING = 1 / 3
"""How many requests go on naming what was made up."""

HALF = 1 / 2
"""How many of SES's notifications say something that it documents."""

BOUNCE: Mapping[str, Any] = {
    "notificationType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": "nobody@leads.example", "status": "5.1.1"}],
        "timestamp": "2026-05-05T09:31:00.000Z",
    },
    "mail": {"messageId": "0101", "headers": []},
}

NEWS = 1 / 3
"""How many of the others, where something is to be made, make it."""

EXPERIMENT: Mapping[str, Any] = {
    "key": "gentler",
    "hypothesis": "Fewer leads for the same owner are answered sooner.",
    "kind": "routing",
    "variants": [{"key": "as_is"}, {"key": "by_load", "match": {"capacity": 1.0}}],
    "primary": {"behaviour": "reply"},
}


@dataclass(frozen=True)
class Known:
    """One of each."""

    campaigns: frozenset[str]
    """All that must stay as they are."""
    in_paths: Mapping[str, str | int]
    """Parameter -> what there is."""
    in_bodies: Mapping[str, Any]
    """Member of a body -> what there is."""
    of_one: Mapping[str, Mapping[str, Sequence[Any]]]
    """End of an address -> parameter of it or member of its body -> several that there are, of which one is named."""


def known_things(engine: Engine, url: str, token: str) -> Known:
    """Makes what is not there yet, and names one of each. Raises SystemExit where the API refuses."""
    with engine.connect() as connection:
        newest = select(routed_leads.c.campaign, routed_leads.c.lead_id, routed_leads.c.day)
        campaign, lead_id, day = connection.execute(newest.order_by(routed_leads.c.day.desc()).limit(1)).one()
        lead_ids = list(
            connection.scalars(
                select(routed_leads.c.lead_id).where(routed_leads.c.campaign == campaign).limit(20)
            )
        )
        message_id = connection.scalar(select(func.max(messages.c.message_id))) or 1
        names = set(connection.scalars(select(campaigns.c.campaign)))
        is_new = SPARE not in names
    present = datetime.now(UTC)
    (website,) = (each for each in load(engine, campaign, 1).rules.sources if each.name == "website")
    columns = dict.fromkeys(website.mapping.values(), "")
    text = source_text(engine, campaign, 1).replace(f"campaign: {campaign}", f"campaign: {SPARE}", 1)
    if is_new:
        register(engine, text, "spare.yaml")
        register(engine, WEBHOOK_CAMPAIGN_FILE, "fair.yaml")
        crown(engine, campaign, (present - timedelta(days=400)).date(), invented_model())
    with httpx.Client(
        base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as client:

        def told(method: str, path: str, body: Any = None) -> Any:
            answer = client.request(method, path, json=body)
            if answer.is_error:
                raise SystemExit(f"{method} {path}: {answer.text}")
            return answer.json()

        told("POST", f"/campaigns/{campaign}/resume")
        rep, away = (each["rep"] for each in told("GET", "/reps?limit=2")["items"])
        if is_new:
            told("POST", f"/campaigns/{campaign}/experiments", EXPERIMENT)
            told("POST", "/webhook-endpoints", {"url": "https://hooks.example.org/leads"})
        endpoint = told("GET", "/webhook-endpoints")["items"][0]["endpoint_id"]
        absences = [
            told("POST", f"/reps/{away}/absences", {"first_day": day_off, "last_day": day_off})["absence_id"]
            for day_off in (str((present + timedelta(days=ahead)).date()) for ahead in range(30, 30 + STOCK))
        ]
        model = told("GET", f"/campaigns/{campaign}/models")["items"][0]["model_version"]
    return Known(
        campaigns=frozenset(names - {SPARE}),
        in_paths={
            "campaign": campaign,
            "lead_id": lead_id,
            "experiment": EXPERIMENT["key"],
            "model_version": model,
            "version": 1,
            "rep": rep,
            "absence_id": absences[0],
            "endpoint_id": endpoint,
            "message_id": message_id,
            "token": unsubscribe_url("", campaign, address_key("ida@leads.example")).rpartition("/")[2],
        },
        in_bodies={
            "campaign": campaign,
            "lead_id": lead_id,
            "lead_ids": lead_ids,
            "message_ids": [message_id],
            "rep": rep,
            "first_day": str(day),
            "last_day": str(day),
            "accept_days_due": True,
            "url": "https://hooks.example.org/leads",
            "source_text": text,
            "lead": columns | {"email": "ida@acme-tools.leads.example", "received_on": str(present.date())},
            "source": "website",
        },
        of_one={
            **broken_things(engine, campaign, lead_id, day, endpoint),
            # Of somebody else: who is told to be back is not away any more.
            "/absences/{absence_id}": {"rep": [away], "absence_id": absences},
        },
    )


def name_known_things(known: Known, providers: SigningProviders, random: Random) -> None:
    """Puts what there is in the place of what was made up, where that was as documented."""
    numbers = count(time.time_ns())

    @schemathesis.hook("before_call")
    def put_in(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        if case.meta is None:
            return
        is_valid = {where: part.mode.is_positive for where, part in case.meta.components.items()}
        is_named = random.random() >= NAMES_OF_NOTHING
        several = next((found for end, found in known.of_one.items() if case.path.endswith(end)), {})
        chosen = {name: random.choice(found) for name, found in several.items()}
        if is_named and is_valid.get(ParameterLocation.PATH):
            case.path_parameters = {
                name: {**known.in_paths, **chosen}.get(name, made_up)
                for name, made_up in case.path_parameters.items()
            }
        is_signable = all(is_right for where, is_right in is_valid.items() if where != ParameterLocation.BODY)
        if is_named and is_signable and case.path.startswith(SIGNED):
            case.path_parameters = {name: OF_WEBHOOKS[name] for name in case.path_parameters}
            kwargs["auth"] = sign_request
        if is_named and is_signable and case.path == "/webhooks/provider/sendgrid":
            kwargs["auth"] = providers.sign
        if is_named and all(is_valid.values()) and case.path == "/webhooks/provider/ses":
            message = {**case.body, **BOUNCE} if random.random() < HALF else case.body
            case.body = providers.envelope(message)
            return
        if case.path_parameters.get("campaign") in known.campaigns and re.match(OF_THE_SPARE, case.path):
            case.path_parameters["campaign"] = (
                SPARE  # schemathesis found the name in an answer, or it is ours
            )
        if is_valid.get(ParameterLocation.BODY) and isinstance(case.body, dict):
            case.body = as_it_is_said(case.body)
            if is_named:
                case.body |= {
                    name: [chosen[name]] if name in chosen else known.in_bodies[name]
                    for name, made_up in case.body.items()
                    if made_up is not None and name in known.in_bodies
                }
                if random.random() < NEWS:
                    case.body = _new(case, f"made-{next(numbers)}")
        elif is_named and all(is_valid.values()) and case.path.endswith("/uploads"):
            case.query |= {"file_name": "rows.jsonl", "source": "website"}
            case.body = json.dumps(known.in_bodies["lead"]).encode()
            case.query.pop("contents", None)


def sign_request(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """As Standard Webhooks has it; each a delivery of its own."""
    body = request.body or b""
    sent = body.encode() if isinstance(body, str) else body
    own, at = f"msg_{time.time_ns()}", int(time.time())
    signature = sign(key_of(SECRET), own, at, sent)
    request.headers.update({"webhook-id": own, "webhook-timestamp": str(at), "webhook-signature": signature})
    return request


def _new(case: Case[Any], name: str) -> Any:
    """A body of what is new, where random texts never come to one: a campaign, an experiment."""
    if case.operation.label == "POST /api/v1/campaigns":
        text = case.body.get("source_text") or ""
        return {**case.body, "source_text": text.replace(f"campaign: {SPARE}", f"campaign: {name}", 1)}
    if case.operation.label == "POST /api/v1/campaigns/{campaign}/experiments":
        return {**EXPERIMENT, "key": name}
    if case.operation.label == "POST /api/v1/campaigns/{campaign}/leads/{lead_id}/overrides":
        return {"field": "tier", "value": "HOT", "reason": name}
    return case.body


def as_it_is_said(made_up: Any) -> Any:
    """What the document says in words alone: a working day has a length, a whole number 64 bits, wherever it stands."""
    if isinstance(made_up, list):
        return [as_it_is_said(each) for each in made_up]
    if isinstance(made_up, int) and not isinstance(made_up, bool):
        return max(-LARGEST, min(made_up, LARGEST))
    if not isinstance(made_up, dict):
        return made_up
    said = {name: as_it_is_said(each) for name, each in made_up.items()}
    hours = said.get("working_hours")
    if isinstance(hours, dict) and _time(hours, "start", "09:00") == _time(hours, "end", "17:00"):
        said["working_hours"] = {**hours, "start": "09:00", "end": "17:00"}
    return said


def _time(hours: Mapping[str, Any], part: str, default: str) -> clock:
    return clock.fromisoformat(hours.get(part, default))
