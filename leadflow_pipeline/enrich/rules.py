"""What a campaign file may say about enrichment: the checks, the providers in waterfall order, the recipes.

What belongs here: the model alone. What does not: checks that need other sections (`campaign`), and asking
anybody anything (`ordering`).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow_pipeline.conditions import Condition

SENIORITIES: tuple[str, ...] = (
    "owner", "c_suite", "vp", "head", "director", "manager", "senior", "staff", "entry", "intern",
)  # fmt: skip
"""From most to least senior. `staff` does the work itself, and the title says nothing of rank."""

DEPARTMENTS: tuple[str, ...] = (
    "executive", "sales", "marketing", "product", "engineering", "it", "operations", "procurement",
    "customer_success", "finance", "legal", "hr", "administration", "medical", "education", "other",
)  # fmt: skip
"""`other` has a title, but one that names none of the rest."""

SIZE_BANDS: tuple[tuple[str, int], ...] = (
    ("1-10", 1), ("11-50", 11), ("51-200", 51), ("201-500", 201), ("501-1000", 501), ("1001-5000", 1001),
    ("5001-10000", 5001), ("10001+", 10001),
)  # fmt: skip
"""Name and smallest number of employees, ascending."""

FIELDS: tuple[str, ...] = (
    "email", "phone", "first_name", "last_name", "full_name", "company", "job_title", "industry",
    "company_size", "country", "region", "city", "postcode", "website", "linkedin_url", "budget", "time_zone",
    "language",
)  # fmt: skip
"""Fields of a lead that its own records give, and a provider may give."""

PROVIDED_FIELDS: tuple[str, ...] = ("seniority", "department", "company_founded_year", "email_verdict")
"""What a provider alone may give. `email_verdict` is what a vendor found out about the very address, in the vendor's
words."""

TAKEN_FIELDS: tuple[str, ...] = ("seniority", "department", "company_founded_year")
"""Of these, what an HTTP step may give: whose verdict on an address to believe is not left to a mapping."""

CUSTOM = "custom."
CUSTOM_FIELD = re.compile(r"custom\.[a-z][a-z0-9_]*")
GIVEN = "given"
"""The provider that needs no vendor: the lead's own records."""

FIELDS_OF_KIND: dict[str, tuple[str, ...]] = {
    "clearbit": (
        "first_name", "last_name", "full_name", "job_title", "seniority", "company", "industry", "company_size",
        "company_founded_year", "country", "region", "city", "website", "linkedin_url", "time_zone",
        "custom.technologies",
    ),
    "apollo": (
        "email", "email_verdict", "phone", "first_name", "last_name", "full_name", "job_title", "seniority",
        "department", "company", "industry", "company_size", "company_founded_year", "country", "region", "city",
        "postcode", "website", "linkedin_url", "custom.technologies", "custom.funding_stage",
    ),
    "dropcontact": (
        "email", "email_verdict", "phone", "first_name", "last_name", "full_name", "job_title", "company",
        "company_size", "country", "website", "linkedin_url",
    ),
    "firmographics": ("industry", "country", "region", "city", "company_founded_year"),
    "mail_servers": (),
    "domain_registration": (),
}  # fmt: skip
"""What each kind of provider can give. The last two look at domains, by DNS and by RDAP or WHOIS, and fill columns of
their own."""

UNASKED_FIELDS: dict[str, tuple[str, ...]] = {"firmographics": ("industry", "company_founded_year")}
"""What is taken where the campaign names no fields, if not all: people work elsewhere than at the headquarters."""

ASKED_KINDS = ("clearbit", "apollo", "dropcontact")
"""Kinds that are asked about one lead at a time and may charge for it; so are HTTP steps."""
DOMAIN_KINDS = ("mail_servers", "domain_registration")

CONFIDENCES: dict[str, float] = {"clearbit": 0.8, "apollo": 0.8, "dropcontact": 0.85, "firmographics": 0.9}
"""How sure a fresh answer of each kind is where the campaign does not say: a convention, to be set by who
measures."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
SecretName = Annotated[
    str, Field(pattern=r"^LEADFLOW_[A-Z0-9_]+$", description="environment variable that holds the key")
]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]
ServerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
Share = Annotated[float, Field(ge=0, le=1)]
CustomName = Annotated[str, Field(pattern=r"^custom\.[a-z][a-z0-9_]*$")]


class ProviderBudget(BaseModel):
    """The most a provider may be asked in a campaign on one UTC day, by all processes together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int | None = Field(None, ge=0, description="requests; no limit where it is not given")
    credits: float | None = Field(None, ge=0, description="in the vendor's unit")
    leads: int | None = Field(100, ge=0, description="leads asked about; null for no limit")


class _Asked(BaseModel):
    """What every party that is asked over the network has in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Slug
    key_from: SecretName | None = None
    confidence: Share | None = Field(None, description="of a fresh answer, 0 to 1")
    answer_ttl_days: float = Field(90, gt=0, description="an answer this old may be asked for again")
    not_found_ttl_days: float = Field(30, gt=0)
    timeout_seconds: float = Field(30, gt=0, le=300)
    budget: ProviderBudget = ProviderBudget()
    ask_when: tuple[Condition, ...] = Field((), description="all must be true for a lead to be asked about")

    @model_validator(mode="after")
    def not_called_given(self) -> _Asked:
        """Refuses the name that stands for the lead's own records."""
        if self.name == GIVEN:
            raise ValueError(f"{GIVEN} stands for the lead's own records: choose another name")
        return self


class ProviderRules(_Asked):
    """One provider. Their order in the file is the waterfall: the next is asked where a field is still missing."""

    kind: Literal["clearbit", "apollo", "dropcontact", "firmographics", "mail_servers", "domain_registration"]
    base_url: Url | None = Field(None, description="the vendor's own where it is not given")
    whois_server: ServerName | None = Field(
        "whois.iana.org",
        description="for domain_registration: says which server to ask by WHOIS where RDAP knows nothing of a domain; "
        "null to ask nobody",
    )
    fields: tuple[str, ...] | None = Field(
        None, min_length=1, description="what it is asked for and believed in; all it can give if left out"
    )

    @property
    def gives(self) -> tuple[str, ...]:
        """The fields it may fill, and for the sake of which it is asked."""
        return (
            self.fields
            if self.fields is not None
            else UNASKED_FIELDS.get(self.kind, FIELDS_OF_KIND[self.kind])
        )

    @property
    def sureness(self) -> float:
        """Confidence of a fresh answer."""
        return self.confidence if self.confidence is not None else CONFIDENCES.get(self.kind, 1.0)

    @model_validator(mode="after")
    def knows_its_fields(self) -> ProviderRules:
        """Refuses a field that this kind of provider never gives."""
        able = FIELDS_OF_KIND[self.kind]
        unable = [field for field in self.fields or () if field not in able]
        if unable:
            can = f"it gives {', '.join(able)}" if able else "it fills columns of its own: remove `fields`"
            raise ValueError(f"{self.kind} does not give {', '.join(unable)}; {can}")
        if "whois_server" in self.model_fields_set and self.kind != "domain_registration":
            raise ValueError(f"{self.kind} asks no registry: remove `whois_server`")
        if self.key_from is None and self.kind in ASKED_KINDS:
            raise ValueError(f"{self.kind} needs key_from, the environment variable that holds its key")
        return self


class HttpRules(_Asked):
    """A call over HTTP, such as to an n8n workflow, that takes fields back: a provider, or a step of a recipe."""

    kind: Literal["http"] = "http"
    method: Literal["GET", "POST", "PUT"] = "POST"
    url: Url
    send: tuple[str, ...] = Field(
        min_length=1, description="fields that go out, under their own names; only leads that have the first"
    )
    take: dict[str, str] = Field(
        min_length=1, description="field or custom.<name> -> JMESPath into the answer, such as company.size"
    )
    key_header: str = Field(
        "Authorization", pattern=r"^[A-Za-z0-9-]+$", description="header that carries the key"
    )
    key_prefix: str = Field("Bearer ", description="stands before the key in its header")
    credits_per_call: float = Field(0, ge=0)
    is_repeatable: bool = Field(
        False, description="asking twice does no harm, so a call without an answer may be repeated"
    )

    @property
    def gives(self) -> tuple[str, ...]:
        """The fields it may fill."""
        return tuple(self.take)

    @property
    def sureness(self) -> float:
        """Confidence of a fresh answer."""
        return self.confidence if self.confidence is not None else 0.7

    @property
    def host(self) -> str:
        """Host, with its port where the URL names one."""
        return urlsplit(self.url).netloc.rpartition("@")[2].lower()

    @model_validator(mode="after")
    def takes_fields(self) -> HttpRules:
        """Refuses fields that leads do not have, and paths that are none."""
        for field, path in self.take.items():
            if field not in (*FIELDS, *TAKEN_FIELDS) and not CUSTOM_FIELD.fullmatch(field):
                raise ValueError(
                    f"takes {field}, which is no field of a lead: write custom.<name> for your own"
                )
            try:
                jmespath.compile(path)
            except JMESPathError:
                raise ValueError(
                    f"takes {field} from {path}, which is no JMESPath such as company.size"
                ) from None
        return self


Party = ProviderRules | HttpRules
"""Whoever may know something of a lead."""
Provider = Annotated[Party, Field(discriminator="kind")]


class MapRules(BaseModel):
    """A declared table of values: what one field says becomes what a custom field says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: str = Field(description="field or custom.<name> that is looked at")
    to: CustomName
    table: dict[str, str] = Field(
        min_length=1, description="value (case does not matter; the first that fits) -> value"
    )
    contains: bool = Field(
        False, description="a value fits where it occurs in the field, as in a list of technologies"
    )
    otherwise: str | None = Field(None, description="where the field is known and no value fits")


class Step(BaseModel):
    """One step of a recipe: exactly one of a provider, values to set, a table, an HTTP call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Slug | None = Field(None, description="name of one of the providers")
    set: dict[CustomName, str] | None = Field(None, min_length=1, description="custom.<name> -> value")
    map: MapRules | None = None
    http: HttpRules | None = None

    @model_validator(mode="after")
    def exactly_one(self) -> Step:
        """Refuses none or several."""
        kinds = ("provider", "set", "map", "http")
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            found = f"has {', '.join(given)}" if given else "has none"
            raise ValueError(f"a step is exactly one of {', '.join(kinds)}, but this one {found}")
        return self


class Recipe(BaseModel):
    """How leads of one industry are enriched: its steps take the place of the whole waterfall for them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: Condition | None = Field(
        None, description="whose leads it is for; without it, those of a campaign that names it as its recipe"
    )
    steps: tuple[Step, ...] = Field(min_length=1)


Domain = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
"""In lower case and IDNA ASCII, without a dot at its end."""


class EnrichRules(BaseModel):
    """How leads of this campaign are enriched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default_country: str | None = Field(
        None, pattern=r"^[A-Z]{2}$", description="for phone numbers written without +"
    )
    decision_makers: tuple[str, ...] = Field(
        ("owner", "c_suite", "vp", "head", "director"), description="seniorities that decide"
    )
    free_mail_is_risky: bool = False
    allow_test_domains: bool = Field(
        False, description="accept reserved domains such as example.org and *.example: for demos and tests"
    )
    shared_domains: tuple[Domain, ...] = Field(
        (), description="under which many have addresses (a university, a provider): no company's own"
    )
    providers: tuple[Provider, ...] = Field((), description="the waterfall: asked in this order")
    fields: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="field -> who is believed, in order: names of providers and HTTP steps, and `given`",
    )
    conflicts: Literal["first", "most_confident", "newest"] = Field(
        "first", description="who is believed where several know: the first in order, the surest, the newest"
    )
    given_confidence: Share = Field(0.9, description="of what a lead's own record says on the day it comes")
    confidence_half_life_days: float = Field(
        365, gt=0, description="after so many days a value is half as sure"
    )
    order_within_days: int = Field(
        7,
        ge=0,
        le=90,
        description="nothing is asked about leads whose record is older: a backfill buys nothing",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="hosts (with port, if any) that HTTP steps may call"
    )
    recipe: Slug | None = Field(None, description="for leads that no recipe's `when` fits")
    recipes: dict[Slug, Recipe] = Field(
        default_factory=dict, description="the first whose `when` fits applies"
    )

    @property
    def http_steps(self) -> tuple[HttpRules, ...]:
        """Of all recipes, in the order of the file."""
        return tuple(
            step.http for recipe in self.recipes.values() for step in recipe.steps if step.http is not None
        )

    @property
    def asked(self) -> tuple[Party, ...]:
        """Everyone who may know something of a lead, in the order in which they are believed."""
        return (*self.providers, *self.http_steps)

    @property
    def needs_facts(self) -> bool:
        """Whether any provider or recipe is declared at all: most campaigns have none and pay for none."""
        return bool(self.providers or self.recipes)

    def order_of(self, field: str) -> tuple[str, ...]:
        """Names of who is believed about a field, first to last."""
        return self.fields.get(field) or (GIVEN, *(party.name for party in self.asked))
