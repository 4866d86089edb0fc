PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready-$(shell cksum requirements.lock | cut -d' ' -f1)

.PHONY: run test lint e2e bench lock messages

run: $(READY)
	@exec $(BIN)/python manage.py up

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not e2e"

e2e: $(READY)
	$(BIN)/python -m pytest -m e2e tests/e2e

bench: $(READY)
	@$(BIN)/python -m tests.bench $(BENCH)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy config integrations webhooks monitoring
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --check --lint templates
	$(BIN)/python manage.py makemigrations --check --dry-run

lock:
	$(BIN)/uv pip compile --quiet --all-extras --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --universal pyproject.toml -o requirements-production.lock

messages:
	$(BIN)/python manage.py makemessages --locale ar --no-location --ignore ".venv/*" --ignore "tests/*"
	$(BIN)/python manage.py compilemessages --locale ar --ignore ".venv/*"

# The lock's checksum names the stamp: a changed lock installs again, an unchanged one costs nothing.
$(READY): requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@rm -f $(VENV)/.ready-* && touch $@
