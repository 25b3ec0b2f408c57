"""Owners: which rep a routed lead is given to.

What belongs here: the reps' own records, who may have which lead, what each choice is worth, and the choice for whole
days. All of it pure, but the doors to what is known of reps: `roster.py` (what is stored), `rep_sources.py` (files and
tables they are told from) and `roster_check.py` (what is looked over). What does not: which sequence a lead enters (the
room above), and telling anybody (`delivery.handover`).
"""
