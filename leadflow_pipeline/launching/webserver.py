"""The Dagster webserver, asked by GraphQL. A door: the only module that speaks to it.

What belongs here: asking, and telling a webserver that does not answer from one that says no. What does not: what is
asked (`launcher`, `reading`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import requests
from requests import exceptions as failures

from leadflow_pipeline.errors import FateUnknown, PermanentError, TransientError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.vendors.http_facts import is_unconnected

LOCATION: Final = {"repositoryName": "__repository__", "repositoryLocationName": "leadflow_pipeline"}
"""As `workspace.yaml` names it."""

SECONDS_TO_CONNECT: Final = 3.0
SECONDS_TO_ANSWER: Final = 60.0

REMEDY: Final = "start it with leadflow up, or set LEADFLOW_DAGSTER_URL to where it is"


class WebserverAway(TransientError):
    """The webserver was not reached: nothing was done."""


class WebserverRefused(PermanentError):
    """The webserver understood, and says no."""


def ask(query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the webserver answers to a query. Raises WebserverAway where nothing was carried out, FateUnknown where the
    request left and no answer came, WebserverRefused for anything else; none of them quotes an answer.
    """
    address = f"{get_settings().dagster_url.rstrip('/')}/graphql"
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no password of the environment
            answer = session.post(
                address,
                json={"query": query, "variables": dict(variables or {})},
                timeout=(SECONDS_TO_CONNECT, SECONDS_TO_ANSWER),
                allow_redirects=False,
            )
            content = answer.json()
    except (failures.ConnectTimeout, failures.InvalidURL, failures.InvalidSchema, failures.MissingSchema):
        raise _away() from None
    except failures.ConnectionError as error:
        if is_unconnected(error):
            raise _away() from None
        raise _unknown() from None
    except (failures.RequestException, ValueError):
        raise _unknown() from None
    if not isinstance(content, dict) or answer.status_code >= 500:
        raise _unknown()
    if content.get("errors") or not isinstance(content.get("data"), dict):
        raise WebserverRefused(
            "the Dagster webserver does not understand what it is asked: it must run the Dagster version that "
            "leadflow pins"
        )
    data: dict[str, Any] = content["data"]
    return data


def run_page(run_id: str) -> str:
    """Where people see a run."""
    return f"{get_settings().dagster_url.rstrip('/')}/runs/{run_id}"


def _away() -> WebserverAway:
    return WebserverAway(f"the Dagster webserver does not answer: {REMEDY}")


def _unknown() -> FateUnknown:
    return FateUnknown(f"the Dagster webserver gave no whole answer: {REMEDY}")
