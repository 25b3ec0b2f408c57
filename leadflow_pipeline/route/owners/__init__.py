"""Owners: which rep a routed lead is given to.

What belongs here: the reps' own records, who may have which lead, what each choice is worth, and the choice for whole
days. All of it pure, but `roster.py`, the door to what is stored of reps. What does not: which sequence a lead enters
(the room above), and telling anybody (`delivery.handover`).
"""
