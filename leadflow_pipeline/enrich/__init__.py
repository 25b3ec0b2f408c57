"""Enrich: what can be known of a lead from what it gave us, offline and deterministic. Vendors join through
providers."""
