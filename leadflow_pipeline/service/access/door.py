"""The door of each route: whether whoever asks may. `Reader`, `Operator` and `Administrator` are what routes depend on.

What belongs here: from a caller to a yes or a no. What does not: recognising a caller (`gate`), what scopes mean
(`scopes`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from leadflow_pipeline.service.access.gate import Admitted, Gatekeeper
from leadflow_pipeline.service.access.scopes import Caller, Scope, no_campaign
from leadflow_pipeline.service.problems import Problem

SCHEMES = {
    scope: HTTPBearer(
        scheme_name=scope.word,
        auto_error=False,
        description=f"A token of `leadflow token create NAME --scope {scope.word}`, or one that may more.",
    )
    for scope in Scope
}
"""How the OpenAPI document says which token a route needs: `"security": [{"operate": []}]`."""


async def caller_of(request: Request, scope: Scope) -> Caller:
    """The caller, whose token has the scope and is good for the `{campaign}` of the path.

    For routes of Starlette's own; the others depend on `may`. Raises Problem: 401 for no token or a wrong one, 403 for
    one that may not, 404 for a campaign that it may not see, 429 for one that asks too often.
    """
    admitted: Admitted | None = getattr(request.state, "admitted", None)
    if admitted is None:  # an address outside of the gate
        keeper: Gatekeeper = request.app.state.gatekeeper
        admitted = await keeper.admit(request.headers)
    caller = admitted.caller
    if caller.scope < scope:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"the token may {caller.scope.word} only: use one that may {scope.word}",
        )
    campaign = request.path_params.get("campaign")
    if campaign is not None and not caller.sees(campaign):
        raise no_campaign()
    return caller


def may(scope: Scope) -> Any:
    """`caller_of` as a dependency."""
    shown = Security(SCHEMES[scope])

    async def found(request: Request, _: HTTPAuthorizationCredentials | None = shown) -> Caller:
        return await caller_of(request, scope)

    return Depends(found)


Reader = Annotated[Caller, may(Scope.READ)]
Operator = Annotated[Caller, may(Scope.OPERATE)]
Administrator = Annotated[Caller, may(Scope.ADMIN)]
