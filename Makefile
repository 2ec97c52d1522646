# One word per chore. `make help` prints these lines.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
SETUP := $(PYTHON) scripts/bootstrap.py
PROCESSES ?= 2

.DEFAULT_GOAL := help
.SILENT:
.PHONY: help setup demo app test fast check web docs screenshots bench finding python

help: ## these lines
	echo 'make WORD, where WORD is one of:'
	sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r word says; do printf '%-14s%s\n' "$$word" "$$says"; done
	echo 'Settings: PYTHON=python3.11 (which Python makes .venv), PROCESSES=2 (that share the tests).'

setup: python ## make .venv and install everything (minutes the first time, seconds after that)
	$(SETUP)

demo: setup ## run the starter recipe and open the App; SET=digits or photographs, IMAGES=folder HEADLESS=1 RESET=1 PORT=5151
	$(VENV_PYTHON) scripts/demo.py

app: setup ## open the App on what `make demo` made; DATASET=name PORT=5151
	$(VENV_PYTHON) scripts/app.py

test: python ## the whole test suite, the real App in a browser included
	$(SETUP) --browser
	$(VENV_PYTHON) -m pytest -n $(PROCESSES)

fast: setup ## the quick tests of the core: no database, under 20 s
	$(VENV_PYTHON) -m pytest tests/core -m 'not slow' -q -n $(PROCESSES)

check: setup ## style and types
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	mkdir -p .venv/types && ln -sfn ../.. .venv/types/image_curation # the checkout may have any name; its types have this one
	$(VENV_PYTHON) -m mypy -p image_curation
	$(VENV_PYTHON) -m mypy --explicit-package-bases scripts/*.py

web: setup ## build the panels' bundle dist/index.umd.js from panels/web (needs Node)
	command -v npm >/dev/null || { echo 'make web needs Node and npm: on Debian and Ubuntu `sudo apt-get install nodejs npm`.' >&2; exit 1; }
	$(VENV_PYTHON) scripts/web_types.py
	cd panels/web && npm ci --no-audit --no-fund && npm run build

docs: setup ## bring the generated pages of docs/, the tables of benchmarks and the manifest up to date
	$(VENV_PYTHON) scripts/docs.py
	$(VENV_PYTHON) benchmarks/pages.py

screenshots: python ## take the screenshots of the real App again
	$(SETUP) --browser
	$(VENV_PYTHON) scripts/screenshots.py

bench: python ## time and score the methods against their peers; METHOD=name for one
	$(SETUP) --also benchmarks/requirements.txt
	set -e; for file in $(if $(METHOD),benchmarks/$(METHOD).py,$(filter-out %/common.py %/pages.py,$(wildcard benchmarks/*.py))); do $(VENV_PYTHON) "$$file"; done

finding: ## show one surprise of an outside library, in a folder of its own; NAME=script in findings/
	[ -f 'findings/$(NAME).sh' ] || { echo 'make finding NAME=... takes one of:' $(patsubst findings/%.sh,%,$(wildcard findings/*.sh)) >&2; exit 1; }
	bash 'findings/$(NAME).sh'

python:
	command -v '$(PYTHON)' >/dev/null || { echo 'There is no $(PYTHON) here: install Python 3.10 to 3.12, or name one with PYTHON=...' >&2; exit 1; }
