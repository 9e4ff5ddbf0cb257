# lockstep: every task of the repository. `make` alone lists them.
# Only Go and a POSIX system with bash are needed; tools are built into .tools/.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The version of a build is the one that Go reads from git, where git may be read.
BUILDVCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)
LDFLAGS  := -s -w
BIN      := bin/lockstep
TOOLS    := $(CURDIR)/.tools/bin

# Test flags, benchmark pattern and count, arguments of `make run`.
TESTFLAGS ?=
BENCH     ?= .
COUNT     ?= 1
ARGS      ?= serve

.PHONY: help
help: ## list the tasks
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## tell the whole story on three SQLite tenants, with the commands it runs
	@bash scripts/demo.sh

.PHONY: test
test: ## test everything on the real engines found here, and say which
	@TESTFLAGS="$(TESTFLAGS)" bash scripts/test.sh

.PHONY: build
build: ## build the static binary, bin/lockstep
	CGO_ENABLED=0 go build -trimpath -buildvcs=$(BUILDVCS) -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/lockstep

.PHONY: run
run: build ## run the server (make run ARGS="preview …" for a command)
	$(BIN) $(ARGS)

.PHONY: generate
generate: .tools/proto.stamp .tools/sqlc.stamp ## regenerate the API's code and documents, and the control store's queries
	PATH="$(TOOLS):$$PATH" buf generate
	go run ./internal/control/gen schema
	$(TOOLS)/sqlc generate -f internal/control/sqlc.yaml
	go run ./internal/control/gen adapters

.PHONY: lint
lint: .tools/lint.stamp .tools/proto.stamp ## check code, layers, formatting and protos
	GOLANGCI_LINT_CACHE="$(CURDIR)/.tools/lint-cache" $(TOOLS)/golangci-lint run ./... # a cache shared with another checkout reports its places
	PATH="$(TOOLS):$$PATH" buf lint
	@bash scripts/hygiene.sh

.PHONY: check-deploy
check-deploy: build ## check deploy/: chart, Dockerfile, compose file, dashboard, alerts, systemd unit
	@bash scripts/check-deploy.sh

.PHONY: fmt
fmt: .tools/lint.stamp ## format all Go code
	$(TOOLS)/golangci-lint fmt ./...

.PHONY: bench
bench: .tools/dev.stamp ## run the benchmarks (BENCH=pattern COUNT=n)
	@BENCH='$(BENCH)' COUNT='$(COUNT)' BENCHSTAT='$(TOOLS)/benchstat' bash scripts/bench.sh

.PHONY: readme
readme: build ## put the preview of a real run into the README
	@bash scripts/readme.sh

.PHONY: engines
engines: ## start private database servers and keep them for several test runs
	@scripts/engines.sh up && scripts/engines.sh env

.PHONY: engines-down
engines-down: ## stop what `make engines` started
	@scripts/engines.sh down

.PHONY: tools
tools: .tools/dev.stamp .tools/proto.stamp .tools/sqlc.stamp .tools/lint.stamp ## build the pinned generators and linters

# A set of tools is built again when its module changes.
.tools/%.stamp: tools/%/go.mod tools/%/go.sum
	@echo "building the tools of tools/$*"
	@mkdir -p $(TOOLS)
	@cd tools/$* && CGO_ENABLED=0 GOBIN="$(TOOLS)" go install -trimpath tool
	@touch $@

.PHONY: clean
clean: engines-down ## remove what was built
	rm -rf bin .demo .tools
