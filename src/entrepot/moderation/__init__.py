"""The moderator's pages, at /admin/: Django's admin to find and to read, and our own actions for every change."""
