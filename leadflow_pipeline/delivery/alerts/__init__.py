"""Alerts: somebody is told once that something needs looking after, and again only when it comes back.

What belongs here: which readings are alarming (`conditions`, pure), and what is on record and in the outbox because of
it (`door`). What does not: taking the readings (`insight.health.readings`).
"""
