"""Every kind of source there is: the registry, and the type of a campaign file's `sources`.

What belongs here: one entry a kind. What does not: anything about a kind; it has a file of its own.

To add one, write its file (a model with `kind`, and `pages`) and name it in `Source`.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Discriminator, Tag

from leadflow_pipeline.harvest.rules import FileSource, SourceRules
from leadflow_pipeline.harvest.sources.apollo import ApolloSource
from leadflow_pipeline.harvest.sources.base import AskedSource as AskedSource
from leadflow_pipeline.harvest.sources.base import BoughtSource as BoughtSource
from leadflow_pipeline.harvest.sources.base import Page as Page
from leadflow_pipeline.harvest.sources.dropcontact import DropcontactSource
from leadflow_pipeline.harvest.sources.hubspot import HubSpotSource
from leadflow_pipeline.harvest.sources.json_api import JsonSource
from leadflow_pipeline.harvest.sources.web_page import WebSource
from leadflow_pipeline.harvest.sources.webhook import WebhookSource


def kind_of(source: Any) -> str:
    """The kind that a source names; a file where it names none."""
    named = source.get("kind", "file") if isinstance(source, dict) else getattr(source, "kind", "file")
    return str(named)


Source = Annotated[
    Annotated[FileSource, Tag("file")]
    | Annotated[ApolloSource, Tag("apollo")]
    | Annotated[DropcontactSource, Tag("dropcontact")]
    | Annotated[HubSpotSource, Tag("hubspot")]
    | Annotated[JsonSource, Tag("json")]
    | Annotated[WebSource, Tag("web")]
    | Annotated[WebhookSource, Tag("webhook")],
    Discriminator(kind_of),
]

KINDS: dict[str, type[SourceRules]] = {
    get_args(entry)[1].tag: get_args(entry)[0] for entry in get_args(get_args(Source)[0])
}
"""Kind -> its model."""
