"""The read plane: a request becomes a key of the store, and bytes are sent. No database, no Django."""
