"""Score: how well a lead fits, what it did, and one number that says both, explained to the last point."""
