# Muster's chores. `make` says what there is.

FUNCTIONS := $(notdir $(wildcard functions/*))
HOST      := build/local
GOLANGCI  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
BENCH     := ^Benchmark
SCHEDULES := 100000
AWS       := aws

# Functions are built the same everywhere: no paths, no revision, no C, no RPC
# protocol that provided.al2023 does not speak.
LAMBDA_FLAGS := -trimpath -buildvcs=false -ldflags '-s -w' -tags lambda.norpc
LAMBDA_ENV   := GOOS=linux GOARCH=arm64 CGO_ENABLED=0

.DEFAULT_GOAL := help

.PHONY: help
help: ## Say what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: $(HOST)/muster $(FUNCTIONS:%=$(HOST)/%/bootstrap) ## Build muster and its functions for this machine, into build/local.

.PHONY: package
package: $(FUNCTIONS:%=build/%/bootstrap) ## Build the functions for Lambda (linux/arm64), into build/<name>, where the template looks.

.PHONY: deploy
deploy: package ## Deploy FLEET with the AWS CLI, through BUCKET: PARAMS='ProcessHandler=ARN MaxConcurrency=20'.
	@test -n '$(FLEET)' -a -n '$(BUCKET)' || { echo "make deploy: set FLEET and BUCKET"; exit 2; }
	$(AWS) cloudformation package --template-file cloudformation/fleet.yaml --s3-bucket '$(BUCKET)' --s3-prefix code --output-template-file build/fleet.yaml
	$(AWS) cloudformation deploy --template-file build/fleet.yaml --stack-name '$(FLEET)' --s3-bucket '$(BUCKET)' --s3-prefix code \
		--capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM --tags 'muster:fleet=$(FLEET)' --no-fail-on-empty-changeset \
		--parameter-overrides CodeVersion=$$(cat cloudformation/fleet.yaml $(FUNCTIONS:%=build/%/bootstrap) | sha256sum | cut -c1-16) $(PARAMS)
	$(AWS) cloudformation describe-stacks --stack-name '$(FLEET)' --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text

.PHONY: destroy
destroy: ## Delete the stack of FLEET with the AWS CLI. Pause it first: its workers are not waited for.
	@test -n '$(FLEET)' || { echo "make destroy: set FLEET"; exit 2; }
	$(AWS) cloudformation delete-stack --stack-name '$(FLEET)'
	$(AWS) cloudformation wait stack-delete-complete --stack-name '$(FLEET)'

# Go knows best what is up to date.
.PHONY: FORCE
FORCE:

$(HOST)/muster: FORCE
	go build -trimpath -o $@ ./cmd/muster

$(HOST)/%/bootstrap: FORCE
	go build -trimpath -o $@ ./functions/$*

# The AWS CLI zips them with their times: the same code shall be the same zip.
build/%/bootstrap: FORCE
	$(LAMBDA_ENV) go build $(LAMBDA_FLAGS) -o $@ ./functions/$*
	@touch -d @946684800 $@

.PHONY: reproducible
reproducible: package ## Check that another checkout with an empty build cache packages the same bytes.
	.ci/reproducible $(FUNCTIONS)

.PHONY: previous-release
previous-release: ## Keep the release of TAG for the tests of upgrades: TAG=v0.1.0.
	@test -n '$(TAG)' || { echo "make previous-release: set TAG"; exit 2; }
	.ci/previous-release '$(TAG)'

.PHONY: test
test: ## Run all tests: offline, nothing skipped.
	go test ./...

.PHONY: race
race: ## Run all tests with the race detector.
	go test -race ./...

.PHONY: explore
explore: ## Search SCHEDULES interleavings (100,000) for one that passes the cap.
	go test ./internal/explore -run TestExplore -v -timeout 0 -schedules $(SCHEDULES)

.PHONY: bench
bench: ## Run the benchmarks and print them as a table. BENCH=<regexp> picks some.
	.ci/bench '$(BENCH)'

.PHONY: scaling
scaling: ## Try the scaling policies on ten traces and write docs/scaling.md.
	go run ./internal/sim/scaling

.PHONY: costs
costs: ## Meter fleets in virtual time and write the tables of README.md and docs/costs.md.
	go test ./internal/scenario/costs -run "TestCells|TestAims|TestIdle|TestTables" -timeout 90m -update

# The linter's cache is the checkout's own: shared, it names the files of another.
.PHONY: lint
lint: ## Check format, vet, lint, go.mod, and template and definitions where their checkers are installed.
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go mod tidy -diff
	GOLANGCI_LINT_CACHE=$(CURDIR)/build/lint go run $(GOLANGCI) run ./...
	@if command -v cfn-lint >/dev/null; then echo cfn-lint cloudformation/fleet.yaml; cfn-lint cloudformation/fleet.yaml; \
	else echo "cfn-lint is not installed: the template was not linted (pip install cfn-lint)"; fi
	@if command -v asl-validator >/dev/null; then echo asl-validator asl/*.asl.json; for f in asl/*.asl.json; do asl-validator --json-path $$f || exit 1; done; \
	else echo "asl-validator is not installed: the definitions were not validated (npm install -g asl-validator)"; fi

.PHONY: clean
clean: ## Delete what was built.
	rm -rf build
