"""What happened, for people to look at. Nothing that decides about a lead reads what this room makes."""
