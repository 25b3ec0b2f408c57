"""What can be known of the work while it is done: logs, what belongs together, spans.

What belongs here: how a line of the log looks, the id that ties a request to its run and its messages, and spans for
whoever collects them. What does not: what is worth saying (each room knows), and metrics (`service.metrics`). It
imports nothing of ours but settings and errors, and holds no personal data: callers say names of things and counts.
"""
