"""Outcomes that are still to come: what counts of an arm whose leads may yet convert.

What belongs here: which trials and successes a bandit or a test may count on a day. What does not: reading them.

A lead that has not converted is no failure before its time is up. Two models, both right in the ratio of successes to
trials, so that no arm is flattered for having young leads:

- *ripe only*: a lead counts, success or failure, once its window is over. What came early waits too: counting early
  successes beside ripe failures would flatter the arm with the younger leads, which is the one that the bandit favours.
- *by age*: where the share of conversions that come by each age is known, a lead of age a is that share of a trial, and
  each success counts at once (Chapelle 2014; Vernade, Cappé and Perchet 2017). It learns sooner; it needs the share to
  be the same in all arms, and to be known from ripe leads.
"""

from __future__ import annotations

import numpy as np

from leadflow_pipeline.experiment.arrays import Floats, Ints


def ripe_curve(window_days: int) -> Floats:
    """Share of a trial that a lead of each age is, where only ripe leads count: 0 before the window is over."""
    return np.append(np.zeros(window_days), 1.0)


def arrival_curve(delays: Ints, window_days: int) -> Floats:
    """Share of conversions that come by each age, from the delays of ripe leads' conversions, in whole days.

    Delays beyond the window do not count. Entry a is for leads of a full days; the last one is 1. Without a single
    conversion nothing is known, and only ripe leads count.
    """
    inside = delays[(delays >= 0) & (delays < window_days)]
    if not len(inside):
        return ripe_curve(window_days)
    arrived = np.cumsum(np.bincount(inside, minlength=window_days)) / len(inside)
    return np.concatenate([[0.0], arrived])


def counted(exposed: Ints, converted: Ints, curve: Floats) -> tuple[Floats, Floats]:
    """Successes and trials of each arm, from leads and conversions by the leads' age, both (arms, ages).

    Ages beyond the curve are ripe. A lead of an age at which nothing can have come counts for nothing, whatever it did.
    Trials are never fewer than successes.
    """
    ages = exposed.shape[1]
    share = np.append(curve, np.ones(max(ages - len(curve), 0)))[:ages]
    successes = np.asarray((converted * (share > 0)).sum(axis=1), dtype=np.float64)
    trials = np.asarray(exposed @ share, dtype=np.float64)
    return successes, np.maximum(trials, successes)
