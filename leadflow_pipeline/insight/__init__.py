"""What happened, for people to look at. Nothing in the pipeline reads what this room makes."""
