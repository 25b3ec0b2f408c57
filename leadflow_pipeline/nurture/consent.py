"""What a campaign file may say about consent: `nurture.consent`. Only the model.

What does not belong here: who consented (a fact), and asking for it (the doors).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ConsentRules(BaseModel):
    """Whether a lead must have consented before it is written to. A consent that was withdrawn counts in any case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = False
    valid_days: int | None = Field(None, ge=1, description="how long a consent holds; none: until withdrawn")

    @model_validator(mode="after")
    def is_meant(self) -> ConsentRules:
        """Refuses a time for what is not asked for."""
        if self.valid_days is not None and not self.required:
            raise ValueError(
                "valid_days is given, but no consent is required: write required: true, or remove it"
            )
        return self
