"""`/api/v1`: administration, leads, decisions and operations, for programs.

What belongs here: from a request to a function of the pipeline, and from its result to an answer: one module a subject.
What does not: any rule (the stages), any query that a command needs too (`insight`, `store`), who may ask (`access`).
"""
