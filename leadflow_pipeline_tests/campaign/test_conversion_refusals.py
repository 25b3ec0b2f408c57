"""Mistakes in the conversion section, each with its path and remedy."""

from __future__ import annotations

from importlib.resources import files

import pytest

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline_tests.samples import minimal_campaign_text


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("excluded: [custom.plam]", "conversion.excluded[0]: no source declares custom.plam; did you mean custom.plan"),
        ("excluded: [indusry]", "conversion.excluded[0]: leads have no field indusry; did you mean industry"),
        ("weight: 1.5", "conversion.weight"),
        ("half_life_days: 0", "conversion.half_life_days"),
        ("matures_after: 3", "conversion.matures_after: unknown key; did you mean matures_after_days"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(section: str, said: str) -> None:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(minimal_campaign_text(extra=f"conversion: {{{section}}}"), "spring.yaml")
    assert said in str(refused.value)


def test_fields_that_enrichment_fills_in_may_be_learned_from_and_excluded() -> None:
    text = (files("leadflow_pipeline.samples") / "recipes" / "insurance.yaml").read_text(encoding="utf-8")
    campaign = parse_campaign(f"{text}\nconversion: {{excluded: [custom.risk_class]}}\n", "insurance.yaml")
    assert {"custom.risk_class", "custom.line"} <= set(campaign.custom_fields)
