"""Qualify: is this lead worth a salesperson's time, and why."""
