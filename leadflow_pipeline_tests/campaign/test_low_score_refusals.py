"""A sequence for leads of a low score has to be there, and some lead has to be able to enter it."""

from __future__ import annotations

import pytest

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline_tests.samples import minimal_campaign_text

GOOD = "routing: {nurture_low_score: true}\nnurture: {low_score_sequence: long_term_nurture}\n"


def test_it_may_be_any_sequence_of_the_campaign() -> None:
    rules = parse_campaign(minimal_campaign_text("spring", extra=GOOD), "spring.yaml").nurture
    assert rules.low_score_sequence == "long_term_nurture"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (GOOD.replace("long_term_nurture", "long_term_nurtur"), "long_term_nurtur is no sequence"),
        (GOOD.replace("true", "false"), "is a sequence that no lead enters"),
    ],
)
def test_what_would_do_nothing_is_refused(extra: str, message: str) -> None:
    with pytest.raises(CampaignError) as refused:
        parse_campaign(minimal_campaign_text("spring", extra=extra), "spring.yaml")
    assert message in str(refused.value)
