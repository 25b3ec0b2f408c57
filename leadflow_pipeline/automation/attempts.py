"""That no work is started twice, and none over and over.

Whatever starts by itself is a piece of work with a name: the days of a campaign, the files in its landing folder,
the training of a week. A run carries that name as a tag; where the same work failed, a few more runs may try it.
"""

import dagster as dg

from leadflow_pipeline.partitions import CAMPAIGN_TAG

WORK_TAG = "leadflow/work"
"""On a run that a schedule or sensor started: which piece of work it is an attempt at."""

ATTEMPTS = 3
"""Runs for the same work before a person must look. Another day or another file is other work."""

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def next_attempt(instance: dg.DagsterInstance, campaign: str, work: str) -> int | None:
    """Which attempt at this work comes next; None while the campaign has a run, or after the last one.

    A run key is used up by its first run, failed or not, so it must hold this number.
    """
    if instance.get_runs_count(dg.RunsFilter(tags={CAMPAIGN_TAG: campaign}, statuses=UNFINISHED)):
        return None
    attempts = instance.get_runs_count(dg.RunsFilter(tags={WORK_TAG: work}))
    return attempts + 1 if attempts < ATTEMPTS else None
