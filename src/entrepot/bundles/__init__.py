"""Bundles: distributions of other indexes in one archive, to be carried where there is no network (docs/bundles.md)."""
