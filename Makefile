# Two commands: `make run` sets everything up and watches real packages, `make test` sets up and runs all tests.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEBIAN := chromium exim4-daemon-light fonts-dejavu-core gcc knot libc6-dev mount postgresql prometheus

# The package that ships OSV's JSON Schema; only that file is used, so none of what it would bring along is installed.
OSV_SCHEMA := osv==0.0.22

AXE := tests/browser/node_modules/axe-core/axe.min.js

.PHONY: audit sbom schema screenshots run check test unit lint types services clean

run: $(VENV)/.installed
	@test -f weaklink.toml || $(BIN)/weaklink init
	@$(BIN)/weaklink check || test $$? -eq 3
	@$(BIN)/weaklink run

test: $(VENV)/.tested debian $(AXE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

unit: $(VENV)/.tested
	$(BIN)/python -m pytest --numprocesses auto tests/unit

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "weaklink needs Python 3.11 or newer"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools  # the one that Python brings has known holes

# The application as users get it.
$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[postgresql]'
	@touch $@

# And what the tests need besides.
$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[study]'
	$(BIN)/python -m pip install --quiet --group dev
	$(BIN)/python -m pip install --quiet --no-deps $(OSV_SCHEMA)
	@touch $@

# Servers that the tests start themselves, each on a port of its own.
.PHONY: debian
debian:
	@present=$$(dpkg-query -W -f '$${Package} $${Status}\n' $(DEBIAN) 2>/dev/null | awk '$$4 == "installed" {print $$1}'); \
	for package in $(DEBIAN); do grep -qx $$package <<< "$$present" || wanted="$$wanted $$package"; done; \
	if [ -n "$$wanted" ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $$wanted > /dev/null; \
	fi

# The accessibility checker that the browser tests run in each page.
$(AXE):
	@command -v npm > /dev/null || apt-get install -qq --yes --no-install-recommends npm > /dev/null
	npm install --silent --no-save --no-package-lock --no-audit --no-fund --prefix tests/browser 'axe-core@^4.10'

# Known vulnerabilities of what is installed here; fails where there is one, says where nothing could be looked up.
audit: $(VENV)/.tested
	$(BIN)/python .ci/audit.py -s pypi

# What the application consists of, as CycloneDX.
sbom: $(VENV)/.tested
	$(BIN)/python .ci/sbom.py dist/weaklink.cdx.json

# The pictures in docs/, of the invented company that the browser tests watch.
screenshots: $(VENV)/.tested debian
	@command -v pngquant > /dev/null || apt-get install -qq --yes --no-install-recommends pngquant > /dev/null
	$(BIN)/python -m tests.browser.screenshots docs/pictures

# The database of the present schema, kept for the tests of upgrades; run it once with each new migration.
schema: $(VENV)/.tested debian
	$(BIN)/python -m tests.schemas.make

# What the image is made of, to the version: after a change of the dependencies.
.PHONY: pins
pins: $(VENV)/.tested
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra postgresql --no-header --no-annotate \
	  --output-file container/pins.txt pyproject.toml

# Booting a machine of its own and building the image, as root; some minutes, and no part of `make test`.
.PHONY: rehearsal
rehearsal: $(VENV)/.tested
	@for program in systemd-nspawn:systemd-container mmdebstrap:mmdebstrap podman:podman; do \
	  command -v $${program%:*} > /dev/null || apt-get install -qq --yes --no-install-recommends $${program#*:} > /dev/null; \
	done
	$(BIN)/python -m tests.machine.rehearsal build/machine
	$(BIN)/python -m tests.machine.image build/machine

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
