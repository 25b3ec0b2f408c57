"""Others are told what became of leads: scored, qualified, routed, graduated, by signed webhooks.

What belongs here: what is news (`news`), who is told (`endpoints`), what is known of leads (`known`), putting news into
the outbox (`telling`), the way out (`event_way`), and what became of it (`deliveries`). What does not: the steps of
sequences that are webhooks (`release.webhooks`), and webhooks that come in (`service`).
"""
