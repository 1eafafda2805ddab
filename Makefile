# Everything a person does with this repository. `make` alone prints this list.
# Every target but `help` depends on .venv being up to date with the lock; that costs nothing when it is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help bootstrap run up down status test lint format bench chaos chaos-broken simulate lock

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.up-to-date
INSTANCE ?= default

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap: $(STAMP) ## .venv with everything, and the `wangge` command in it

$(STAMP): requirements.lock requirements.bootstrap.lock pyproject.toml .ci/bootstrap
	@PYTHON="$(PYTHON)" .ci/bootstrap
	@touch $@

run: bootstrap ## a living county in this terminal until Ctrl-C   [FOR=seconds]
	@$(BIN)/wangge run --instance $(INSTANCE) $(if $(FOR),--for $(FOR))

up: bootstrap ## start broker, database, services, gateway; wait until ready   [INSTANCE=name]
	@$(BIN)/wangge up --instance $(INSTANCE)

down: bootstrap ## stop what `up` started; data stays   [INSTANCE=name]
	@$(BIN)/wangge down --instance $(INSTANCE)

status: bootstrap ## each part, queues, outboxes, dead letters   [INSTANCE=name]
	@$(BIN)/wangge status --instance $(INSTANCE)

test: bootstrap ## every test, style, types and layers included   [T=path or path::name]
	@$(BIN)/pytest $(T)

lint: bootstrap ## style (ruff), types (mypy), layers (import-linter)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "ruff format would change files: make format"; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: bootstrap ## let ruff format, and mend what it safely can
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

bench: bootstrap .venv-bench/.up-to-date ## measure beside peers and limits; .run/bench/results.md   [ONLY=name]
	@$(BIN)/python -m tests.bench $(ONLY)

# The peers' environment, made when somebody measures, never by `bootstrap`.
.venv-bench/.up-to-date: requirements.bench.lock
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-bench
	@VIRTUAL_ENV=.venv-bench UV_LINK_MODE=$${UV_LINK_MODE:-copy} $(BIN)/uv pip install --quiet --require-hashes -r $<
	@touch $@

chaos: bootstrap ## faults under load, judged from outside: .run/chaos/report.md   [SEED= MINUTES= ONLY=kinds FOLDER=]
	@$(BIN)/python -m tests.chaos.run --seed $(or $(SEED),1) --minutes $(or $(MINUTES),5) \
		$(if $(ONLY),--only $(ONLY)) --folder $(or $(FOLDER),.run/chaos)

chaos-broken: bootstrap ## builds of dispatch broken on purpose, each of which the checker must catch
	@$(BIN)/pytest tests/chaos/test_breakages.py

simulate: bootstrap ## lifecycles beside a model, in simulated time   [LIFECYCLES= SEED= PROCESSES= RESUME=1 REPLAY=seed]
	@$(BIN)/python -m tests.model.simulate $(if $(REPLAY),--replay $(REPLAY),\
		--lifecycles $(or $(LIFECYCLES),10000) --seed $(or $(SEED),1) --processes $(or $(PROCESSES),2) \
		--json .run/simulate/report.json $(if $(RESUME),--resume))

lock: bootstrap ## make the lock files again from pyproject.toml   [UPGRADE=--upgrade]
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group dev $(UPGRADE) --custom-compile-command "make lock" -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group bootstrap $(UPGRADE) --custom-compile-command "make lock" -o requirements.bootstrap.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group service -c requirements.lock $(UPGRADE) --custom-compile-command "make lock" \
		-o requirements.bench.lock tests/bench/peers/requirements.in
