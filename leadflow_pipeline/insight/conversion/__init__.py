"""What there is to see of conversion models: the card of each, its pictures, and what its promises sum to."""
