"""Companies like a given one, and how they ended: for whoever is about to call a lead.

What belongs here: what is compared of companies (`companies`), texts as n-grams (`grams`), vectors of them (`vectors`),
and the door that keeps builds of them and answers (`builds`). What does not: which company a lead belongs to
(`identity.accounts`), and any decision about a lead.
"""
