"""What is broken now, and how to mend it.

What belongs here: looking, at everything that `leadflow` needs, without changing it; a module a subject, composed in
`diagnosis`. What does not: printing and answering requests, telling anybody (`delivery.alerts`), and judging
yesterday: a failure that a later run made good is no finding.
"""
