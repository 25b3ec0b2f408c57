"""Experiments: who gets which variant, and what may be concluded from what happened.

What belongs here: pure statistics and assignment, on numbers, arrays and frames. What does not: the database, the
clock, random sources (seeds are arguments).
"""
