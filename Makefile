# Thin over meson: each target is a habit as a command (docs/HACKING.md).
# Programs are left in build/bin, libraries in build/lib. `make demo` and `make check` also install
# what is missing, where they may.

BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# what `make cluster` has
NODES ?= 1
GPUS ?= 8xA100-40GB
# seconds of `make fuzz`
S ?= 60
SETUP = scripts/setup.sh
# where `make install` puts programs, below DESTDIR where that is given
PREFIX ?= /usr/local
NINJA = JOBS=$(JOBS) scripts/build.sh
SANITIZED = -Db_lundef=false --buildtype=debugoptimized
SOURCES = $$(git ls-files -co --exclude-standard 'src/*.[ch]' 'simdriver/*.[ch]' 'tests/*.[ch]')

export ASAN_OPTIONS ?= detect_leaks=1:strict_string_checks=1:abort_on_error=0
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1

.DEFAULT_GOAL := all
.PHONY: all check demo asan tsan fuzz torture cover tidy format check-format golden bench bench-node \
	bench-cluster install sizes judges cluster demo-cluster check-cluster check-matrix images clean help

all: ## build the programs and libraries
	@scripts/deps.sh build
	@$(SETUP) $(BUILD)
	@$(NINJA) $(BUILD)

demo: all ## plan the shipped example cluster; the dashboard over a simulated machine
	@scripts/demo.sh $(BUILD)/bin/gpuslice

install: all ## programs and shell completion: [PREFIX=/usr/local] [DESTDIR=]
	@scripts/install.sh $(BUILD) "$(PREFIX)" "$(DESTDIR)"

check: ## every test but the suite cluster-long; says what it skipped and why
	@scripts/deps.sh build test
	@$(SETUP) $(BUILD) -Dtests=enabled
	@$(NINJA) $(BUILD)
	@scripts/check.py $(BUILD) --no-suite cluster-long

asan: ## the tests with AddressSanitizer and UBSan
	@scripts/deps.sh test
	@$(SETUP) build-asan -Db_sanitize=address,undefined $(SANITIZED) -Dtests=enabled
	@$(NINJA) build-asan
	@scripts/check.py build-asan -t 5

tsan: ## the tests with ThreadSanitizer
	@scripts/deps.sh test
	@# what gcc says of sizes is wrong in code that it has instrumented itself: say it, go on
	@$(SETUP) build-tsan -Db_sanitize=thread $(SANITIZED) -Dtests=enabled -Dwerror=false
	@$(NINJA) build-tsan
	@scripts/check.py build-tsan -t 5

fuzz: ## look for new inputs: make fuzz T=name [S=seconds]
	@scripts/deps.sh ci
	@test -f "tests/fuzz/fuzz_$(T).c" || { echo "make fuzz T=name, one of:" \
		$$(ls tests/fuzz | sed -n 's/^fuzz_\(.*\)\.c$$/\1/p'); exit 2; }
	@CC=clang $(SETUP) build-fuzz -Dfuzzing=true -Db_sanitize=address,undefined $(SANITIZED)
	@$(NINJA) build-fuzz tests/fuzz/fuzz_$(T)
	@mkdir -p build-fuzz/found/$(T)
	build-fuzz/tests/fuzz/fuzz_$(T) -max_total_time=$(S) -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix=build-fuzz/found/$(T)- build-fuzz/found/$(T) tests/fuzz/corpus/$(T)

torture: ## fail each request for memory once; kill, starve and lie to each change of GPUs
	@scripts/deps.sh test
	@$(SETUP) build-asan -Db_sanitize=address,undefined $(SANITIZED) -Dtests=enabled
	@$(NINJA) build-asan
	@GPUSLICE_TORTURE=all scripts/check.py build-asan -t 5 --suite torture

judges: all ## programs that are not ours look at simulated machines of every model and layout
	@scripts/deps.sh test
	@$(SETUP) $(BUILD) -Dtests=enabled
	@$(NINJA) $(BUILD)
	@for judge in go-nvlib nvidia-ctk nvidia-ml-py nvitop cdi; do \
		GPUSLICE_JUDGES=fetch python3 tests/judges/judge.py $$judge $(BUILD) . --all; r=$$?; \
		[ $$r = 0 ] || [ $$r = 77 ] || exit 1; done

cluster: all ## a real Kubernetes with simulated GPUs, until Ctrl-C: [NODES=1] [GPUS=8xA100-40GB]
	@scripts/deps.sh cluster
	@cd tests/cluster && GPUSLICE_BUILD=$(abspath $(BUILD)) GPUSLICE_CLUSTER=fetch \
		python3 -m bed $(NODES) $(GPUS)

demo-cluster: all ## pods ask for slices, Karpenter buys, GPUs are cut, all of it goes again: [KEEP=1]
	@scripts/deps.sh cluster
	@GPUSLICE_CLUSTER=fetch python3 tests/cluster/demo.py $(BUILD)

check-cluster: ## the tests on a real Kubernetes, built the first time; FULL=1 takes most of an hour
	@scripts/deps.sh test cluster
	@$(SETUP) $(BUILD) -Dtests=enabled
	@$(NINJA) $(BUILD)
	@GPUSLICE_CLUSTER=fetch $(if $(FULL),GPUSLICE_RECUT_SECONDS=600 GPUSLICE_RECUT_RACES=1000 \
			GPUSLICE_ARRIVALS=200 GPUSLICE_LONG=1) \
		scripts/check.py $(BUILD) -t $(if $(FULL),10,1) --suite cluster --suite cluster-long

check-matrix: all ## the core of them over versions of Kubernetes and Karpenter: [ARGS='1.34 1.35/1.11']
	@scripts/deps.sh test cluster
	@python3 tests/cluster/matrix.py $(BUILD) $(ARGS)

images: all ## container images of agent and controller, as OCI archives in build/images: [ARGS='--tag 1']
	@scripts/images.py $(BUILD) $(ARGS)

cover: ## line and branch coverage of the tests
	@scripts/deps.sh dev
	@$(SETUP) build-cover -Db_coverage=true -Doptimization=0 -Dtests=enabled
	@$(NINJA) build-cover
	@find build-cover -name '*.gcda' -delete
	@scripts/check.py build-cover
	@gcovr --root . --filter src/ --exclude build-cover/ --sort-uncovered build-cover

tidy: ## clang-tidy over the sources; no finding is let through
	@scripts/deps.sh dev
	@CC=clang $(SETUP) build-clang -Dtests=enabled
	@$(NINJA) build-clang
	@git ls-files -co --exclude-standard 'src/*.c' 'simdriver/*.c' 'tests/*.c' \
		| xargs -n 1 -P $(JOBS) clang-tidy --quiet -p build-clang 2>/dev/null

format: ## clang-format in place
	@scripts/deps.sh dev
	@clang-format -i $(SOURCES)

check-format: ## what clang-format would change
	@scripts/deps.sh dev
	@clang-format --dry-run -Werror $(SOURCES)

golden: all ## write the golden files anew, to be reviewed as code
	@tests/golden/run.py --update --bin-dir $(BUILD)/bin
	@python3 tests/plan/test_plan.py $(BUILD)/bin/gpuslice . --update-page
	@git --no-pager diff --stat -- tests/golden docs/plan.md

bench: all ## the benchmarks, with the peers beside them: make bench [ARGS='--only fleet -o json']
	@$(BUILD)/bin/gpuslice bench --peer tests/bench/highs_peer.py --peer tests/bench/cbc_peer.py \
		--peer tests/bench/json_peer.py $(ARGS)

bench-node: ## our agent beside NVIDIA's programs on a real kubelet: [ARGS='--only idle,load --rounds 3']
	@scripts/deps.sh test cluster
	@$(SETUP) $(BUILD) -Dtests=enabled
	@$(NINJA) $(BUILD)
	@GPUSLICE_CLUSTER=fetch python3 tests/bench/node/node_bench.py $(BUILD) $(ARGS) || [ $$? = 77 ]

bench-cluster: all ## the controller in clusters of 100 to 10,000 nodes: [ARGS='--sizes 100,1000']
	@scripts/deps.sh cluster
	@GPUSLICE_CLUSTER=fetch python3 tests/bench/cluster/cluster_bench.py $(BUILD) $(ARGS) || [ $$? = 77 ]

sizes: all ## longest functions and files, binary sizes, memory
	@scripts/sizes.py $(BUILD)

clean: ## remove every build folder
	rm -rf build build-*

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16
