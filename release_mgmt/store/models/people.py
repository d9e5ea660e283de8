"""Tables of people: persons, teams, roles, tokens, sessions and the audit log."""
