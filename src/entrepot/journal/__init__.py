"""What happened, in order, and what is still owed to the readers because of it."""
