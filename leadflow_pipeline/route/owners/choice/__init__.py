"""The choice: what each pair of a lead and a rep is worth, and who is given whom. Mathematics alone, and pure.

What belongs here: match, performance, fairness, overload, assignment with its prices, and rotations. What does not:
who may have which lead (`reps`), and days and what carries over between them (the room above).
"""
