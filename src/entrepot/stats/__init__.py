"""How often files were fetched: counted from logs, in batches, and kept as numbers that name nobody.

`lines.py` reads logs, `agents.py` says what kind of program a user agent is, `counting.py` adds up, `keeping.py` makes
less of what is old and more of what is asked often, `queries.py` answers.
"""
