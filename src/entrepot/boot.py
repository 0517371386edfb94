"""Importing this module makes Django ready, with the settings that the environment describes at that moment."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "entrepot.settings")
django.setup(set_prefix=False)
