"""`leadflow serve` and `leadflow webhook`: the HTTP service, and trying a webhook by hand.

What belongs here: arguments and output. What does not: the service itself.
"""

from __future__ import annotations

import base64
import secrets
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from leadflow_pipeline.cli.output import console, error_console, fail
from leadflow_pipeline.errors import PermanentError

webhooks = typer.Typer(
    help="Signed webhooks that bring leads: a secret, and trying it by hand.", no_args_is_help=True
)

Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")]
Body = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", exists=True, dir_okay=False, help="JSON: one lead (an object) or a list of them."
    ),
]
Source = Annotated[str | None, typer.Option(help="Webhook source, where the campaign has several.")]
Id = Annotated[str | None, typer.Option("--id", help="Id of the delivery; a new one if left out.")]
Url = Annotated[str | None, typer.Option(help="Where the service is; else this machine's.")]

KEY_BYTES = 32
SECONDS_TO_ANSWER = 60


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    app.command()(serve)
    webhooks.command()(secret)
    webhooks.command()(sign)
    webhooks.command()(send)
    app.add_typer(webhooks, name="webhook")


def serve(
    host: Annotated[str | None, typer.Option(help="Else LEADFLOW_SERVICE_HOST, 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Else LEADFLOW_SERVICE_PORT, 8787.")
    ] = None,
) -> None:
    """Run the HTTP service alone, until Ctrl-C. `leadflow up` runs it too."""
    from leadflow_pipeline.service.app import serve as run
    from leadflow_pipeline.settings import get_settings
    from leadflow_pipeline.store import migrate
    from leadflow_pipeline.store.engine import get_engine

    migrate.upgrade(get_engine())
    chosen = {"service_host": host, "service_port": port}
    settings = get_settings().model_copy(update={name: value for name, value in chosen.items() if value})
    error_console.print(
        f"webhooks at {settings.service_url}/webhooks/lead/CAMPAIGN; Ctrl-C stops it", highlight=False
    )
    run(settings.service_host, settings.service_port)


def secret() -> None:
    """Print a new secret: put it into the environment under the name in `secrets_from`, and tell the sender."""
    typer.echo(f"whsec_{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}")


def sign(campaign: Slug, file: Body, source: Source = None, webhook_id: Id = None, url: Url = None) -> None:
    """Print the curl command that sends a file as a signed webhook; it is good for 5 minutes."""
    address, headers = _signed(campaign, file.read_bytes(), source, webhook_id, url)
    words = ["curl", "-i", "-X", "POST", address, "-H", "content-type: application/json"]
    for name, value in headers.items():
        words += ["-H", f"{name}: {value}"]
    typer.echo(shlex.join([*words, "--data-binary", f"@{file}"]))


def send(campaign: Slug, file: Body, source: Source = None, webhook_id: Id = None, url: Url = None) -> None:
    """Send a file as a signed webhook, and print the answer."""
    import requests

    body = file.read_bytes()
    address, headers = _signed(campaign, body, source, webhook_id, url)
    try:
        answer = requests.post(address, data=body, headers=headers, timeout=SECONDS_TO_ANSWER)
    except requests.ConnectionError:
        fail(f"nothing answers at {address}: start it with leadflow up or leadflow serve")
    except requests.RequestException as error:
        fail(
            f"no answer from {address} ({type(error).__name__}): send it again with --id {headers['webhook-id']}"
        )
    console.print(f"{answer.status_code} {answer.text}", highlight=False, soft_wrap=True)
    if not answer.ok:
        raise typer.Exit(1)


def _signed(
    campaign: str, body: bytes, source: str | None, webhook_id: str | None, url: str | None
) -> tuple[str, dict[str, str]]:
    """The address of a campaign's webhook, and the headers that go with a body."""
    from leadflow_pipeline import signatures
    from leadflow_pipeline.campaign import load
    from leadflow_pipeline.harvest.sources.webhook import WebhookSource
    from leadflow_pipeline.settings import get_settings
    from leadflow_pipeline.settings import secret as secret_named
    from leadflow_pipeline.store.engine import get_engine

    found = [
        each
        for each in load(get_engine(), campaign).rules.sources
        if isinstance(each, WebhookSource) and source in (None, each.name)
    ]
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise PermanentError(
            f"campaign {campaign} has not one webhook source to send to but {names}: name one with --source"
        )
    key = signatures.key_of(secret_named(found[0].secrets_from[0]))
    sent_id, timestamp = webhook_id or f"msg_{secrets.token_hex(12)}", int(datetime.now(UTC).timestamp())
    base = url or get_settings().service_url
    return f"{base.rstrip('/')}/webhooks/lead/{campaign}/{found[0].name}", {
        "webhook-id": sent_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures.sign(key, sent_id, timestamp, body),
    }
