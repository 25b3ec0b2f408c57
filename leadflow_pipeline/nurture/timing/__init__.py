"""When a step may leave and when it best would: windows and holidays, the pace of a lead, its hour. All of it pure."""
