"""The door of the API: who asks, and whether they may. `may(scope)` is what every route depends on.

What belongs here: from a header to a caller. What does not: what tokens are (`tokens`), what scopes mean (`scopes`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from leadflow_pipeline.service.access.scopes import Caller, Scope, no_campaign
from leadflow_pipeline.service.access.tokens import find_caller
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem

BEARER = HTTPBearer(auto_error=False, description="A token of `leadflow token create`.")


def may(scope: Scope) -> Any:
    """A dependency: the caller, whose token has the scope and is good for the `{campaign}` of the path.

    Raises Problem: 401 for no token or a wrong one, 403 for one that may not, 404 for a campaign that it may not see.
    """

    async def caller_of(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
    ) -> Caller:
        context: ServiceContext = request.app.state.context
        caller = None
        if bearer is not None:
            caller = await run_in_threadpool(
                find_caller, context.engine_of(), bearer.credentials, context.now()
            )
        if caller is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "the request has no valid token: send Authorization: Bearer TOKEN (leadflow token create)",
                {"WWW-Authenticate": "Bearer"},
            )
        if caller.scope < scope:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"the token may {caller.scope.word} only: use one that may {scope.word}",
            )
        campaign = request.path_params.get("campaign")
        if campaign is not None and not caller.sees(campaign):
            raise no_campaign()
        return caller

    return Depends(caller_of)


Reader = Annotated[Caller, may(Scope.READ)]
Operator = Annotated[Caller, may(Scope.OPERATE)]
Administrator = Annotated[Caller, may(Scope.ADMIN)]
