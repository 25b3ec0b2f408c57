"""Whether somebody answers where the links of emails lead. A door: it asks the network, and only when it is told to.

What does not belong here: links that can be seen to be wrong (`addresses`). Each address is asked once. Only what a
campaign file says is asked for; links made from tokens are asked for an invented lead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

from leadflow_pipeline.delivery.linting.findings import Finding, error, warning

SECONDS = 10
AT_ONCE = 4
NOT_OVER_HEAD = (403, 404, 405, 501)
"""Answers that some servers give to HEAD alone."""

ONLY_FOR_BROWSERS = (401, 403, 429, 999)
"""Answers that say nothing of whether a person would see the page."""


def check_links(targets: Iterable[str]) -> Iterator[Finding]:
    """A finding for each target that does not answer, in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for finding in pool.map(_ask, dict.fromkeys(targets)):
            if finding is not None:
                yield finding


def _ask(target: str) -> Finding | None:
    shown = target[:80]
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.head(target, timeout=SECONDS, allow_redirects=True)
            if answer.status_code in NOT_OVER_HEAD:
                with session.get(target, timeout=SECONDS, stream=True) as got:
                    answer = got
    except requests.RequestException as failed:
        return error(f"{shown} does not answer ({type(failed).__name__})", "correct the link")
    if answer.status_code in ONLY_FOR_BROWSERS:
        return warning(f"{shown} answers {answer.status_code} to programs", "look at it in a browser")
    if answer.status_code >= 400:
        return error(f"{shown} answers {answer.status_code}", "correct the link")
    return None
