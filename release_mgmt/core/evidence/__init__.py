"""What a change contains: one module for each kind of evidence, pure functions of old and new bytes."""
