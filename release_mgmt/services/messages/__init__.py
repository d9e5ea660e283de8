"""Messages: an outbox written with what happened, fanned out to who is concerned, delivered until it is taken."""
