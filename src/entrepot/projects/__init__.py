"""Indexes, projects, releases and files: the state that decides what is published."""
