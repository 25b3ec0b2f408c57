"""Conversion models where people look: trained week by week, judged, watched."""
