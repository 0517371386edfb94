"""What the outside world is reached through: small protocols, their implementations, one contract test for each."""
