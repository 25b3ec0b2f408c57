"""What a campaign file may say about who is who. Only the model; the matching lives beside it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MatchField = Literal["email", "phone", "name", "company", "address", "profile"]


class IdentityRules(BaseModel):
    """When two leads of this campaign are the same person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(True, description="false: every lead is a person of its own")
    same_above: float = Field(
        0.9, gt=0.5, lt=1, description="probability from which two leads are taken for one person"
    )
    review_above: float = Field(
        0.5, gt=0, lt=1, description="probability from which a person is asked whether they are the same"
    )
    fields: tuple[MatchField, ...] = Field(
        ("email", "phone", "name", "company", "address", "profile"), description="what leads are compared on"
    )

    @model_validator(mode="after")
    def _bands_in_order(self) -> IdentityRules:
        if self.review_above > self.same_above:
            raise ValueError("review_above must not be above same_above")
        return self
