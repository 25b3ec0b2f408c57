"""The campaign file as a typed model: what a campaign is, and the rules that each stage declares for itself.

What belongs here: identity, goal, sender, and the composition of the stages' models. What does not: anything
that only one stage reads (its `rules.py`), and what needs two sections to judge (`checks`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from leadflow_pipeline.campaign.checks import custom_fields
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.delivery.handover_rules import HandoverRules
from leadflow_pipeline.enrich.rules import EnrichRules
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.harvest.sources import Source
from leadflow_pipeline.identity.rules import IdentityRules
from leadflow_pipeline.insight.attribution.rules import AttributionRules
from leadflow_pipeline.insight.similar_accounts.rules import SimilarityRules
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.qualify.rules import QualifyRules
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.rules import RoutingRules
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.opinion.rules import OpinionRules
from leadflow_pipeline.score.rules import IdealCustomerProfile, ScoreRules

Milestone = Literal["leads", "qualified", "routed", "meeting", "won"]
"""What a goal may count, in the order of a lead's life."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
"""As in partition keys: `|`, `/` or `,` would break them silently."""

SingleLine = Annotated[str, Field(pattern=r"^[^\r\n]*\S[^\r\n]*$", max_length=200)]


def _address(value: str) -> str:
    """Refuses what no mail server would take. Nothing is asked of the network."""
    try:
        validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"must be an email address: {error}") from None
    return value


Address = Annotated[str, AfterValidator(_address), Field(json_schema_extra={"format": "email"})]


class Goal(BaseModel):
    """What the campaign is for, in words and in counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    targets: dict[Milestone, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="milestone -> how many leads should reach it"
    )


class Sender(BaseModel):
    """Who the emails come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: SingleLine
    email: Address
    reply_to: Address | None = Field(None, description="the sender's own address where it is not given")


class Campaign(BaseModel):
    """A whole campaign file. Everything but identity, sender, time zone and sources has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    campaign: Slug = Field(description="slug that names the campaign everywhere; it never changes")
    name: SingleLine
    status: Literal["active", "paused", "archived"] = Field(
        "active",
        description="applied when this line changes; between changes pause, resume and archive decide",
    )
    priority: int = Field(
        100,
        description="whose sequence writes to a person where several are due at once: the smaller number; "
        "a sequence that has begun is not interrupted",
    )
    takes_turns: bool = Field(
        True,
        description="one sequence at a time writes to a person, over all campaigns; false: this campaign (of news to "
        "customers, say) neither waits for the others' sequences nor has them wait",
    )
    goal: Goal = Goal()
    sender: Sender
    postal_address: str = Field(
        pattern=r"\S", description="stands in every email: anti-spam laws ask for it in most countries"
    )
    time_zone: str = Field(description="IANA name, e.g. Europe/Lisbon")
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="ISO 4217, of budgets and values")
    ideal_customer_profile: IdealCustomerProfile = IdealCustomerProfile()
    sources: tuple[Source, ...] = Field(min_length=1)
    identity: IdentityRules = Field(default_factory=IdentityRules)
    enrichment: EnrichRules = Field(default_factory=EnrichRules)
    scoring: ScoreRules = Field(default_factory=ScoreRules)
    conversion: ConversionRules = Field(default_factory=ConversionRules)
    opinion: OpinionRules | None = Field(
        None, description="a language model's opinion in the score; without this section nobody is asked"
    )
    qualification: QualifyRules = Field(default_factory=QualifyRules)
    routing: RoutingRules = Field(default_factory=RoutingRules)
    ownership: OwnershipRules | None = Field(
        None, description="who is given the routed leads; without this section nobody is"
    )
    handover: HandoverRules = Field(
        default_factory=HandoverRules, description="how the owner of a lead is told of it"
    )
    nurture: NurtureRules = Field(default_factory=NurtureRules)
    experiments: tuple[Experiment, ...] = Field(
        (),
        max_length=100,
        description="what is tried on leads, by chance; nothing before leadflow experiment start",
    )
    attribution: AttributionRules = Field(default_factory=AttributionRules)
    similar_accounts: SimilarityRules = Field(default_factory=SimilarityRules)

    @property
    def custom_fields(self) -> tuple[str, ...]:
        """Every `custom.<name>` that a source or the enrichment of the campaign fills in."""
        return custom_fields(Document(self.model_dump(mode="json", exclude_unset=True)))
