"""Conversion: how likely a lead becomes a customer, learned from what became of earlier ones.

A pure room: no Dagster, no database, no clock, and chance only from a seed that is an argument.
"""
