"""What follows from the journal: pages today, and all else that a change causes."""
