# usermgmt: run `make` for the list of targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK ?= golang.org/x/vuln/cmd/govulncheck@v1.1.4

TESTFLAGS ?=
BENCH     ?= .
BENCHTIME ?= 1s
FUZZTIME  ?= 10s
SOAKCOUNT ?= 20
PEERCOUNT ?= 1
PLANUSERS ?= 1000000
SCALEUSERS ?= 1000000

# The packages whose tests run on every store.
SERVICES := . ./usermgmthttp ./examples/quickstart

# The directories of all modules, the root first.
MODULES := $(shell find . -name go.mod -not -path '*/testdata/*' -not -path '*/.*/*' -exec dirname {} \; | LC_ALL=C sort)

# $(call each,command) runs command in every module and stops at the first failure.
each = for m in $(MODULES); do \
	[[ $$m == . ]] || echo "\# module $$m"; \
	(cd "$$m" && $(1)) || exit 1; \
done

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The tests of the services run on memory and over pgx. Over database/sql, whose store is
# the same but for its driver, they are for make soak; the suite of stores runs there too.
.PHONY: test
test: ## Run all tests of every module, with the race detector, in random order; those of the services on memory and Postgres
	@$(call each,go test ./... -race -shuffle=on -timeout 30m $(TESTFLAGS))
	@echo "# services on pgx"; USERMGMT_TEST_STORE=pgx go test $(SERVICES) -race -shuffle=on -timeout 30m $(TESTFLAGS)

.PHONY: build
build: ## Compile every package of every module
	@$(call each,go build ./...)

.PHONY: lint
lint: fmt vet staticcheck ## Run gofmt, go vet and staticcheck

.PHONY: fmt
fmt: ## Fail if a file is not formatted
	@files=$$(gofmt -l .); [[ -z $$files ]] || { printf 'not formatted (run gofmt -w):\n%s\n' "$$files"; exit 1; }

.PHONY: vet
vet: ## Run go vet on every module
	@$(call each,go vet ./...)

.PHONY: staticcheck
staticcheck: ## Run staticcheck, at a pinned version, on every module
	@$(call each,go run $(STATICCHECK) ./...)

.PHONY: tidy
tidy: ## Fail if a go.mod or go.sum is not tidy
	@$(call each,go mod tidy -diff)

.PHONY: bench
bench: ## Run the benchmarks (BENCH=pattern BENCHTIME=1s)
	@$(call each,go test ./... -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem)

.PHONY: peers
peers: ## Ask casbin, cedar-go, OPA and OpenFGA what usermgmt is asked, in memory and on Postgres, and time them (BENCH=pattern BENCHTIME=1s PEERCOUNT=1)
	@cd bench && go vet -tags peers . && go test -tags peers -run . . && \
	go test -tags peers -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -count $(PEERCOUNT) -timeout 0 .

.PHONY: plans
plans: ## Look at the plans of all statements on PLANUSERS (1000000) users
	@USERMGMT_PLANS=$(PLANUSERS) go test ./store/postgres -run '^(TestPlans|TestAHostsTableIsReadByItsIndexes)$$' -timeout 0 -v | grep -v '^=== '

.PHONY: scale
scale: ## Call every service once on SCALEUSERS (1000000) users on Postgres: times, plans, memory
	@USERMGMT_SCALE=$(SCALEUSERS) go test ./store/postgres -run '^TestScale$$' -timeout 0 -v | grep -v '^=== '

# A fuzz run that found nothing may end with "context deadline exceeded" (a race in
# Go's coordinator, go.dev/issue/75804, mended in Go 1.27). Such a run, known by no
# input having been written, is repeated, at most twice; any other failure stands.
.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	for m in $(MODULES); do \
		cd "$(CURDIR)/$$m"; \
		list=$$(go test ./... -list '^Fuzz') || { printf '%s\n' "$$list"; exit 1; }; \
		awk '/^Fuzz/ { t[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, t[i]; n = 0 }' <<<"$$list" | \
		while read -r pkg target; do \
			echo "# $$pkg $$target"; \
			for try in 1 2 3; do \
				go test "$$pkg" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) </dev/null >"$$log" 2>&1 && { cat "$$log"; continue 2; }; \
				grep -qE '^ +context deadline exceeded$$' "$$log" && ! grep -q 'Failing input' "$$log" || break; \
				echo 'ended by go.dev/issue/75804'; \
			done; \
			cat "$$log"; exit 1; \
		done; \
	done

.PHONY: soak
soak: ## Run the tests SOAKCOUNT (20) times, at the sizes that USERMGMT_SOAK=1 asks for, and the plans
	@export USERMGMT_SOAK=1; \
	$(call each,go test $$(go list ./... | grep -v -e /internal/crash -e /internal/naive -e /internal/fresh -e /internal/escalation) -race -shuffle=on -count $(SOAKCOUNT) -timeout 0 $(TESTFLAGS)); \
	go test ./internal/crash -race -timeout 0 $(TESTFLAGS); \
	for p in naive fresh escalation; do go test ./internal/$$p -timeout 0 -v $(TESTFLAGS) | grep -v '^=== '; done; \
	for s in pgx sql; do USERMGMT_TEST_STORE=$$s go test $(SERVICES) -race -shuffle=on -timeout 0 $(TESTFLAGS) || exit 1; done
	@$(MAKE) plans

# An example that cannot run by itself says so in a comment line of its own,
# "// Needs arguments."
.PHONY: examples
examples: ## Run every example that needs no arguments, each in a temporary directory
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	for m in $(MODULES); do \
		cd "$(CURDIR)/$$m"; \
		mains=$$(go list -f '{{if eq .Name "main"}}{{.Dir}}{{end}}' ./...); \
		for dir in $$mains; do \
			[[ $$dir == "$(CURDIR)"/examples/* ]] || continue; \
			name=$${dir#"$(CURDIR)"/examples/}; \
			if grep -qx '// Needs arguments\.' "$$dir"/*.go; then echo "# $$name: needs arguments, not run"; continue; fi; \
			echo "# $$name"; \
			go build -o "$$tmp/example" "$$dir"; \
			mkdir "$$tmp/dir"; \
			(cd "$$tmp/dir" && timeout 120 "$$tmp/example" </dev/null) || { echo "example $$name failed"; exit 1; }; \
			rm -rf "$$tmp/dir"; \
		done; \
	done

# The vulnerability database is not fetched: a build must not fail because of
# what was published a minute ago, or because there is no network.
.PHONY: vuln
vuln: ## Run govulncheck against the database at USERMGMT_VULNDB (a file:// or https:// URL)
	@if [[ -z $${USERMGMT_VULNDB:-} ]]; then \
		echo "govulncheck was not run: USERMGMT_VULNDB does not name a vulnerability database"; \
	else \
		$(call each,go run $(GOVULNCHECK) -db "$$USERMGMT_VULNDB" ./...); \
	fi
