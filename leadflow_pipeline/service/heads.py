"""HEAD: what GET would answer, without its body (RFC 9110, 9.3.2). Monitors ask so, and some clients before a download.

What belongs here: answering HEAD wherever there is a GET. What does not: addresses of emails, where it matters who
asks how (`tracking`, `preferences`): they answer HEAD themselves.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BY_THEMSELVES: Final = ("/o/", "/c/", "/unsubscribe/")


class Heads:
    """The middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].startswith(BY_THEMSELVES):
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        asked = {**scope, "method": "GET"}  # a copy: the server goes by its own whether a body is due
        try:
            await self._app(asked, receive, without_body)
        finally:
            scope.update({**asked, "method": "HEAD"})  # the route, for those who count requests
