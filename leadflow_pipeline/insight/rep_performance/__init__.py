"""How reps do: results with what they may be, comparison with peers, trends, load, and whether leads are shared fairly.

What belongs here: figures for people who lead reps (`board`, `trends`, `workload`, `audit`), pictures of them, and the
door that reads what they are made of (`reading`). What does not: performance that decides who gets a lead
(`route.owners.performance`, which these figures rest on), and any decision.
"""
