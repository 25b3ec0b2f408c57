"""Settings from the environment, read once. The only place that reads `LEADFLOW_*` variables."""

from __future__ import annotations

import os
from datetime import date
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from leadflow_pipeline.errors import PermanentError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Where state lives, which database, and how email leaves.

    Every field is `LEADFLOW_<NAME>` in the environment.
    """

    model_config = SettingsConfigDict(env_prefix="LEADFLOW_", env_ignore_empty=True, frozen=True)

    home: Path = Field(
        PROJECT_ROOT / ".leadflow", description="all local state; removing it is a clean start"
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql://...; embedded PostgreSQL where it is not set"
    )
    database_patience: float = Field(
        10,
        ge=1,
        le=300,
        description="seconds in which the service gives up on a database that says nothing at all",
    )
    first_day: date = Field(date(2008, 5, 1), description="first day a partition may have")
    pepper: SecretStr | None = Field(
        None, description="secret that keys hashed addresses; kept in the home folder where it is not set"
    )
    transport: str = Field(
        "eml", pattern="^(eml|smtp)$", description="eml: files in the home folder; smtp: a mail server"
    )
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(25, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: str = Field("starttls", pattern="^(none|starttls|tls)$")
    smtp_rate: float | None = Field(
        None, gt=0, description="emails a second that the mail server takes, from all dispatchers together"
    )
    smtp_connections: int = Field(
        4,
        ge=1,
        le=32,
        description="connections of each dispatcher to the mail server; as many emails are on the wire together",
    )
    idempotency_header: str = Field(
        "X-Idempotency-Key",
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        description="header that tells a relay which email it is, for one that takes the same only once",
    )
    dispatchers: int = Field(
        1, ge=1, le=64, description="processes that send at a time, in a run of dispatch"
    )
    bounce_address: str | None = Field(
        None,
        pattern=r"^[^@\s<>]+@[^@\s<>*]+$",
        description="where bounces of emails go: a `*` in it, else what is put behind a plus sign, names the email; "
        "the sender's address where it is not set",
    )
    public_url: str = Field(
        "http://127.0.0.1:8787", description="where pixel, links and unsubscribe links of emails point to"
    )

    cors_origins: str | None = Field(
        None,
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]+( +https?://[A-Za-z0-9.:\[\]-]+)*$",
        description="web pages that may ask the API from browsers, such as https://desk.example.org; several, spaced; "
        "none where it is not set",
    )

    soft_bounces_in_a_row: int = Field(
        5, ge=1, description="an address that refuses so many emails one after the other is suppressed"
    )
    person_emails_a_day: int = Field(
        2, ge=1, description="emails to one person on a day of its own calendar, over all campaigns"
    )
    person_emails_a_week: int = Field(5, ge=1, description="the same from Monday to Sunday")

    slack_token: SecretStr | None = Field(
        None, description="bot token with chat:write; without it messages to Slack become files"
    )
    slack_url: str = Field("https://slack.com/api", description="base of Slack's web API")
    hubspot_token: SecretStr | None = Field(
        None, description="token of a private app that may write contacts; without it they become files"
    )
    hubspot_url: str = Field("https://api.hubapi.com", description="base of HubSpot's API")

    mailbox: str | None = Field(
        None,
        description="where answers and bounces arrive: imaps://USER@HOST/FOLDER or maildir:/PATH",
    )
    mailbox_password: SecretStr | None = Field(
        None, description="the user's password, or their access token with xoauth2"
    )
    mailbox_login: str = Field("password", pattern="^(password|xoauth2)$")
    mailbox_days: int = Field(
        30, ge=1, description="how old a mail may be that is there when a mailbox is read for the first time"
    )
    mailbox_afterwards: str = Field(
        "keep",
        pattern="^(keep|seen|delete)$",
        description="what becomes of a mail in the mailbox once it is stored",
    )
    ses_topics: str | None = Field(
        None, description="ARNs of the SNS topics that may tell us of SES's emails, spaced"
    )
    sendgrid_public_key: str | None = Field(
        None, description="verification key of SendGrid's signed event webhook, in base64"
    )
    provider_webhook_secret: SecretStr | None = Field(
        None, description="whsec_... of any other provider's webhooks; several, spaced, while one takes over"
    )

    webhooks_to_private_hosts: bool = Field(
        False, description="tell webhook endpoints on this machine and in private networks too"
    )
    metrics_open: bool = Field(
        False, description="whether /metrics needs no token when it is asked from this machine"
    )
    alerts_to: str | None = Field(
        None,
        pattern=r"^(#[^\s#]{1,79}|[^@\s<>]+@[^@\s<>]+)$",
        description="who is told what needs looking after: an email address, or a channel of Slack as #channel; "
        "the operators of a campaign where it is not set",
    )
    keep_run_days: int = Field(
        30, ge=1, description="runs of dispatch, hand-over and other jobs that compute no partition"
    )
    keep_tracking_days: int = Field(400, ge=30, description="single opens and clicks; what they meant stays")
    keep_mail_days: int = Field(400, ge=30, description="the words of answers; that there was one stays")
    keep_request_days: int = Field(8, ge=7, description="answers that the service repeats for the same key")
    keep_activity_days: int | None = Field(
        None, ge=90, description="who did what; for ever where it is not set"
    )
    keep_record_days: int | None = Field(
        None,
        ge=90,
        description="raw records of leads; for ever where it is not set. Days before are closed: they cannot be "
        "computed again",
    )

    service_host: str = Field("127.0.0.1", description="address the HTTP service listens at")
    service_port: int = Field(8787, ge=1, le=65535)
    dagster_url: str = Field(
        "http://127.0.0.1:3000",
        pattern=r"^https?://[^\s/]+(/\S*)?$",
        description="the Dagster webserver, by which the service launches runs and to which it links",
    )

    log_format: str = Field("text", pattern="^(text|json)$", description="how lines of the log look")
    log_level: str = Field("warning", pattern="^(debug|info|warning|error)$")
    traces: str | None = Field(
        None,
        pattern="^https?://",
        description="where OpenTelemetry spans go (OTLP over HTTP, http://HOST:4318/v1/traces); nowhere where not set",
    )

    @property
    def service_url(self) -> str:
        """Where the HTTP service is found on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.service_host, self.service_host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.service_port}"

    @property
    def outbox_folder(self) -> Path:
        """Where the eml transport puts messages."""
        return self.home / "outbox"

    @property
    def landing_folder(self) -> Path:
        """One folder a campaign: files put there are imported by a sensor."""
        return self.home / "landing"

    @property
    def journal_folder(self) -> Path:
        """What the service was told and the database does not have yet."""
        return self.home / "journal"

    @property
    def dagster_home(self) -> Path:
        """What `DAGSTER_HOME` is set to for every process we start."""
        return self.home / "dagster"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings()


def secret(name: str) -> str:
    """The value of a secret that a campaign file names: `key_from: LEADFLOW_APOLLO_KEY`.

    Raises PermanentError, which never holds the value, where the variable is missing or cannot be sent, and where a
    campaign file names what is none of its own: whoever writes one could otherwise send the database's password, or
    any variable of this machine, to an address of their choice.
    """
    own = {f"LEADFLOW_{field.upper()}" for field in Settings.model_fields}
    if not name.startswith("LEADFLOW_") or name in own:
        raise PermanentError(
            f"{name} is no variable for a vendor's secret: name one that begins with LEADFLOW_ and is no setting"
        )
    value = os.environ.get(name, "").strip()
    if not value:
        raise PermanentError(f"the variable {name} is not set: put the vendor's secret into the environment")
    if not (value.isascii() and value.isprintable()):
        raise PermanentError(f"the variable {name} holds characters that no key has: copy the secret again")
    return value
