"""Reps: their own records, where and when they work, how much they can take, and which leads each may have.

What belongs here: reading rep lists, the reps as of a day, territories, hours, capacity, eligibility, and what is
questionable about a list. What does not: what giving a lead to one of them is worth (`choice`). Pure, but for the doors
`roster.py`, `roster_check.py` and `rep_sources.py`.
"""
