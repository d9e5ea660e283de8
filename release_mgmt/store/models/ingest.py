"""Tables of what forges send: webhook deliveries and what was made of them."""
