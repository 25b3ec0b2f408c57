"""How a message leaves, by its channel: as an email, a post in Slack, a contact and task in HubSpot, a request, a file.

What belongs here: the way of each channel, and what its failures mean for the message. What does not: the wire of
emails (`transports`), the shapes of vendors (`vendors`), and what is said (`notice_words`).

Every way calls `commit()` just before what cannot be taken back, and stops where the answer is no. A channel that
nobody has configured writes its messages into the outbox folder, so that they can be seen and nothing is lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Engine, RowMapping

from leadflow_pipeline.delivery.lead_events.event_way import EventWay
from leadflow_pipeline.delivery.mail import wire_address
from leadflow_pipeline.delivery.return_address import return_address
from leadflow_pipeline.delivery.tracking import tracking_key
from leadflow_pipeline.delivery.transports import (
    CommitAll,
    Delivery,
    FaultPoint,
    Letter,
    Settle,
    Smtp,
    Transport,
    nothing,
    transport_of,
    write_whole,
)
from leadflow_pipeline.delivery.webhook_way import WebhookWay
from leadflow_pipeline.delivery.wire_format import mail_bytes
from leadflow_pipeline.errors import Deferred, FateUnknown, LeadflowError, PermanentError
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.outbox_files import file_name
from leadflow_pipeline.telemetry.correlation import HEADER
from leadflow_pipeline.vendors import hubspot, slack
from leadflow_pipeline.vendors.hubspot import HubSpot, PutContact
from leadflow_pipeline.vendors.limits import Rate
from leadflow_pipeline.vendors.session import Refused, VendorSession, utc_now
from leadflow_pipeline.vendors.slack import Slack, TokenRefused

Commit = Callable[[], bool]
Clock = Callable[[], datetime]

OF_THE_TOKEN: Final = (401, 403)


class Way(Protocol):
    """A way out for the messages of one channel."""

    @property
    def name(self) -> str:
        """As attempts record it."""

    def send(self, message: RowMapping, now: datetime, commit: Commit) -> Delivery:
        """Tries once. Never raises for what a server or a network does."""

    def was_sent(self, message: RowMapping) -> bool:
        """Whether a message of unknown fate is found where it was to go; False where nobody can tell."""

    def close(self) -> None:
        """Ends what is open."""


def ways_of(
    engine: Engine,
    settings: Settings,
    *,
    transport: Transport | None = None,
    clock: Clock = utc_now,
    wait: Callable[[float], None] = time.sleep,
    at_point: FaultPoint = nothing,
) -> dict[str, Way]:
    """The way of every channel, as the settings say. `transport` is another one for emails."""
    files = JsonFolder(settings.outbox_folder, at_point)
    ways: dict[str, Way] = {
        "email": EmailWay(
            transport or transport_of(settings), settings.idempotency_header, settings.bounce_address
        ),
        "slack": files,
        "hubspot": files,
        "webhook": WebhookWay(
            files,
            clock,
            at_point,
            EventWay(engine, clock, at_point, to_private=settings.webhooks_to_private_hosts),
        ),
    }
    if settings.slack_token is not None:
        key = settings.slack_token.get_secret_value()
        ways["slack"] = SlackWay(engine, settings.slack_url, key, clock, wait, at_point)
    if settings.hubspot_token is not None:
        key = settings.hubspot_token.get_secret_value()
        ways["hubspot"] = HubSpotWay(engine, settings.hubspot_url, key, clock, wait, at_point)
    return ways


def rates_of(settings: Settings) -> dict[str, Rate]:
    """How fast the messages of a channel may leave, from all dispatchers together; vendors' sessions know theirs."""
    a_second = settings.smtp_rate
    if settings.transport != "smtp" or a_second is None:
        return {}
    bucket = f"smtp {settings.smtp_host}:{settings.smtp_port}"
    whole = max(1, int(a_second))
    return {"email": Rate(whole, whole / a_second, bucket)}


class EmailWay:
    """Emails, by whatever transport."""

    def __init__(
        self, transport: Transport, idempotency_header: str | None = None, bounce_address: str | None = None
    ) -> None:
        self._transport = transport
        self._idempotency_header = idempotency_header
        self._bounce_address = bounce_address

    @property
    def name(self) -> str:
        """The transport's."""
        return self._transport.name

    def send(self, message: RowMapping, now: datetime, commit: Commit) -> Delivery:
        """One email."""
        return self._transport.send(self._letter(message, now), commit)

    @property
    def at_once(self) -> int:
        """How many emails may leave together."""
        return self._transport.at_once if isinstance(self._transport, Smtp) else 1

    def send_together(
        self, messages: Sequence[RowMapping], now: datetime, commit: CommitAll, settle: Settle
    ) -> None:
        """At most `at_once` emails, each once, as `Smtp.send_together` says."""
        if not isinstance(self._transport, Smtp):
            raise TypeError("only a mail server takes several emails together")
        self._transport.send_together([self._letter(each, now) for each in messages], commit, settle)

    def _letter(self, message: RowMapping, now: datetime) -> Letter:
        return letter_of(message, now, self._idempotency_header, self._bounce_address)

    def was_sent(self, _message: RowMapping) -> bool:
        """Only the mail server's log could tell."""
        return False

    def close(self) -> None:
        """Ends the transport's connection."""
        self._transport.close()


class JsonFolder:
    """Each message a file of JSON, for channels that are not configured. The same message is the same file."""

    name = "json"

    def __init__(self, folder: Path, at_point: FaultPoint = nothing) -> None:
        self._folder = folder
        self._at_point = at_point

    def send(self, message: RowMapping, _now: datetime, commit: Commit) -> Delivery:
        """Writes the file whole or not at all."""
        content = {
            name: message[name] for name in ("channel", "recipient", "subject", "body_text", "payload")
        }
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        name = file_name(message["rfc_message_id"], ".json")
        return write_whole(self._folder, name, text.encode(), commit, self._at_point)

    def was_sent(self, message: RowMapping) -> bool:
        """Whether the file is there."""
        return (self._folder / file_name(message["rfc_message_id"], ".json")).exists()

    def close(self) -> None:
        """Nothing is open."""


class _OverHttp:
    """What the ways over HTTP share: the wire begins with the first request that cannot be taken back."""

    vendor: str

    def __init__(
        self,
        engine: Engine,
        url: str,
        headers: Mapping[str, str],
        rate: Any,
        clock: Clock,
        wait: Callable[[float], None],
        at_point: FaultPoint,
    ) -> None:
        self._commit: Commit | None = None
        self._at_point = at_point
        self._session = VendorSession(
            engine, self.vendor, url, headers=headers, rate=rate, now=clock, wait=wait, before_each=self._goes
        )

    @property
    def name(self) -> str:
        """The vendor's."""
        return self.vendor

    def close(self) -> None:
        """Nothing is kept open that must not be gone on with."""

    def _goes(self) -> None:
        """Called before every request. A post that is tried again, because nothing was done, is committed once."""
        commit, self._commit = self._commit, None
        if commit is None:
            return
        self._at_point("before_wire")
        if not commit():
            raise _Abandoned("somebody else has the message")
        self._at_point("on_wire")

    def _outcome(self, work: Callable[[], None]) -> Delivery:
        """What came of the work, as a state of the message."""
        try:
            work()
        except _Abandoned:
            return Delivery("abandoned", "data")
        except Deferred as error:
            return Delivery("unreachable", "connect", reply_text=str(error), retry_at=error.until)
        except FateUnknown as error:
            return Delivery("unknown", "dot", reply_text=str(error))
        except Refused as error:
            if error.status in OF_THE_TOKEN:
                return Delivery("unreachable", "connect", error.status, str(error))
            return Delivery("refused", "dot", error.status, str(error))
        except PermanentError as error:
            return Delivery("unreachable", "connect", reply_text=str(error))
        finally:
            self._commit = None
        self._at_point("accepted")
        return Delivery("accepted", "done", 200)


class _Abandoned(LeadflowError):
    """The message is not ours any more."""


class SlackWay(_OverHttp):
    """Posts in Slack. There is no way to ask Slack whether a post arrived, short of reading its channels."""

    vendor = slack.VENDOR

    def __init__(
        self,
        engine: Engine,
        url: str,
        key: str,
        clock: Clock = utc_now,
        wait: Callable[[float], None] = time.sleep,
        at_point: FaultPoint = nothing,
    ) -> None:
        super().__init__(engine, url, slack.headers(key), slack.RATE, clock, wait, at_point)
        self._slack = Slack(self._session, clock)

    def send(self, message: RowMapping, _now: datetime, commit: Commit) -> Delivery:
        """One post."""
        self._commit = commit
        return self._outcome(lambda: self._post(message["payload"]["slack"]))

    def was_sent(self, _message: RowMapping) -> bool:
        """Nobody can tell."""
        return False

    def _post(self, post: Mapping[str, Any]) -> None:
        try:
            self._slack.post(post)
        except TokenRefused as error:
            raise Refused(str(error), OF_THE_TOKEN[0]) from None


class HubSpotWay(_OverHttp):
    """A contact with its owner, and a task.

    Putting the contact in may be repeated, and happens before the wire. Creating the task may not: it is the wire. A
    task is looked for by our reference before it is created on a second try, and where its fate is unknown.
    """

    vendor = hubspot.VENDOR

    def __init__(
        self,
        engine: Engine,
        url: str,
        key: str,
        clock: Clock = utc_now,
        wait: Callable[[float], None] = time.sleep,
        at_point: FaultPoint = nothing,
    ) -> None:
        super().__init__(engine, url, hubspot.headers(key), hubspot.RATE, clock, wait, at_point)
        self._hubspot = HubSpot(self._session)

    def send(self, message: RowMapping, _now: datetime, commit: Commit) -> Delivery:
        """One contact and one task."""
        content = message["payload"]["hubspot"]
        is_first_try = message["attempts"] == 0

        def work() -> None:
            contact_id = self._put_contact(content["contact"])
            is_there = not is_first_try and self._hubspot.find_task(content["reference"]) is not None
            self._commit = commit
            if is_there:
                self._goes()
            else:
                self._hubspot.create_task(content["task"], contact_id)

        return self._outcome(work)

    def was_sent(self, message: RowMapping) -> bool:
        """Whether HubSpot's search knows the task."""
        try:
            return self._hubspot.find_task(message["payload"]["hubspot"]["reference"]) is not None
        except LeadflowError:
            return False

    def _put_contact(self, contact: Mapping[str, str]) -> str | None:
        """The contact's id. What a person wrote into HubSpot stays: only a new contact gets more than its owner."""
        email = contact.get("email", "").strip().lower()
        if not email:
            return None
        owner = {name: contact[name] for name in ("email", "hubspot_owner_id") if name in contact}
        put: PutContact = self._hubspot.put_contacts([owner])[email]
        if put.is_new and len(contact) > len(owner):
            put = self._hubspot.put_contacts([contact])[email]
        if put.contact_id is None:
            raise Refused(put.problem or "HubSpot did not take the contact", 207)
        return put.contact_id


def letter_of(
    message: RowMapping,
    now: datetime,
    idempotency_header: str | None = None,
    bounce_address: str | None = None,
) -> Letter:
    """A message of the outbox as bytes for the wire of emails.

    `idempotency_header`: by this name a relay that deduplicates is told the key of the message: enrolment and step,
    not what it says, as a hash. `bounce_address`: bounces of it go to an address made of this one that names it.
    """
    headers = dict(message["headers"])
    if idempotency_header is not None:
        headers[idempotency_header] = idempotency_key(message)
    if message["correlation_id"] is not None:
        headers[HEADER] = message["correlation_id"]
    sender = headers["From"].rpartition("<")[2].rstrip(">")
    recipient = wire_address(message["recipient"])
    utf8 = not (sender.isascii() and recipient.isascii())
    content = mail_bytes(
        headers,
        message["rfc_message_id"],
        message["subject"],
        message["body_text"],
        message["body_html"],
        now.replace(microsecond=0),
        utf8=utf8,
    )
    if bounce_address is not None and sender.isascii():
        key = tracking_key(message["channel"], message["subject_key"], message["step"])
        sender = return_address(wire_address(bounce_address), key)
    return Letter(message["rfc_message_id"], sender, recipient, content)


def idempotency_key(message: RowMapping) -> str:
    """What makes a message one of a kind, as the outbox knows it: channel, enrolment and step."""
    return tracking_key(message["channel"], message["subject_key"], message["step"])
