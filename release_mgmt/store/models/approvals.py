"""Tables of approvals: votes, sign-offs, break-glass permissions."""
