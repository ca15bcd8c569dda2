# The project's commands: `make help` lists them. They need Python 3.11 or later, make and a package index for pip.
PYTHON ?= python3
ARGS ?=# options for the program that a target starts: make serve ARGS="--port 9000"

# Empty means unset. Without compiled files on disk, every process that the tests start would compile its modules anew:
# 0.7 s of its 1.5 s.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
RUN := $(VENV)/bin/python
# The locks are complete, hence --no-deps: pip's own resolver would find a newer release of a package with extras and fail.
PIP = PIP_DISABLE_PIP_VERSION_CHECK=1 $(RUN) -m pip $(1) install --quiet --require-hashes --no-deps
UV_VERSION := 0.13.9
UV := .cache/uv-$(UV_VERSION)
KSERVE := .cache/kserve
FEDERATED := .cache/federated
JAVASCRIPT := .cache/javascript
SBOM := .cache/sbom
PROMTOOL := .cache/promtool/promtool
RUNTIME := app/web/static/runtime

.DEFAULT_GOAL := help
.PHONY: help serve test test-all check train federated bench lock sbom runtime clean browser npm wrk nginx clients

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/serve.stamp ## Start the service on the committed models
	@[ -e $(RUNTIME) ] || ! command -v npm >/dev/null || $(MAKE) --no-print-directory runtime || \
		echo "The page will not offer to read digits in the browser itself."
	@exec $(RUN) -m app serve $(ARGS)

test: $(VENV)/test.stamp $(KSERVE)/stamp $(JAVASCRIPT)/stamp $(PROMTOOL) browser nginx runtime ## Run all tests except the slow ones and those that need a GPU
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not slow and not gpu" $(ARGS)

test-all: $(VENV)/test.stamp $(KSERVE)/stamp $(JAVASCRIPT)/stamp $(PROMTOOL) browser nginx clients runtime ## Run every test
	@$(RUN) -m pytest $(ARGS)

check: $(VENV)/test.stamp $(JAVASCRIPT)/stamp ## Check linting, formatting, types, imports, JavaScript and the Dockerfile
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/hadolint Dockerfile
	$(JAVASCRIPT)/node_modules/.bin/biome check --error-on-warnings

train: $(VENV)/test.stamp ## Make a version of `digits` by its recipe (hours), or go on with it; ARGS="--until STEP"
	@exec $(RUN) -m training make digits $(ARGS)

federated: $(FEDERATED)/stamp ## Train on digits of ten clients, each a process of Flower; ARGS="--partition classes"
	@exec $(FEDERATED)/bin/python -m training federate --flower $(ARGS)

bench: $(VENV)/test.stamp wrk ## Measure this server beside others (25 minutes); ARGS="--scenario png --rounds 1" for less
	@exec $(RUN) -m benchmarks $(ARGS)

lock: $(UV)/bin/uv ## Write requirements/ from pyproject.toml; ARGS=--upgrade takes the newest releases
	$(LOCK) pyproject.toml --extra train --extra signing --extra otel --extra ray --extra pdf --extra heif --extra privacy --group dev --output-file requirements/test.txt \
		--override requirements/test.overrides
	$(LOCK) pyproject.toml --constraints requirements/test.txt --output-file requirements/serve.txt --extra otel --extra pdf
	$(LOCK) pyproject.toml --constraints requirements/test.txt --output-file requirements/gpu.txt --extra gpu --extra otel --extra pdf
	$(LOCK) pyproject.toml --constraints requirements/test.txt --output-file requirements/cpu.txt --extra otel --extra pdf \
		--override requirements/cpu.overrides --no-emit-package onnxruntime-gpu
	$(LOCK_NPM) requirements/browser
	$(LOCK_NPM) requirements/javascript
	$(LOCK) requirements/browser/node.in --output-file requirements/browser/node.txt
	$(LOCK) requirements/sbom.in --constraints requirements/test.txt --output-file requirements/sbom.txt
	$(LOCK) requirements/kserve.in --output-file requirements/kserve.txt --override requirements/kserve.overrides
	$(LOCK) requirements/federated.in --output-file requirements/federated.txt

sbom: $(SBOM)/stamp ## Write the software bills of materials of both images (CycloneDX) into sbom/
	@mkdir -p sbom
	@for image in cpu gpu; do $(SBOM)/bin/python deploy/sbom.py $$image > sbom/digits-$$image.cdx.json || exit; done
	@ls sbom/*

runtime: $(RUNTIME)/stamp ## Fetch the libraries for reading digits in the browser; needs npm

clean: ## Remove the environment and the caches, but not the trained runs
	rm -rf $(VENV) $(RUNTIME) .cache .mypy_cache .pytest_cache .ruff_cache

# --- the environments ---

# Serving and testing share one environment: test.txt holds every pin of serve.txt, since `lock` derives the second from
# the first. Modules are compiled when they are first imported: most of TensorFlow's never are.
$(VENV)/test.stamp: requirements/test.txt | $(VENV)/bin/pip
	@$(RUN) -c 'import sys; sys.version_info < (3, 14) or sys.exit("Training and its tests need Python 3.11 to 3.13: TensorFlow has no build for later ones. make clean, then make PYTHON=python3.13 ...")'
	@echo "Installing the libraries for serving, training and testing into $(VENV) (about 1 GB to download) ..."
	@$(PIP) --no-compile -r $<
	@touch $(VENV)/serve.stamp $@

$(VENV)/serve.stamp: requirements/serve.txt | $(VENV)/bin/pip
	@echo "Installing the libraries for serving into $(VENV) (about 350 MB to download) ..."
	@$(PIP) -r $<
	@touch $@

# kserve.txt leaves out some of kserve's dependencies, on purpose.
$(KSERVE)/stamp: requirements/kserve.txt | $(VENV)/bin/pip
	@echo "Installing KServe's client, for its tests, into $(KSERVE) (about 70 MB to download) ..."
	@$(PYTHON) -m venv --clear --without-pip $(KSERVE)
	@$(call PIP,--python $(KSERVE)/bin/python) --no-compile -r $<
	@touch $@

# Flower pins libraries of ours at other releases.
$(FEDERATED)/stamp: requirements/federated.txt | $(VENV)/bin/pip
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 14) or sys.exit("Training needs Python 3.11 to 3.13: TensorFlow has no build for later ones. make PYTHON=python3.13 ...")'
	@echo "Installing Flower and the libraries for training into $(FEDERATED) (about 800 MB to download) ..."
	@$(PYTHON) -m venv --clear --without-pip $(FEDERATED)
	@$(call PIP,--python $(FEDERATED)/bin/python) --no-compile -r $<
	@touch $@

$(SBOM)/stamp: requirements/sbom.txt | $(VENV)/bin/pip
	@$(PYTHON) -m venv --clear --without-pip $(SBOM)
	@$(call PIP,--python $(SBOM)/bin/python) -r $<
	@touch $@

$(JAVASCRIPT)/stamp: requirements/javascript/package-lock.json | npm
	@echo "Installing the checker and the bundlers of JavaScript and TypeScript into $(JAVASCRIPT) (about 50 MB to download) ..."
	@mkdir -p $(JAVASCRIPT)
	@cp requirements/javascript/package.json requirements/javascript/package-lock.json $(JAVASCRIPT)
	@npm ci --prefix $(JAVASCRIPT) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# Out of Debian's package without installing it, which would start a Prometheus. After the browser and nginx, whose
# installation holds apt's lock. The tests of the alerts are skipped without it.
$(PROMTOOL): | browser nginx
	@mkdir -p $(@D)
	@if command -v promtool >/dev/null; then ln -sf "$$(command -v promtool)" $@; else \
		echo "Fetching promtool, for the tests of the alerts, into $(@D) (about 20 MB to download) ..."; \
		{ cd $(@D) && $(DOWNLOAD_PROMETHEUS) || { apt-get update -qq; $(DOWNLOAD_PROMETHEUS); } && \
		dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --strip-components=3 ./usr/bin/promtool && rm prometheus_*.deb; } \
		|| echo "promtool is missing: install Prometheus" >&2; \
	fi
DOWNLOAD_PROMETHEUS = apt-get download -qq -o APT::Sandbox::User=$$(id -un) prometheus

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, and $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.11 ...")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(call install,python3-venv,Python's venv module)
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME)/stamp: requirements/browser/package-lock.json requirements/browser/build | npm
	@echo "Fetching the libraries for reading digits in the browser into $(RUNTIME) (about 37 MB to download) ..."
	@requirements/browser/build $(RUNTIME)
	@touch $@

browser: npm
	@command -v chromium || command -v chromium-browser || command -v google-chrome || $(call install,chromium,A browser for the tests of the page)

npm:
	@command -v npm >/dev/null || $(call install,npm,npm (it fetches the libraries of the page and its test tools))

wrk:
	@command -v wrk >/dev/null || $(call install,wrk,The load generator wrk)

nginx:
	@command -v nginx >/dev/null || $(call install,nginx,The proxy nginx)

CLIENTS := apache2-utils curl default-jdk-headless golang-go libmono-system-net-http4.0-cil libwww-perl mono-mcs mono-runtime php-cli php-curl ruby wget
clients:
	@type ab curl go java mcs mono perl php ruby wget >/dev/null 2>&1 || $(call install,$(CLIENTS),A program that sends requests in the tests)

# $(call install,PACKAGE,WHAT IT IS): installs a Debian package as root, else says which package is missing.
install = { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -qq --no-install-recommends $(1) >/dev/null; \
	else \
		echo "$(2) is missing: install the package $(1)" >&2; exit 1; \
	fi; }

LOCK_NPM = npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --prefix

LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV)/bin/uv pip compile --quiet \
	--universal --python-version 3.11 --generate-hashes --no-emit-index-url $(ARGS)

$(UV)/bin/uv:
	@$(PYTHON) -m venv $(UV)
	@$(UV)/bin/pip install --quiet uv==$(UV_VERSION)
