# awaitd: `make help` lists the targets.
PKGS := libmicrohttpd jansson libuv sqlite3 libcurl openssl zlib
# Debian's own Python: the modules that the tests use come as Debian packages.
PYTHON ?= /usr/bin/python3

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Werror
BASE := -std=c11 -D_GNU_SOURCE -I. $(WARN) $(shell pkg-config --cflags $(PKGS) 2>/dev/null) -pthread
LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ljq -lm -pthread

# Everything can be built in three flavours, side by side: build/release, build/asan, build/tsan.
FLAVOUR ?= release
FLAGS_release := -O2 -g
FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_tsan := -O1 -g -fsanitize=thread
CFLAGS := $(BASE) $(FLAGS_$(FLAVOUR)) -MMD -MP
OUT := build/$(FLAVOUR)

export ASAN_OPTIONS := detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS := print_stacktrace=1
export TSAN_OPTIONS := halt_on_error=1:second_deadlock_stack=1:suppressions=$(CURDIR)/tests/tsan.supp

# All processors, also for a plain `make`; -j on the command line wins. Several goals, as in
# `make clean all`, one after another.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc) --no-print-directory
endif
ifneq ($(word 2,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

SCHEMA := $(wildcard schema/*.c)
RUNTIME := $(wildcard runtime/*.c runtime/*/*.c)
SERVER := $(filter-out server/main.c,$(wildcard server/*.c))
objects = $(patsubst %.c,$(OUT)/%.o,$(1))
LIBRARY := $(OUT)/library.a

all: build/awaitd ## build build/awaitd (the default)

build/awaitd: $(OUT)/awaitd
	@mkdir -p build && cp $< $@.new && mv -f $@.new $@

$(OUT)/awaitd: $(call objects,server/main.c $(SERVER)) $(LIBRARY)
	@echo "link $@"
	@$(CC) $(CFLAGS) $^ -o $@ $(LIBS)

# An archive, so that a test program takes from it only what it does not bring itself.
$(LIBRARY): $(call objects,$(RUNTIME) $(SCHEMA)) $(OUT)/embedded.o
	@rm -f $@ && $(AR) crs $@ $^

$(OUT)/%.o: %.c Makefile | packages-build
	@mkdir -p $(@D)
	@echo "cc $< ($(FLAVOUR))"
	@$(CC) $(CFLAGS) -c $< -o $@

# ---- test programs: one for each folder, tests/main.c and the folder's *.c ----

comma := ,
TEST_MAIN := tests/main.c
SIM := $(wildcard tests/sim/*.c)
$(OUT)/unit-tests: $(call objects,$(TEST_MAIN) $(wildcard tests/unit/*.c) $(SIM) $(SERVER)) $(LIBRARY)
$(OUT)/specs-tests: $(call objects,$(TEST_MAIN) $(wildcard tests/specs/*.c) $(SIM)) $(LIBRARY)
$(OUT)/store-tests: $(call objects,$(TEST_MAIN) $(wildcard tests/store/*.c)) $(LIBRARY)
MEMORY := $(filter-out tests/sim/memory.c,$(SIM)) tests/specs/case_read.c \
	tests/unit/call_fixture.c $(wildcard tests/memory/*.c)
$(OUT)/memory-tests: $(call objects,$(TEST_MAIN) $(MEMORY)) $(LIBRARY)
# Every malloc goes through tests/memory/inject.c.
$(OUT)/memory-tests: LIBS += $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup strndup \
	realpath asprintf vasprintf mmap)
$(OUT)/%-tests:
	@echo "link $@"
	@$(CC) $(CFLAGS) $^ -o $@ $(LIBS) -lcunit

# ---- plugins: the example, and those of the tests, most of them bad ----

PLUGIN_FLAGS := -std=c99 -D_GNU_SOURCE -pedantic -I. $(WARN) -O1 -g -shared -fPIC
TEST_PLUGINS := $(patsubst tests/plugins/%.c,build/test-plugins/%.so,$(wildcard tests/plugins/*.c))

plugin-example: ## build build/plugins/example.so, for --plugins build/plugins
	@$(MAKE) -C examples/plugin OUT=$(CURDIR)/build/plugins

test-plugins: $(TEST_PLUGINS) build/test-faults/sync.so

build/test-faults/%.so: tests/faults/%.c
	@mkdir -p $(@D)
	@$(CC) $(BASE) -O1 -g -shared -fPIC $< -o $@

build/test-plugins/%.so: tests/plugins/%.c tests/plugins/plugin.h runtime/awaitd_plugin.h
	@mkdir -p $(@D)
	@$(CC) $(PLUGIN_FLAGS) $< -o $@ -ljansson

# ---- running ----

run: ## install what is missing, build, and serve http://127.0.0.1:8080 with ./awaitd.db
	@tests/install-dependencies.sh run
	@$(MAKE) all
	@exec build/awaitd serve

image: ## build the container image awaitd with docker
	docker build -t awaitd .

# ---- testing; T=name picks tests by a part of their name, or of their suite's ----

CHECKS := layers headers unit specs reference random store memory e2e examples crash tsan

test: ## install what is missing, then run every check below but bench
	@tests/install-dependencies.sh test
	@$(MAKE) all
	@$(MAKE) FLAVOUR=asan test-programs
	@MAKE='$(MAKE)' tests/run-all.sh $(CHECKS)

test-programs: test-plugins $(OUT)/awaitd $(OUT)/unit-tests $(OUT)/specs-tests $(OUT)/store-tests $(OUT)/memory-tests

check-unit: ## the parts, one by one (CUnit; ASan and UBSan)
	@$(MAKE) FLAVOUR=asan build/asan/unit-tests test-plugins
	@build/asan/unit-tests $(T)

check-specs: ## tests/specs/*.test: a job, and what must come of it, in simulated time
	@$(MAKE) FLAVOUR=asan build/asan/specs-tests
	@build/asan/specs-tests $(T)

SEED ?= 1
N ?= 4000
check-random: ## random jobs, the engine against CPython (SEED=1 N=4000): what differs is shrunk
	@$(MAKE) FLAVOUR=asan build/asan/specs-tests
	@$(PYTHON) tests/specs/fuzz.py $(SEED) $(N) build/asan/specs-tests

check-store: ## the store's backends
	@$(MAKE) FLAVOUR=asan build/asan/store-tests
	@build/asan/store-tests $(T)

# In folders of their own under /dev/shm, where syncs cost nothing: they are noted, not waited for.
WORKLOADS ?= 50
check-power: ## WORKLOADS=50 random workloads from SEED=1, cut at every sync; each I/O call failing
	@$(MAKE) build/release/store-tests
	@POWER_SEED=$(SEED) POWER_WORKLOADS=$(WORKLOADS) build/release/store-tests "power cuts"
	@IO_STRIDE=1 build/release/store-tests "each call fails"

check-memory: ## each malloc failed in turn, once and for good: some of them (FULL=1: all)
	@$(MAKE) FLAVOUR=asan build/asan/memory-tests
	@$(MAKE) all build/test-faults/malloc.so
	@ASAN_OPTIONS=$(ASAN_OPTIONS):malloc_context_size=10 build/asan/memory-tests $(T)
	@$(PYTHON) tests/memory/server.py build/awaitd $(CURDIR)/build/test-faults/malloc.so

# Python's tests; those of the examples and of the README have a target of their own.
pytest = PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/e2e AWAITD=$(CURDIR)/$(1) \
	$(PYTHON) tests/e2e/run.py $(if $(T),-k '$(T)') $(2)
DOCUMENTS := test_examples test_readme
E2E := $(filter-out $(DOCUMENTS),$(basename $(notdir $(sort $(wildcard tests/e2e/test_*.py)))))

check-e2e: ## the whole server over HTTP
	@$(MAKE) FLAVOUR=asan build/asan/awaitd test-plugins
	@$(call pytest,build/asan/awaitd,$(E2E))

# Which server, and the kills of one test; the seed of check-random is another one.
crash = PYTHONDONTWRITEBYTECODE=1 AWAITD=$(CURDIR)/$(1) $(PYTHON) tests/crash/crash.py \
	$(if $(filter file,$(origin SEED)),-,$(SEED)) $(2)
KILLS ?= 2000
crash: ## kill -9 at random moments under load, again and again (SEED=… KILLS=2000): nothing is lost, nothing done twice
	@$(MAKE) all test-plugins
	@$(call crash,build/awaitd,$(KILLS))

check-crash: ## the same in short
	@$(MAKE) FLAVOUR=asan build/asan/awaitd test-plugins
	@PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/crash $(PYTHON) -m unittest test_expect
	@$(call crash,build/asan/awaitd,25)

check-examples: ## examples/*.sh and every command of README.md print what they say
	@$(MAKE) all
	@$(MAKE) FLAVOUR=asan build/asan/awaitd plugin-example
	@$(call pytest,build/asan/awaitd,$(DOCUMENTS))

check-reference: ## the same spec files, against CPython's own asyncio
	@$(PYTHON) tests/specs/reference.py $(if $(T),tests/specs/$(T).test,$(sort $(wildcard tests/specs/*.test)))

check-tsan: ## the threaded parts again, under TSan
	@$(MAKE) FLAVOUR=tsan build/tsan/awaitd build/tsan/unit-tests build/tsan/store-tests test-plugins
	@build/tsan/store-tests $(T)
	@build/tsan/unit-tests $(T)
	@$(call pytest,build/tsan/awaitd,$(filter-out test_malformed,$(E2E)))

check-layers: ## who may include what
	@tests/check-layers.sh

check-headers: | packages-build ## every header compiles alone
	@tests/check-headers.sh $(CC) $(BASE)

bench: ## speed, as ratios to a bare libmicrohttpd, posix_spawn and asyncio under the same load
	@tests/install-dependencies.sh bench
	@$(MAKE) all build/release/bare build/release/posix_spawn build/release/commits
	@tests/bench/run.sh
	@tests/bench/commits.sh
	@tests/bench/subprocess.sh
	@tests/bench/threads.sh
	@for script in lag restart; do PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/e2e AWAITD=$(CURDIR)/build/awaitd \
		$(PYTHON) tests/bench/$$script.py || exit 1; done

build/release/bare: tests/bench/bare.c
	@mkdir -p $(@D)
	@$(CC) $(BASE) -O2 $< -o $@ -lmicrohttpd -pthread

build/release/commits: tests/bench/commits.c build/release/library.a
	@$(CC) $(BASE) -O2 $^ -o $@ $(LIBS)

build/release/posix_spawn: tests/bench/posix_spawn.c
	@mkdir -p $(@D)
	@$(CC) $(BASE) -O2 $< -o $@

# ---- the rest ----

packages-build:
	@tests/install-dependencies.sh --check build

fmt: ## clang-format all C files
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

$(OUT)/embedded.c: schema/sql/embed.sh $(wildcard schema/sql/*.sql openapi.yaml)
	@mkdir -p $(@D)
	@sh schema/sql/embed.sh > $@.tmp && mv $@.tmp $@

$(OUT)/embedded.o: $(OUT)/embedded.c
	@$(CC) $(CFLAGS) -c $< -o $@

.PHONY: all run image test test-programs test-plugins plugin-example check-unit check-specs check-random check-store check-power check-memory check-e2e \
	check-examples crash check-crash check-reference check-tsan check-layers check-headers bench packages-build fmt clean help
-include $(shell find build -name '*.d' 2>/dev/null)
