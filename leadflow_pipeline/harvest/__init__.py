"""Harvest: from a file or a vendor's page to clean lead records. Nothing is dropped: what cannot be read is quarantined."""
