"""Tables of insight: what is measured over time."""
