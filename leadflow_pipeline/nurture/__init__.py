"""Nurture: who is enrolled in which sequence, and which touch falls due when. Nothing here sends."""
