"""Which channels brought what was won, by nine models side by side, and what each channel cost."""
