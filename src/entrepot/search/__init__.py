"""Finding projects: what is known of each, in a form that answers quickly, derived from the journal and nothing else.

`port.py` is what every engine promises; `sqlite.py`, `postgresql.py` and `opensearch.py` are the engines, and
`engines.py` says which one an installation has. `follower.py` keeps them current. All of it can be made anew.
"""
