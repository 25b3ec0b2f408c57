"""Route: which sequence a qualified lead enters (and, later, which owner it is given)."""
