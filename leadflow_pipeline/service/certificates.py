"""Certificates and confirmations of Amazon SNS, fetched from SNS's own hosts alone. A door to the network.

What belongs here: asking, within limits, and remembering. What does not: which addresses are SNS's, and judging a
signature (`inbound.providers.sns`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import requests

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.inbound.providers.sns import is_amazon, is_certificate_url

MOST_BYTES = 64 << 10
MOST_KNOWN = 32
TIMEOUT = (3.0, 5.0)

Fetch = Callable[[str], bytes | None]


def fetched(url: str) -> bytes | None:
    """What stands at one of SNS's own addresses; None where it says that there is nothing, or for any other address.

    Follows no redirect. Raises TransientError where SNS does not answer.
    """
    if not is_amazon(url):
        return None
    try:
        with requests.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
            if answer.status_code >= requests.codes.internal_server_error:
                raise TransientError("SNS does not answer")
            if answer.status_code != requests.codes.ok:
                return None
            body = answer.raw.read(MOST_BYTES + 1, decode_content=True)
    except requests.RequestException:
        raise TransientError("SNS does not answer") from None
    return body if len(body) <= MOST_BYTES else None


class Certificates:
    """The certificates that were asked for lately, and SNS for the others."""

    def __init__(self, fetch: Fetch = fetched) -> None:
        self._fetch = fetch
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def at(self, url: object) -> bytes | None:
        """The certificate at an address; None where there is none, or it is no address of SNS's certificates."""
        if not (isinstance(url, str) and is_certificate_url(url)):
            return None
        if url not in self._known:
            found = self._fetch(url)
            if found is None:
                return None
            self._known[url] = found
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return self._known[url]

    def confirm(self, url: object) -> bool:
        """Asks for the address that confirms a subscription; whether it was confirmed."""
        return isinstance(url, str) and is_amazon(url) and self._fetch(url) is not None
