# One command for each thing. All of them need only make and Python 3.11 or newer.
PYTHON ?= python3
DEBIAN = chromium gettext postgresql redis-server varnish varnish-modules  # what the tests start
# What the tests do on PostgreSQL as well as on SQLite; others choose their own database, or need none.
ON_POSTGRESQL = account_pages clients commands front_page leaks limits logs mail manage metrics mirror moderation parts profile \
	project_pages serve signing_in status_page trouble upload upload_streams wsgi
PIP_INSTALL = .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement

.PHONY: serve setup dev test check bench faults lock clean

serve: setup  ## Start the server on http://127.0.0.1:8000 with its data in ./data
	@exec .venv/bin/entrepot serve --data data

setup: .venv/.run

dev: .venv/.dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Entrepot needs Python 3.11 or newer; set PYTHON=/path/to/it." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.run: requirements/run.txt pyproject.toml | .venv/bin/python
	@echo "Installing what Entrepot needs into .venv …"
	@$(PIP_INSTALL) requirements/run.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@echo "Installing what the tests and checks need into .venv …"
	@$(PIP_INSTALL) requirements/dev.txt
	@touch $@

test: dev
	@tools/debian-packages $(DEBIAN) || \
		echo "The tests that need them are left out, and with them the demand that every line is run." >&2
	@tools/clients $(PYTHON)
	@rm -f .coverage .coverage.*
	@.venv/bin/coverage run -m pytest -n 2 --dist worksteal $(PYTEST)
	@test -n "$(PYTEST)" || .venv/bin/coverage run -m pytest -n 2 --dist worksteal --database postgresql \
		$(ON_POSTGRESQL:%=tests/behaviour/test_%.py)
	@.venv/bin/coverage combine --quiet
	@.venv/bin/coverage report $$(tools/debian-packages $(DEBIAN) 2>/dev/null || echo --fail-under=0)

check: dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo 2>/dev/null || .venv/bin/lint-imports
	@.venv/bin/python -m pytest --quiet tests/test_docs.py

faults: dev  ## Break things for a minute each, in another order each time (SEED=N: in that one)
	@tools/debian-packages postgresql redis-server varnish varnish-modules
	@tools/clients $(PYTHON)
	@FAULTS=$${FAULTS:-60} SEED=$${SEED:-$$$$} .venv/bin/python -m pytest --timeout 1800 -s -k "$(or $(ONLY),fault)" tests/behaviour/test_faults.py

bench: dev  ## Measure, and write docs/benchmarks.md; BENCH=--quick measures for seconds only, and writes nothing
	@tools/debian-packages nginx-light wrk varnish varnish-modules
	@tools/clients $(PYTHON)
	@tools/clients $(PYTHON) peers
	@.venv/bin/python -m bench $(or $(BENCH),--write)

lock:
	tools/lock

clean:
	rm -rf .venv .clients .peers .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist
