"""Experiments: who gets which variant, and what can be concluded. Pure: no clock, no random source, no database."""
