"""Sample campaigns and data that may be shipped, with where they come from. No code but the way to find them.

* `bank`: 45,211 real contacts of a bank's phone campaigns (CC BY 4.0, see the notice beside the file).
* `b2b`: 100 invented leads of five sources, what they did, who could own them, and a labelled truth.
* `xeducation`, `olist`: campaign files for two public data sets that may not be shipped; each says where they are.
* `vendors`: a campaign whose leads come from vendors, and no data: stand-ins on this machine give it.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent

BANK_CAMPAIGN = FOLDER / "bank" / "campaign.yaml"
BANK_LEADS = FOLDER / "bank" / "bank-marketing.csv.gz"

B2B_CAMPAIGN = FOLDER / "b2b" / "campaign.yaml"
B2B_SOURCES = ("referrals", "website", "ads", "social", "list")
"""Each names a source of the campaign and its file; `received_days_ago` says when, before the first run."""

B2B_EVENTS = FOLDER / "b2b" / "events.csv"
B2B_REPS = FOLDER / "b2b" / "reps.csv"
B2B_TRUTH = FOLDER / "b2b" / "truth.csv"
"""What a careful person would decide for each of the 100 leads: qualification, tier, owner, and why."""

VENDORS_CAMPAIGN = FOLDER / "vendors" / "campaign.yaml"


def b2b_leads(source: str) -> Path:
    """The file of one of `B2B_SOURCES`."""
    return FOLDER / "b2b" / f"{source}.csv"
