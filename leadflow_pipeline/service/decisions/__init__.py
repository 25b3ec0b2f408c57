"""Decisions about owners that somebody waits for: milliseconds, exactly once, by the rules that whole days go by.

What belongs here: state that is kept ready, the leads that are asked about, and deciding about many requests in one
transaction. What does not: any rule (`route`), whose lead it becomes under which locks (`delivery.claiming`), telling
the owner (`delivery.handover`), and HTTP (`service.api.routing`).
"""
