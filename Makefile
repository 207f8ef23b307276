# `make demo` and `make test` do everything on a machine with Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all lint types imports schema wheel format clean

# The stamp is newer than the environment's inputs, or the environment is brought up to date.
.venv/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --compile-bytecode -e '.[dev]'
	touch $@

demo: .venv/.ready
	$(BIN)/foolscape demo

test: .venv/.ready
	$(BIN)/python -m pytest -q -n 2 -m 'not slow'

test-all: .venv/.ready
	$(BIN)/python -m pytest -q -n 2

schema: .venv/.ready
	$(BIN)/python -m foolscape.records.json_schema

format: .venv/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.ready
	$(BIN)/mypy

imports: .venv/.ready
	$(BIN)/lint-imports

# Built, installed into an empty environment beside the packages already there, and imported from there.
wheel: .venv/.ready
	rm -rf dist build/wheel-check
	$(BIN)/python -m build --quiet --wheel --installer uv
	$(BIN)/uv pip install --quiet --no-deps --target build/wheel-check dist/*.whl
	cd build && PYTHONPATH=wheel-check ../$(BIN)/python -c "import foolscape, foolscape.models.bundled.load as b; \
		assert 'wheel-check' in foolscape.__file__, foolscape.__file__; [b.bundled(n) for n in b.NAMES]"

clean:
	rm -rf .venv build dist demo-run
