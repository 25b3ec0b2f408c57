"""Sales leads from first sight to planned, once-only emails, as Dagster assets by campaign and day."""
