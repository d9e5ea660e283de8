"""Tables of scheduling: calendars, windows, freezes, plans, placements, stages and gate decisions."""
