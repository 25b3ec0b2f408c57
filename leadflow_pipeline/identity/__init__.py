"""Who is who: records that are one person, within a campaign as of the day, and across campaigns at present."""
