"""The doors: all that leaves. Planned touches become messages (release), messages leave once (dispatch).

What belongs here: the outbox, what is asked of the present before anything leaves, rendering, transports. What does
not: any decision about a lead; a door only says not yet, or not at all.
"""
