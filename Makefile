# Everything a contributor does. Each target first makes the environment where it is missing or older than its requirements.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin

# The compiled suite's environment: it has the wheel where $(VENV) has the checkout.
COMPILED_VENV := .venv-compiled
COMPILED_READY := $(COMPILED_VENV)/.ready

REQUIREMENTS := $(wildcard requirements/*.txt)
# Tests are independent of each other, and many wait for processes: three at a time keep two processors busy. The folders in their
# order: what takes long is begun first, so that nobody waits for the last file.
# `make test PYTEST_ARGS='-n 0 -k weights'`
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder
FUZZ_SECONDS ?= 60

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: setup
setup: $(READY) ## make .venv with everything in it

# The first interpreter that is new enough. PYTHON=... chooses another.
define find_python
for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do
  if command -v "$$candidate" >/dev/null && "$$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$$candidate
    break
  fi
done
if [ -z "$${python:-}" ]; then
  echo "hauberk needs Python 3.11 or newer, with its venv module, and found none." >&2
  echo "Install one (Debian and Ubuntu: python3 and python3-venv; macOS: brew install python@3.13)," >&2
  echo "or name it: make setup PYTHON=/path/to/python3" >&2
  exit 1
fi
endef

$(READY): pyproject.toml hatch_build.py $(REQUIREMENTS)
	@$(find_python)
	echo "setting up $(VENV) with $$("$$python" --version): packages are fetched, which takes some minutes"
	"$$python" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix -r ,$(REQUIREMENTS))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: demo
demo: $(READY) ## start a whole mesh with the bookshop in it, until Ctrl-C
	@exec $(BIN)/hauberk demo

.PHONY: lint
lint: $(READY) ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test
test: lint ## lint, then every test against the checkout
	$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: docs
docs: $(READY) ## write the pages of docs/reference that come from the code
	@PYTHONPATH=docs $(BIN)/python -m hauberk_docs
	$(BIN)/python -m hauberk_cli config schema > docs/reference/snapshot.schema.json

.PHONY: golden
golden: $(READY) ## write anew what injection is expected to make of pods
	@PYTHONPATH=tests/support $(BIN)/python -m injection_cases

.PHONY: chart
chart: $(READY) ## write the Helm chart from the objects that `hauberk install` applies
	@$(BIN)/python -m hauberk_cli.install.chart deploy/charts/hauberk

.PHONY: protos
protos: $(READY) ## compile the .proto files again
	@cd core && ../$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. hauberk_core/wire_proto/*.proto

.PHONY: wheel
wheel: $(READY) ## build the compiled wheel into dist/
	rm -rf dist
	HAUBERK_COMPILE=1 $(BIN)/python -m hatchling build --target wheel
	ls dist

$(COMPILED_READY): $(READY)
	rm -rf $(COMPILED_VENV)
	$(BIN)/python -m venv $(COMPILED_VENV)
	$(COMPILED_VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(addprefix -r ,$(filter-out requirements/bench.txt,$(REQUIREMENTS)))
	touch $@

# Run from a folder outside the sources' roots, so that only the installed wheel can be imported; tests/conftest.py makes sure of it.
.PHONY: test-compiled
test-compiled: wheel $(COMPILED_READY) ## the same tests against the compiled wheel
	$(COMPILED_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall dist/*.whl
	cd $(COMPILED_VENV)
	env --unset=PYTHONPATH HAUBERK_EXPECT_COMPILED=1 bin/python -m pytest --config-file ../pyproject.toml --rootdir .. $(PYTEST_ARGS) ../tests

# How an image is built: any command that takes `-t TAG -f DOCKERFILE CONTEXT`. The base has the Python that the wheels are for.
IMAGE_BASE ?= docker.io/library/python:$(shell $(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)-slim-bookworm
IMAGE_BUILD ?= docker build --build-arg BASE=$(IMAGE_BASE)
IMAGE_REGISTRY ?= localhost
IMAGE_TAG ?= dev
IMAGES := proxy control bookshop
# HAUBERK_COMPILE=0 leaves the wheel plain: quicker to build, for trials. IMAGE_WHEEL names one that was built before, for example
# dist/*.whl after `make wheel`; one of other sources than the checkout's is refused.
IMAGE_COMPILE := $(or $(HAUBERK_COMPILE),1)
IMAGE_WHEEL ?=
IMAGE_CONTEXT := build/images
IMAGE_REQUIREMENTS := $(filter-out %/bench.txt %/build.txt %/dev.txt %/test.txt,$(REQUIREMENTS))

.PHONY: images
images: $(READY) ## build the container images (IMAGE_BUILD, IMAGE_REGISTRY, IMAGE_TAG)
	@rm -rf $(IMAGE_CONTEXT)
	mkdir -p $(IMAGE_CONTEXT)/wheels $(IMAGE_CONTEXT)/requirements
	cp $(IMAGE_REQUIREMENTS) $(IMAGE_CONTEXT)/requirements
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(IMAGE_CONTEXT)/wheels $(addprefix -r ,$(IMAGE_REQUIREMENTS))
	if [ -n "$(IMAGE_WHEEL)" ]; then
	  HAUBERK_COMPILE=0 $(BIN)/python -m hatchling build --target wheel --directory $(IMAGE_CONTEXT)/plain
	  $(BIN)/python deploy/images/same_sources.py $(IMAGE_WHEEL) $(IMAGE_CONTEXT)/plain/*.whl
	  rm -r $(IMAGE_CONTEXT)/plain
	  cp $(IMAGE_WHEEL) $(IMAGE_CONTEXT)/wheels
	else
	  HAUBERK_COMPILE=$(IMAGE_COMPILE) $(BIN)/python -m hatchling build --target wheel --directory $(IMAGE_CONTEXT)/wheels
	fi
	for image in $(IMAGES); do
	  $(IMAGE_BUILD) -t $(IMAGE_REGISTRY)/hauberk-$$image:$(IMAGE_TAG) -f deploy/images/$$image/Dockerfile $(IMAGE_CONTEXT)
	done

# PLUGIN is the folder of a plugin's package that has a Dockerfile; it begins with the proxy's image of the same registry and tag.
PLUGIN ?= examples/example-ask
PLUGIN_IMAGE = hauberk-proxy-$(notdir $(PLUGIN))
PLUGIN_CONTEXT := build/plugin-image

.PHONY: plugin-image
plugin-image: $(READY) ## build a proxy's image with a plugin in it (PLUGIN, IMAGE_BUILD, IMAGE_REGISTRY, IMAGE_TAG)
	@rm -rf $(PLUGIN_CONTEXT)
	mkdir -p $(PLUGIN_CONTEXT)
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(PLUGIN_CONTEXT) ./$(PLUGIN)
	sed 's|^ARG PROXY=.*|ARG PROXY=$(IMAGE_REGISTRY)/hauberk-proxy:$(IMAGE_TAG)|' $(PLUGIN)/Dockerfile > $(PLUGIN_CONTEXT)/Dockerfile
	$(IMAGE_BUILD) -t $(IMAGE_REGISTRY)/$(PLUGIN_IMAGE):$(IMAGE_TAG) -f $(PLUGIN_CONTEXT)/Dockerfile $(PLUGIN_CONTEXT)

# Where `make e2e` runs: in the cluster of KUBECONFIG, whose nodes find the images by IMAGE_REGISTRY, or else in a lab on this machine.
# Go finds what others published, as pinned: Gateway API's definitions, for a test with an API server of its own, and Istio's samples.
HAUBERK_KUBELAB ?= ../shared/kube/kubelab
E2E_PYTEST_ARGS ?= -n 0

.PHONY: e2e
e2e: $(READY) ## build images, install them in a cluster by the chart, and try everything there (KUBECONFIG, or HAUBERK_KUBELAB)
	@if [ -n "$${KUBECONFIG:-}" ]; then
	  $(MAKE) images plugin-image
	  if [ -n "$${IMAGE_PUSH:-}" ]; then
	    for image in $(addprefix hauberk-,$(IMAGES)) $(PLUGIN_IMAGE); do $$IMAGE_PUSH $(IMAGE_REGISTRY)/$$image:$(IMAGE_TAG); done
	  fi
	  inside=""
	else
	  if [ ! -x "$(HAUBERK_KUBELAB)" ]; then
	    echo "no lab is at $(HAUBERK_KUBELAB): name one by HAUBERK_KUBELAB, or a cluster by KUBECONFIG" >&2
	    exit 1
	  fi
	  lab=$$(realpath $(HAUBERK_KUBELAB))
	  "$$lab" status >/dev/null || "$$lab" up
	  "$$lab" crds gateway-api-experimental istio >/dev/null
	  $(MAKE) images plugin-image IMAGE_BUILD="$$lab build"
	  inside="$$lab exec --"
	  HAUBERK_KUBE_PROGRAMS=$$($$inside bash -c 'dirname "$$(command -v etcd)"')
	  home=$$(dirname "$$HAUBERK_KUBE_PROGRAMS")
	  export HAUBERK_KUBE_PROGRAMS HAUBERK_REQUIRE_CLUSTER=1
	  export HAUBERK_CNI_CONFIGURATION="$$home/state/cni" HAUBERK_CNI_PROGRAMS=/usr/lib/cni HAUBERK_NODE_RESTART="$$lab restart"
	fi
	published() { go -C "$$1" mod download "$$2" && go -C "$$1" list -m -f '{{.Dir}}' "$$2"; }
	if command -v go >/dev/null; then
	  HAUBERK_GATEWAY_API=$$(published tests/conformance sigs.k8s.io/gateway-api)/config/crd/experimental
	  HAUBERK_ISTIO_SAMPLES=$$(published tests/cluster istio.io/istio)/samples
	  export HAUBERK_GATEWAY_API HAUBERK_ISTIO_SAMPLES
	fi
	$$inside env HAUBERK_CLUSTER=1 HAUBERK_IMAGE_REGISTRY=$(IMAGE_REGISTRY) HAUBERK_IMAGE_TAG=$(IMAGE_TAG) \
	  $(BIN)/python -m pytest -m "cluster or kubernetes" -p no:cacheprovider $(E2E_PYTEST_ARGS) tests/cluster tests/e2e/kubernetes

.PHONY: fuzz
fuzz: $(READY) ## every fuzzer, FUZZ_SECONDS (60) each, two at a time
	@printf '%s\n' tests/fuzz/fuzz_*.py | xargs -P 2 -I{} sh -c 'echo "{}, $(FUZZ_SECONDS) seconds"; exec $(BIN)/python {} --seconds $(FUZZ_SECONDS)'

# SOAK_PYTHON names the interpreter: the checkout's, or the one that has the compiled wheel.
SOAK_PYTHON ?= $(BIN)/python
SOAK_SECONDS ?= 600

.PHONY: soak
soak: $(READY) ## ten minutes of load, changes, restarts and failing endpoints: memory and descriptors stay flat
	@PYTHONPATH=tests/support $(SOAK_PYTHON) -P tests/e2e/soak.py --seconds $(SOAK_SECONDS)

.PHONY: endure
endure: $(READY) ## a mesh under load: rotation, edits, outages, for minutes
	@HAUBERK_ENDURE=$${HAUBERK_ENDURE:-1} $(BIN)/python -m pytest -m endure -rP -n 2 --dist loadfile

.PHONY: bench
bench: $(READY) ## hauberk beside Envoy, nginx and haproxy
	$(BIN)/python -m bench

# On the cluster of KUBECONFIG, whose node is this machine and where these images are installed: BENCH_CLUSTER_RUN='kubelab exec --'
# leads into a lab.
BENCH_CLUSTER_RUN ?=
BENCH_CLUSTER_ARGS ?=

.PHONY: bench-cluster
bench-cluster: $(READY) ## what is installed in a cluster: delay of changes, of new Gateways, memory (BENCH_CLUSTER_ARGS)
	@$(BENCH_CLUSTER_RUN) $(BIN)/python -m bench.cluster --workload-image $(IMAGE_REGISTRY)/hauberk-bookshop:$(IMAGE_TAG) \
	  --results bench/results $(BENCH_CLUSTER_ARGS)

# The Gateway API's own suite, which is a Go program; see tests/conformance/README.md. A run for Gateways, one for the mesh.
CONFORMANCE := build/conformance.test
CONFORMANCE_CLASS ?= hauberk
CONFORMANCE_PROFILES ?= GATEWAY-HTTP GATEWAY-GRPC GATEWAY-TCP GATEWAY-TLS GATEWAY-UDP MESH-HTTP MESH-GRPC
CONFORMANCE_REPORT ?= tests/conformance/report.yaml
CONFORMANCE_ARGS ?=
CONFORMANCE_RUN ?=

$(CONFORMANCE): $(wildcard tests/conformance/*.go tests/conformance/go.*)
	@mkdir -p build
	cd tests/conformance
	go test -c -o ../../$@ .

.PHONY: conformance
conformance: $(READY) $(CONFORMANCE) ## hauberk on the cluster of KUBECONFIG, held to the Gateway API's suite
	@failed=0
	reports=()
	for profile in $(CONFORMANCE_PROFILES); do
	  features=$$($(BIN)/python tests/conformance/features.py "$$profile")
	  reports+=("build/$$profile.yaml")
	  # Only the mesh's pods have sidecars: what a Gateway does is seen from outside.
	  labels=$$([[ "$$profile" = MESH-* ]] && echo istio-injection=enabled || true)
	  $(CONFORMANCE_RUN) $(CONFORMANCE) -test.run TestGatewayAPI -test.v -test.timeout 60m \
	    -gateway-class=$(CONFORMANCE_CLASS) -conformance-profiles="$$profile" -supported-features="$$features" \
	    -namespace-labels="$$labels" -organization=hauberk -project=hauberk -url=https://hauberk.dev -contact=https://hauberk.dev \
	    -version="$$($(BIN)/python -c 'from importlib.metadata import version; print(version("hauberk"))')" \
	    -report-output="build/$$profile.yaml" $(CONFORMANCE_ARGS) || failed=1
	  # The suite leaves its namespaces to their end; the next run makes them again.
	  $(CONFORMANCE_RUN) kubectl wait --for=delete namespaces -l gateway-conformance --timeout=300s
	done
	$(BIN)/python tests/conformance/join_reports.py "$${reports[@]}" > $(CONFORMANCE_REPORT)
	exit $$failed

.PHONY: conformance-names
conformance-names: $(CONFORMANCE) ## the tests of that suite, and the features for which they run
	@$(CONFORMANCE) -test.run TestNames

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(VENV) $(COMPILED_VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
