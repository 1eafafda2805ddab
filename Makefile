# Everything a person does with this repository. `make` alone prints this list.
# Every target but `help` depends on .venv being up to date with the lock; that costs nothing when it is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help bootstrap run up down status test lint format bench chaos chaos-broken outage upgrade-proof simulate images sbom observability \
	lock compose-up compose-servers compose-proof cluster-proof .run/compose

# Services are started hundreds of times by the tests: what Python has compiled is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.up-to-date
INSTANCE ?= default
# Most tests wait more than they compute: a second one runs meanwhile, with servers of its own.
WORKERS ?= 2
CLUSTER_IMAGES := $(foreach each,registry dispatch gateway drill,wangge/$(each):dev) \
	rabbitmq:3.13-management postgis/postgis:15-3.3

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

test: bootstrap ## every test, style, types and layers included   [T=path or path::name] [WORKERS=2]
ifdef T
	@$(BIN)/pytest $(T)
else
	@failed=0; \
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone" || failed=1; \
	$(BIN)/pytest -m alone || failed=1; \
	exit $$failed
endif

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

outage: bootstrap ## the broker away under intake, dispatch and gateway killed midway: no call lost   [MINUTES=10 RATE=20]
	@OUTAGE_MINUTES=$(or $(MINUTES),10) OUTAGE_RATE=$(or $(RATE),20) $(BIN)/pytest -s tests/e2e/test_never_lose_a_call.py

upgrade-proof: bootstrap ## a rolling upgrade to this checkout under load, there, back and there   [FROM=commit or tag SECONDS= LOAD=]
	@$(BIN)/python -m tests.upgrade.run $(if $(FROM),--from $(FROM)) --seconds $(or $(SECONDS),30) --load $(or $(LOAD),4)

simulate: bootstrap ## lifecycles beside a model, in simulated time   [LIFECYCLES= SEED= PROCESSES= RESUME=1 REPLAY=seed]
	@$(BIN)/python -m tests.model.simulate $(if $(REPLAY),--replay $(REPLAY),\
		--lifecycles $(or $(LIFECYCLES),10000) --seed $(or $(SEED),1) --processes $(or $(PROCESSES),2) \
		--json .run/simulate/report.json $(if $(RESUME),--resume))

compose-up: .run/compose images ## everything in containers, on this machine, until it is ready   [VERSION=]
	@$(BIN)/docker-compose up --detach --wait

compose-servers: .run/compose ## broker and database alone in containers; prints their URLs
	@$(BIN)/docker-compose up --detach --wait broker database
	@cat .run/compose/admin.env

compose-proof: bootstrap ## what is promised of the containers, seen from outside; images must be there (make images)
	@$(BIN)/python -m tests.deploy.compose_proof

# As root, on Debian: deploy/cluster/README.md. ON=current: what was rolled out on the cluster of the current context.
cluster-proof: bootstrap ## the county's manifests on a Kubernetes of one node; images must be there (make images)   [ON=current]
	@PATH=$(abspath $(BIN)):$$PATH; $(if $(filter current,$(ON)),python -m tests.deploy.cluster.proof --as-it-stands, \
		deploy/cluster/node $(CLUSTER_IMAGES) -- python -m tests.deploy.cluster.proof)

.run/compose: bootstrap
	@$(BIN)/python -m cli.stack.compose_secrets compose

observability: bootstrap ## docs/metrics.md, dashboards, and the alerts as a resource of Kubernetes, from their sources
	@for each in catalogue dashboards resource; do $(BIN)/python -m deploy.observability.$$each || exit 1; done

images: ## build the image of every deployable with Docker   [VERSION= PYTHON_IMAGE= REGISTRY= CA_PEM=]
	@deploy/docker/build

sbom: bootstrap ## what each image holds of Python, as CycloneDX: .run/sbom/NAME.json
	@mkdir -p .run/sbom
	@for image in registry dispatch gateway drill; do \
		$(BIN)/cyclonedx-py requirements --output-reproducible --spec-version 1.6 --of JSON \
		-o .run/sbom/$$image.json deploy/docker/$$image.lock && echo .run/sbom/$$image.json || exit 1; \
	done

lock: bootstrap ## make the lock files again from pyproject.toml   [UPGRADE=--upgrade]
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group dev $(UPGRADE) --custom-compile-command "make lock" -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group bootstrap $(UPGRADE) --custom-compile-command "make lock" -o requirements.bootstrap.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group service -c requirements.lock $(UPGRADE) --custom-compile-command "make lock" \
		-o requirements.bench.lock tests/bench/peers/requirements.in
	@for image in registry dispatch gateway drill; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--group $$image $$(test $$image = drill || echo --group traces) -c requirements.lock $(UPGRADE) --custom-compile-command "make lock" \
		-o deploy/docker/$$image.lock pyproject.toml || exit 1; \
	done
