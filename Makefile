# make          lists the targets
# make run      the clinic on this machine; options: make run ARGS="--port 8502 --data-dir ./other --no-browser"
# make test     the whole test suite; a part of it: make test ARGS="tests/unit -x"
# make check    ruff, mypy and the import rules
.POSIX:

PYTHON_IN = .venv/bin/python
ARGS =

help:
	@echo "make run    start the clinic on this machine (Ctrl-C stops it)"
	@echo "make test   run the tests"
	@echo "make check  run ruff, mypy and the import rules"
	@echo "make format put the code into the usual shape"
	@echo "make pins   write requirements*.txt anew from requirements*.in"
	@echo "make clean  remove .venv and caches, never ./data"

run:
	@sh deploy/venv.sh requirements.txt
	@exec $(PYTHON_IN) -m clinic_core up $(ARGS)

test: development
	@echo "Running the tests ..."
	@exec $(PYTHON_IN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: development
	@echo "ruff: rules ..."
	@$(PYTHON_IN) -m ruff check .
	@echo "ruff: format ..."
	@$(PYTHON_IN) -m ruff format --check .
	@echo "mypy ..."
	@$(PYTHON_IN) -m mypy
	@echo "import rules ..."
	@$(PYTHON_IN) -m pytest -q tests/unit/test_imports.py

format: development
	@$(PYTHON_IN) -m ruff check --fix .
	@$(PYTHON_IN) -m ruff format .

development:
	@sh deploy/venv.sh requirements.txt requirements-dev.txt

pins: development
	@echo "Writing the pins; versions stay as they are unless ARGS=--upgrade ..."
	@$(PYTHON_IN) -m piptools compile -q --no-header --strip-extras --no-emit-options --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host $(ARGS) -o requirements.txt requirements.in
	@$(PYTHON_IN) -m piptools compile -q --no-header --strip-extras --no-emit-options --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host $(ARGS) -o requirements-dev.txt requirements-dev.in

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help run test check format development pins clean
