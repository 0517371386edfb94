"""What programs talk to: uploads."""
