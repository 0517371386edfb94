"""What may be a key of a store."""


def checked(key: str) -> str:
    """`key`, if it is relative and without `..`. Raises ValueError otherwise."""
    if key.startswith("/") or (".." in key and ".." in key.split("/")):
        raise ValueError(f"not a key of the store: {key!r}")
    return key
