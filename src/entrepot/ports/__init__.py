"""What lies outside the process, each behind a small surface: the store of objects."""
