"""The black-box suite for any package index: what specifications ask for, and what installers lean on.

It judges by HTTP alone and shares no code with the index that stands beside it here: a mistake in common would be
none to anybody. Each module of cases is one area; `core.py` says what a case is, `asking.py` how an index is asked,
`index.py` what of it is looked at, `running.py` runs cases, and `report.py` tells what came of them.
"""
