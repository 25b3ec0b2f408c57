"""Past days under other rules for owners, or with other reps: who would have had whose leads, and what that is worth.

What belongs here: the comparison of two ways to give the same days' leads away. What does not: giving them away
(`route`), computing past days (`insight.replay`), the command (`cli.route`). Pure but for `reading`.
"""
