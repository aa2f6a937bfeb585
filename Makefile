# jobsched - GNU make. `make help` lists the targets: what each does stands above
# it after two signs, as do the variables here.
#
## V=1                     show the commands, and what tests print
## DEVELOPER=1             warnings are errors
## SAN=address,undefined   a build of its own with sanitizers
## DEBUG=1                 a build of its own that checks invariants as it runs
## MPICC=... CC=...        another MPI, another compiler
## ONLY=TAG                only the system tests that carry the tag
## CHECK_JOBS=1            how many test files run side by side
## ARGS='...'              arguments of jobsched, for run
## PREFIX=/usr             for install; and DESTDIR=, libdir= and so on, as usual

PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
MPICC ?= mpicc
# The one beside the compiler: mpicc.mpich has mpirun.mpich.
MPIRUN ?= $(subst mpicc,mpirun,$(firstword $(MPICC)))
BATS ?= bats
CLANG_FORMAT ?= clang-format

VERSION := 0.1.0

# ---------------------------------------------------------------- variants
# Objects of different flags live in different folders, never in the tree.

# Only where it is said to make: many have a DEBUG in their environment.
CHECKING := $(if $(findstring command,$(origin DEBUG)),$(filter-out 0,$(DEBUG)))
VARIANT := $(if $(SAN),san,$(if $(COVERAGE),coverage,$(if \
	$(CHECKING),debug,release)))
BUILD := build/$(VARIANT)
# The plain build leaves its program where the README says it is.
JOBSCHED := $(if $(filter release,$(VARIANT)),jobsched,$(BUILD)/jobsched)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla -Wwrite-strings -Wformat=2 -Wconversion \
	-Wno-sign-conversion -Wundef -Werror=deprecated-declarations
OPTIMIZE := $(if $(SAN)$(COVERAGE),-O1 -g -fno-omit-frame-pointer,$(if \
	$(filter debug,$(VARIANT)),-O0 -g -DJS_DEBUG,-O2 -g))
INSTRUMENT := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
	$(if $(COVERAGE),--coverage)

CFLAGS ?=
LANGUAGE := -std=c11 -D_GNU_SOURCE -Iinclude -Isrc
JS_CFLAGS := $(LANGUAGE) -DJS_VERSION='"$(VERSION)"' \
	-DJS_MPIRUN='"$(MPIRUN)"' \
	-include src/base/banned.h $(WARNINGS) \
	$(if $(filter-out 0,$(DEVELOPER)),-Werror) $(OPTIMIZE) $(INSTRUMENT) $(CFLAGS)
JS_LDFLAGS := $(INSTRUMENT) $(LDFLAGS)
, := ,
# Asked for where they are used: before `make deps` nobody could answer.
HWLOC_CFLAGS = $(shell pkg-config --cflags hwloc)
HWLOC_LIBS = $(shell pkg-config --libs hwloc)
# As Open MPI's mpicc tells it, and as MPICH's does.
MPI_CFLAGS = $(patsubst -I%,-isystem%,$(filter -I%,$(shell \
	$(MPICC) --showme:compile 2>/dev/null || $(MPICC) -compile-info)))

Q := $(if $(filter-out 0,$(V)),,@)
say = $(if $(filter-out 0,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# ---------------------------------------------------------------- sources

# $(call found,PATTERNS): the files; one that is moved must not be left out.
found = $(foreach pattern,$(1),$(or $(wildcard $(pattern)),\
	$(error nothing matches $(pattern))))
# The readers of other tools' lists.
FROM_SOURCES := $(call found,src/list/from/*.c)
PLAIN_SOURCES := $(foreach room,base list sched node record runner,\
	$(call found,src/$(room)/*.c)) $(FROM_SOURCES)
MPI_SOURCES := $(call found,src/mpi/*.c src/run/*.c)
CLI_SOURCES := $(call found,src/launch/*.c src/cli/*.c)
UNIT_SOURCES := $(call found,tests/unit/*.c)
HELPER_SOURCES := $(call found,tests/system/helpers/*.c)
BENCH_SOURCES := $(call found,tests/bench/*.c)

object = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB_OBJECTS := $(call object,$(PLAIN_SOURCES) $(MPI_SOURCES))
CLI_OBJECTS := $(call object,$(CLI_SOURCES))
UNIT_OBJECTS := $(call object,$(UNIT_SOURCES))
HELPERS := $(patsubst tests/system/helpers/%.c,$(BUILD)/helpers/%,\
	$(HELPER_SOURCES))
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(BENCH_SOURCES))
# What tests count the instructions of.
COST := $(BUILD)/bench/lib_master
SCALE := $(BUILD)/bench/lib_scale
LIBRARY := $(BUILD)/libjobsched.a
# With sanitizers, plugins of Open MPI and hwloc stay loaded.
KEPT := $(if $(SAN),$(BUILD)/tests/sanitize/dlclose.o)
UNIT := $(BUILD)/unit
DOC := $(BUILD)/doc
DOCS := $(patsubst src/cli/doc/%.in,$(DOC)/%,$(call found,src/cli/doc/*.in))

## all: builds the program, the library, the manual and the completion
all: $(JOBSCHED) $(LIBRARY) docs

LINTS := lint-format lint-includes lint-headers lint-symbols lint-statics \
	lint-tidy lint-shell lint-names lint-page

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all deps deps-check deps-check-all deps-lint deps-coverage \
	deps-valgrind deps-fuzz deps-bench deps-mpis deps-smpi \
	help run check check-unit check-suites check-system check-first check-files \
	check-alone check-long check-long-files check-long-alone check-loaded \
	check-mpis chaos valgrind \
	fuzz helpers bench scale scale-full scale-smpi lint $(LINTS) \
	coverage docs install uninstall clean FORCE

# ---------------------------------------------------------------- packages
# Each as Debian calls it, and what shows that it is there: a program, or a
# header that the compiler finds.

NEED_COMPILE = gcc:$(firstword $(CC)) libc6-dev:stdio.h libopenmpi-dev:mpi.h \
	pkg-config:pkg-config libhwloc-dev:hwloc.h zlib1g-dev:zlib.h \
	libxxhash-dev:xxhash.h
NEED_BUILD = $(NEED_COMPILE) make:make openmpi-bin:$(MPIRUN)
NEED_CHECK = libcunit1-dev:CUnit/CUnit.h bats:bats procps:pgrep \
	util-linux:taskset mount:mount strace:strace iproute2:ip tmux:tmux \
	perl:perl man-db:man groff-base:groff mandoc:mandoc bsdutils:script jq:jq
# What is large, or brings services, for the tests of little else.
NEED_CHECK_ALL = valgrind:$(VALGRIND) slurmctld:/usr/sbin/slurmctld \
	slurmd:/usr/sbin/slurmd slurm-client:sbatch munge:/usr/sbin/munged \
	curl:curl chromium:chromium chromium-driver:chromedriver nodejs:node \
	zsh:zsh ksh93u+m:ksh93 $(NEED_MPIS)
NEED_LINT = clang-format:$(CLANG_FORMAT) clang-tidy:clang-tidy \
	shellcheck:shellcheck binutils:nm \
	universal-ctags:ctags nodejs:node
NEED_COVERAGE = gcovr:gcovr
NEED_VALGRIND = valgrind:$(VALGRIND)
# A name without a blank, be the library there or not.
FUZZ_LIBRARY = $(shell $(FUZZ_CC) \
	-print-file-name=libclang_rt.fuzzer-$$(uname -m).a 2>/dev/null)
NEED_FUZZ = clang:$(FUZZ_CC) \
	libclang-rt-dev:$(if $(wildcard $(FUZZ_LIBRARY)),true,no-fuzzer)
NEED_MPIS = debootstrap:/usr/sbin/debootstrap util-linux:unshare
NEED_SMPI = libsimgrid-dev:$(SMPICC)
NEED_BENCH = parallel:parallel findutils:xargs time:time

# $(call missing,NEEDS): makes what of it is not here the shell's arguments.
define missing
set --; \
for need in $(1); do \
	probe=$${need#*:}; \
	case $$probe in \
	*.h) for cc in '$(CC)' '$(MPICC)'; do \
		$$cc $$(pkg-config --cflags hwloc) -include "$$probe" \
			-E -xc /dev/null && break; \
	     done ;; \
	*) command -v "$$probe" ;; \
	esac >/dev/null 2>&1 || set -- "$$@" "$${need%%:*}"; \
done;
endef

# Installs what of $(1) is missing; touches nothing if nothing is.
define install
@$(call missing,$(1)) \
test $$# -gt 0 || exit 0; \
if ! command -v apt-get >/dev/null; then \
	echo "make: no apt-get here to install what is missing; these are" \
		"Debian's names for it: $$*" >&2; \
	exit 1; \
fi; \
sudo=; \
test "$$(id -u)" -eq 0 || sudo=sudo; \
if test -z "$$sudo" || command -v sudo >/dev/null; then \
	(set -x; $$sudo apt-get update && \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes \
			--no-install-recommends "$$@") && exit 0; \
fi; \
echo "make: that takes the rights of an administrator, who types:" >&2; \
echo "    apt-get update &&" \
	"apt-get install --yes --no-install-recommends $$*" >&2; \
exit 1
endef

## deps: installs what building and running need (Debian, through sudo)
deps:
	$(call install,$(NEED_BUILD))
## deps-check: ... and what most tests need
deps-check: deps
	$(call install,$(NEED_CHECK))
## deps-check-all: ... and what the rest of them needs: a browser, Slurm, ...
deps-check-all: deps-check
	$(call install,$(NEED_CHECK_ALL))
## deps-mpis: makes the system for check-mpis
deps-mpis: deps
	$(call install,$(NEED_MPIS))
	tests/check-mpis root
## deps-lint: installs what lint needs
deps-lint: deps-check
	$(call install,$(NEED_LINT))
## deps-coverage: ... coverage
deps-coverage: deps-check
	$(call install,$(NEED_COVERAGE))
## deps-valgrind: ... valgrind
deps-valgrind: deps-check
	$(call install,$(NEED_VALGRIND))
## deps-fuzz: ... fuzz
deps-fuzz: deps
	$(call install,$(NEED_FUZZ))
## deps-bench: ... bench
deps-bench: deps
	$(call install,$(NEED_BENCH))
## deps-smpi: ... scale-smpi
deps-smpi: deps
	$(call install,$(NEED_SMPI))

# ---------------------------------------------------------------- rules

# Rewritten only when the text changes, by any of several makes: $(call stamp,TEXT)
stamp = @mkdir -p $(@D); new=$@.$$$$; \
	printf '%s\n' '$(subst ','\'',$(1))' >$$new; \
	cmp -s $$new $@ && rm $$new || mv $$new $@

# `make deps run` installs before it does anything else, with -j too.
$(BUILD)/flags $(LINTS) coverage check check-mpis: \
		| $(filter deps%,$(MAKECMDGOALS))

# Every object depends on the flags, every link on the list of objects. What is
# not here shows before the first of them, and not as an error of a compiler.
$(BUILD)/flags: FORCE
	@test -e $@ || { $(call missing,$(NEED_COMPILE)) test $$# -eq 0 || { \
		echo "make: building needs what is not here (MPICC is $(MPICC);" \
			"Debian's names: $$*): make deps" >&2; exit 1; }; }
	$(call stamp,$(CC) $(MPICC) $(JS_CFLAGS) $(JS_LDFLAGS))
$(BUILD)/objects: FORCE
	$(call stamp,$(LIB_OBJECTS) $(CLI_OBJECTS) $(UNIT_OBJECTS) $(KEPT))

COMPILE = $(Q)mkdir -p $(@D) && $(1) $(JS_CFLAGS) $(2) -MMD -MP -c $< -o $@
LINK = $(Q)$(MPICC) $(JS_LDFLAGS) $(filter %.o %.a,$^) $(HWLOC_LIBS) -lz $(1) \
	-o $@

# Layers below src/mpi are compiled without MPI's include path, and all but
# src/node/topo.c without hwloc's: the compiler guards these lines.
$(BUILD)/src/node/topo.o: src/node/topo.c $(BUILD)/flags
	$(call say,CC,$<)
	$(call COMPILE,$(CC),$(HWLOC_CFLAGS))
$(BUILD)/src/mpi/%.o: src/mpi/%.c $(BUILD)/flags
	$(call say,MPICC,$<)
	$(call COMPILE,$(MPICC))
$(BUILD)/src/run/%.o: src/run/%.c $(BUILD)/flags
	$(call say,MPICC,$<)
	$(call COMPILE,$(MPICC))
$(BUILD)/tests/unit/%.o: tests/unit/%.c $(BUILD)/flags
	$(call say,MPICC,$<)
	$(call COMPILE,$(MPICC))
$(BUILD)/tests/bench/lib_scale.o: tests/bench/lib_scale.c $(BUILD)/flags
	$(call say,CC,$<)
	$(call COMPILE,$(CC),-Itests)
# The compiler does not tell what its assembler has read.
$(BUILD)/src/cli/report.o: $(call found,src/cli/page/*)
$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	$(call COMPILE,$(CC))

$(LIBRARY): $(LIB_OBJECTS) $(BUILD)/objects
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

KEEPING := $(if $(KEPT),-Wl$(,)--export-dynamic-symbol=dlclose)
$(JOBSCHED): $(CLI_OBJECTS) $(LIBRARY) $(KEPT) $(BUILD)/objects
	$(call say,LINK,$@)
	$(call LINK,$(KEEPING))

$(UNIT): $(UNIT_OBJECTS) $(filter-out %/main.o,$(CLI_OBJECTS)) $(LIBRARY) \
		$(KEPT) $(BUILD)/objects
	$(call say,LINK,$@)
	$(call LINK,-lcunit $(KEEPING))

# Programs that the system tests run as jobs; mpi_*.c are MPI programs, and
# *_preload.c libraries that are put before the C library.
$(BUILD)/helpers/%: tests/system/helpers/%.c $(BUILD)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(if $(filter mpi_%,$*),$(MPICC),$(CC)) \
		-std=c11 -D_GNU_SOURCE $(WARNINGS) -Werror -O1 \
		$(if $(filter %_preload,$*),-shared -fPIC) $< -o $@
helpers: $(HELPERS) $(COST)

# lib_*.c are programs on the library, mpi_*.c MPI programs.
$(COST): $(BUILD)/bench/%: \
		$(BUILD)/tests/bench/%.o $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(call LINK)
# It counts what the master allocates.
$(SCALE): $(call object,tests/bench/lib_scale.c tests/unit/fake_link.c \
		tests/unit/fake_runner.c) $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(call LINK,-lm $(patsubst %,-Wl$(,)--wrap=%,malloc calloc realloc free))
$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(if $(filter mpi_%,$*),$(MPICC),$(CC)) \
		-std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 $< -o $@

-include $(patsubst %.o,%.d,$(LIB_OBJECTS) $(CLI_OBJECTS) $(UNIT_OBJECTS) \
	$(call object,tests/bench/lib_master.c tests/bench/lib_scale.c))

# ---------------------------------------------------------------- running

## run: the demonstration, a master and two slaves, 15 seconds
ARGS ?=
run: $(JOBSCHED)
	./$(JOBSCHED) -n 2 --demo $(ARGS)

# ---------------------------------------------------------------- tests

# A sanitizer's complaint must not look like an exit status of our own.
SUPPRESSED := $(CURDIR)/tests/system/lsan.supp
SANITIZER_ENV := $(if $(SAN),ASAN_OPTIONS=exitcode=99 \
	LSAN_OPTIONS=exitcode=99:print_suppressions=0:suppressions=$(SUPPRESSED) \
	UBSAN_OPTIONS=exitcode=99:print_stacktrace=1)
# Jobs of the tests are no part of this make.
TEST_ENV := tests/as-usual env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(SANITIZER_ENV)
# Only the slow unwinder sees whose leak it is through Open MPI's code, which
# has no frame pointers.
SYSTEM_ENV = $(TEST_ENV) $(if $(SAN),\
		ASAN_OPTIONS=exitcode=99:fast_unwind_on_malloc=0) \
	JOBSCHED='$(abspath $(JOBSCHED))' \
	JS_HELPERS='$(abspath $(BUILD)/helpers)' \
	JS_BENCH='$(abspath $(BUILD)/bench)' MPICC='$(MPICC)' MPIRUN='$(MPIRUN)' \
	BATS_TEST_TIMEOUT=$${BATS_TEST_TIMEOUT:-$(1)}
# How often its time anything gets before it counts as hung, on a busy machine.
JS_PATIENCE ?= 1
export JS_PATIENCE
# What each run of tests leaves for tests/summary.
CHECKED := $(BUILD)/check
# $(call RUN_SYSTEM,NAME,SECONDS,TAG,FILES): of these the tests with (!: without)
# the tag, each with so much time.
RUN_SYSTEM = folder=$(CHECKED)/$(1); rm -rf "$$folder"; mkdir -p "$$folder"; \
	$(call SYSTEM_ENV,$$(($(2) * $(JS_PATIENCE)))) $(BATS) \
	$(if $(filter-out 0,$(V)),--show-output-of-passing-tests) \
	--report-formatter tap --output "$$folder" \
	--filter-tags '$(if $(ONLY),$(ONLY)$(,))$(3)' $(4) </dev/null || \
	{ status=$$?; echo "exit status $$status" >"$$folder/status"; exit 1; }

SYSTEM_FILES := $(patsubst tests/system/%.bats,%,$(call found,tests/system/*.bats))
LONG_FILES := $(patsubst tests/system/long/%.bats,%,\
	$(call found,tests/system/long/*.bats))
UNIT_SUITES := $(patsubst tests/unit/test_%.c,%,$(call found,tests/unit/test_*.c))
# $(call known,WHAT,NAMES,ALL): NAMES, all of which must be among ALL.
known = $(if $(filter-out $(3),$(2)),$(error $(1): there is no \
	$(filter-out $(3),$(2))))$(2)
# What takes longest begins first: while it waits the unit tests are built.
LONGEST := journal launch hosts ending slurm
FIRST_FILES := $(call known,LONGEST,$(LONGEST),$(SYSTEM_FILES))

# Most tests wait for something most of the time.
CHECK_JOBS ?= $(shell expr $$(nproc) \* $(if $(SAN),1,3))
# A make with that many jobs of its own, whatever this one may have.
SIDE_BY_SIDE = MAKEFLAGS='$(subst ','\'',$(filter-out -j% --jobserver% \
	-O% --output-sync%,$(MAKEFLAGS)))' $(MAKE) --no-print-directory \
	--keep-going --output-sync=target -j$(CHECK_JOBS)
ALONE := check-alone

# $(call CHECK,TARGETS,ALONE): side by side all of them, whatever fails; then the
# tests that measure, by themselves; and in the end what failed, what was skipped
# and why, and what is not here, in one place.
define CHECK
$(Q)$(SIDE_BY_SIDE) $(JOBSCHED) $(HELPERS) $(COST) || exit 1; \
rm -rf $(CHECKED) && mkdir -p $(CHECKED); failed=0; \
$(call missing,$(NEED_CHECK) $(NEED_CHECK_ALL)) echo "$$*" >$(CHECKED)/missing; \
targets='$(1)' alone='$(2)'; \
if ! command -v '$(BATS)' >/dev/null; then \
	echo 'there is no $(BATS)' >$(CHECKED)/system.status; \
	targets='$(filter check-suites,$(1))' alone= failed=1; \
fi; \
$(if $(filter check-suites,$(1)),mkdir $(CHECKED)/unit; \
	echo 'they could not be built' >$(CHECKED)/unit/status;) \
for targets in "$$targets" "$$alone"; do \
	test -z "$$targets" || $(SIDE_BY_SIDE) $$targets || failed=1; \
done; \
tests/summary $(CHECKED) || failed=1; \
exit $$failed
endef

## check: unit tests, and end-to-end tests under mpirun; a few minutes
check:
	+$(call CHECK,check-first check-suites check-files,$(ALONE))
## check-system: the end-to-end tests; check-system-FILE: those of one file
check-system:
	+$(call CHECK,check-first check-files,$(ALONE))
check-first: $(FIRST_FILES:%=check-system-%)
check-files: $(SYSTEM_FILES:%=check-system-%)
$(SYSTEM_FILES:%=check-system-%): check-system-%: $(JOBSCHED) $(HELPERS) $(COST)
	$(Q)$(call RUN_SYSTEM,$*,180,!alone,tests/system/$*.bats)
check-alone: $(JOBSCHED) $(HELPERS) $(COST)
	$(Q)$(call RUN_SYSTEM,alone,180,alone,tests/system/*.bats)
## check-unit: the unit tests; check-unit-SUITE: one suite of them
check-unit:
	+$(call CHECK,check-suites)
PAGE_SUITE := check-unit-page
check-suites: $(UNIT_SUITES:%=check-unit-%) $(PAGE_SUITE)
# A suite that was asked for shows all that it says.
$(UNIT_SUITES:%=check-unit-%): check-unit-%: $(UNIT)
	$(call say,UNIT,$*)
	$(Q)mkdir -p $(CHECKED)/unit; log=$(CHECKED)/unit/$*.log; \
	$(TEST_ENV) $(UNIT) $* </dev/null >$$log 2>&1 || { \
		echo "suite $*: exit status $$?" >$(CHECKED)/unit/$*.status; \
		cat $$log; exit 1; }; \
	$(if $(filter-out 0,$(V))$(filter $@,$(MAKECMDGOALS)),cat $$log,:)
# The scripts of the report's page; where there is no node, it is among what is
# missing.
check-unit-page:
	$(call say,UNIT,page)
	$(Q)mkdir -p $(CHECKED)/unit; log=$(CHECKED)/unit/page.log; \
	command -v node >/dev/null || exit 0; \
	$(TEST_ENV) node tests/unit/page.js </dev/null >$$log 2>&1 || { \
		echo "suite page: exit status $$?" >$(CHECKED)/unit/page.status; \
		cat $$log; exit 1; }; \
	$(if $(filter-out 0,$(V))$(filter $@,$(MAKECMDGOALS)),cat $$log,:)
## check-long: tests of check on a larger scale: gigabytes of output, ...
check-long:
	+$(call CHECK,check-long-files,check-long-alone)
check-long-files: $(LONG_FILES:%=check-long-%)
$(LONG_FILES:%=check-long-%): check-long-%: $(JOBSCHED) $(HELPERS) $(COST)
	$(Q)$(call RUN_SYSTEM,long-$*,1200,!alone,tests/system/long/$*.bats)
check-long-alone: $(JOBSCHED) $(HELPERS) $(COST)
	$(Q)$(call RUN_SYSTEM,long-alone,1200,alone,tests/system/long/*.bats)
## check-loaded: check beside twenty processes that spin; half an hour and more
check-loaded:
	+$(Q)tests/loaded $(MAKE) --no-print-directory ALONE= check
## check-mpis: tests with Open MPI 5 and MPICH 4; some ten minutes, as root
# With Open MPI 5 and MPICH 4, in a Debian 13 that `make deps-mpis` has made in
# $MPIS_ROOT (build/mpis): unit tests, and the system tests tagged sanitize or
# mpis, and those of lost slaves. As root; some ten minutes, which .ci/run has
# only where the rest was quick.
check-mpis:
	tests/check-mpis run

## valgrind: unit tests under valgrind, a suite each, in parallel with -j
VALGRIND ?= valgrind
VALGRIND_SUITES := $(UNIT_SUITES)
valgrind: $(patsubst %,valgrind-%,$(call known,VALGRIND_SUITES,\
	$(VALGRIND_SUITES),$(UNIT_SUITES)))
valgrind-%: $(UNIT)
	$(call say,VALGRIND,$*)
	$(Q)$(TEST_ENV) JS_UNIT_TRACED=1 VALGRIND='$(VALGRIND)' \
		tests/unit/valgrind $(UNIT) $* build/valgrind/$*

## chaos: runs that are killed at random, and continued
# Runs that are killed at random, and continued: RUNS of them, from SEED on, of a KIND:
# inside (ranks, runners and jobs) or edges (mpirun and the launcher, with a look
# at what comes in and goes out).
KIND ?= inside
RUNS ?= 1000
SEED ?= 1
chaos: $(JOBSCHED)
	$(Q)$(TEST_ENV) JOBSCHED='$(abspath $(JOBSCHED))' \
		tests/system/chaos $(KIND) $(RUNS) $(SEED)

## fuzz: arbitrary bytes as a job list, values, a template, a journal or a message
# Arbitrary bytes as any of these: FUZZ_TIME seconds each, from
# the corpus in tests/fuzz. What is found new is kept in build/fuzz/corpus.
FUZZ_CC ?= clang
FUZZ_TIME ?= 60
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(call found,tests/fuzz/*.c))
FUZZ_SANITIZE := address,undefined
FUZZ_CFLAGS := $(LANGUAGE) -include src/base/banned.h -O1 -g \
	-fno-sanitize-recover=all
FUZZ_OBJECTS := $(patsubst %.c,build/fuzz/%.o,$(call found,src/base/*.c \
	src/list/*.c src/sched/*.c src/record/*.c) $(FROM_SOURCES) src/mpi/wire.c)
build/fuzz/%.o: %.c | $(filter deps%,$(MAKECMDGOALS))
	$(call say,FUZZ_CC,$<)
	$(Q)mkdir -p $(@D) && $(FUZZ_CC) $(FUZZ_CFLAGS) \
		-fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -MMD -MP -c $< -o $@
build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJECTS) \
		| $(filter deps%,$(MAKECMDGOALS))
	$(call say,LINK,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -Itests -fsanitize=fuzzer,$(FUZZ_SANITIZE) $^ \
		-lz -o $@
-include $(FUZZ_OBJECTS:.o=.d)
fuzz-%: build/fuzz/fuzz_%
	$(Q)mkdir -p build/fuzz/corpus/$*
	$(Q)cd build/fuzz && ./fuzz_$* -max_total_time=$(FUZZ_TIME) -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
		corpus/$* $(CURDIR)/tests/fuzz/corpus/$*
fuzz: $(FUZZERS:%=fuzz-%)

## bench: the benchmarks behind every figure in the README; minutes
bench: $(JOBSCHED) $(BENCHES)
	$(Q)$(TEST_ENV) JOBSCHED='$(abspath $(JOBSCHED))' \
		JS_BENCH='$(abspath $(BUILD)/bench)' tests/bench/run

## scale: how far one master goes, on a simulated network; some minutes
scale: $(SCALE)
	$(Q)$(SCALE)

## scale-full: the same with up to 65,536 slaves and 1,203,200 slots
scale-full: $(SCALE)
	$(Q)$(SCALE) --full

## scale-smpi: the same calls of MPI on 1,025 ranks, which SimGrid simulates
# SMPI_SLAVES=16384 needs 8 GB or more; it has never been run to its end.
SMPICC ?= smpicc
SMPI_SLAVES ?= 1024
SMPI_OBJECTS := $(patsubst %.c,build/smpi/%.o,$(call found,src/base/*.c \
	src/list/*.c src/sched/*.c src/node/*.c src/record/*.c src/mpi/*.c \
	tests/unit/fake_runner.c tests/bench/smpi/smpi_run.c) $(FROM_SOURCES))
build/smpi/%.o: %.c | $(filter deps%,$(MAKECMDGOALS))
	$(call say,SMPICC,$<)
	$(Q)mkdir -p $(@D) && $(SMPICC) $(LANGUAGE) -Itests \
		-DSMPI_NO_OVERRIDE_MALLOC -include tests/bench/smpi/smpi.h \
		-O2 -fPIC -MMD -MP -c $< -o $@
build/smpi/smpi_run: $(SMPI_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(SMPICC) $^ $(HWLOC_LIBS) -lz -lxxhash -lm -o $@
-include $(SMPI_OBJECTS:.o=.d)
ifneq ($(shell command -v $(SMPICC))$(filter deps-smpi,$(MAKECMDGOALS)),)
scale-smpi: build/smpi/smpi_run
	$(Q)SMPI_SLAVES=$(SMPI_SLAVES) tests/bench/smpi/run $<
else
scale-smpi:
	@echo 'skipped: there is no $(SMPICC) here (make deps-smpi)'
endif

## coverage: which lines the tests reach
coverage:
	$(Q)rm -rf build/coverage
	$(Q)$(MAKE) SAN= COVERAGE=1 check
	$(Q)gcovr --root . --object-directory build/coverage \
		--filter src/ --print-summary

# ---------------------------------------------------------------- lint

TIDY_CFLAGS = $(LANGUAGE) -Itests -DJS_VERSION="$(VERSION)" -DJS_MPIRUN="$(MPIRUN)" \
	-include src/base/banned.h $(MPI_CFLAGS) -w
C_FILES = $(shell find src include tests -name '*.[ch]')

## lint: format, layers, headers, names, static analysis, shell scripts
lint: $(LINTS)
lint-format:
	$(call say,LINT,format)
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(C_FILES)
lint-includes:
	$(call say,LINT,includes)
	$(Q)tests/lint/includes-selftest.sh
	$(Q)tests/lint/includes.sh
lint-headers:
	$(call say,LINT,headers)
	$(Q)CC='$(CC)' MPICC='$(MPICC)' CFLAGS='$(LANGUAGE) -Itests $(WARNINGS)' \
		tests/lint/headers.sh
lint-symbols: $(LIBRARY)
	$(call say,LINT,symbols)
	$(Q)tests/lint/symbols.sh $(LIBRARY)
lint-statics:
	$(call say,LINT,statics)
	$(Q)tests/lint/statics.sh
lint-tidy:
	$(call say,LINT,tidy)
	$(Q)CFLAGS='$(TIDY_CFLAGS)' tests/lint/tidy.sh
lint-shell:
	$(call say,LINT,shell)
	$(Q)tests/lint/shell.sh
lint-page:
	$(call say,LINT,page)
	$(Q)for file in $(call found,src/cli/page/*.js tests/unit/*.js); do \
		node --check "$$file" || exit 1; \
	done
lint-names:
	$(call say,LINT,names)
	$(Q)tests/lint/names.sh

# ---------------------------------------------------------------- docs

## docs: the manual and the completion of bash
# The program itself says which options
# there are.
docs: $(DOCS)
$(DOC)/help: $(JOBSCHED)
	$(Q)mkdir -p $(@D) && $(TEST_ENV) ./$(JOBSCHED) --help >$@
$(DOC)/%: src/cli/doc/%.in src/cli/doc/fill.awk $(DOC)/help
	$(call say,DOC,$@)
	$(Q)awk -v version='$(VERSION)' -f src/cli/doc/fill.awk $(DOC)/help $< >$@

# ---------------------------------------------------------------- install

# Folders as GNU names them, each to be set by itself; below $(DESTDIR).
prefix = $(PREFIX)
exec_prefix = $(prefix)
bindir = $(exec_prefix)/bin
libdir = $(exec_prefix)/lib
pkgconfigdir = $(libdir)/pkgconfig
includedir = $(prefix)/include
datarootdir = $(prefix)/share
datadir = $(datarootdir)
pkgdatadir = $(datadir)/jobsched
docdir = $(datarootdir)/doc/jobsched
mandir = $(datarootdir)/man
completiondir = $(datarootdir)/bash-completion/completions

# $(call $(1),MODE,FILE,WHERE TO) for each file that is installed.
define each_file
$(call $(1),755,$(JOBSCHED),$(bindir)/jobsched)
$(call $(1),644,$(LIBRARY),$(libdir)/libjobsched.a)
$(call $(1),644,include/jobsched.h,$(includedir)/jobsched.h)
$(call $(1),644,$(DOC)/jobsched.1,$(mandir)/man1/jobsched.1)
$(call $(1),644,$(DOC)/jobsched.5,$(mandir)/man5/jobsched.5)
$(call $(1),644,$(DOC)/jobsched.7,$(mandir)/man7/jobsched.7)
$(call $(1),644,$(DOC)/jobsched.bash,$(completiondir)/jobsched)
$(call $(1),755,slurm/jobsched.sbatch,$(pkgdatadir)/jobsched.sbatch)
$(call $(1),644,hostfiles/cluster.example,$(pkgdatadir)/cluster.example)
$(call $(1),644,hostfiles/localhost,$(pkgdatadir)/localhost)
$(call $(1),644,README.md,$(docdir)/README.md)
$(call $(1),644,LICENSE,$(docdir)/LICENSE)
endef
put = install -D -m $(1) '$(2)' '$(DESTDIR)$(3)'
remove = rm -f '$(DESTDIR)$(3)'

PC = $(pkgconfigdir)/jobsched.pc

## install: installs all of it below $(DESTDIR)$(PREFIX)
# Program, library, header, what pkg-config is to know, manual, completion, and
# what a cluster needs: below $(DESTDIR)$(PREFIX).
install: $(JOBSCHED) $(LIBRARY) $(DOCS)
	$(call each_file,put)
	printf '%s\n' 'prefix=$(prefix)' 'Name: jobsched' 'Version: $(VERSION)' \
		'Description: runs lists of jobs on a cluster allocation' \
		'Cflags: -I$(includedir)' 'Requires: hwloc zlib' \
		'Libs: -L$(libdir) -ljobsched' | \
		install -D -m 644 /dev/stdin '$(DESTDIR)$(PC)'

## uninstall: removes what install has installed
uninstall:
	$(call each_file,remove)
	rm -f '$(DESTDIR)$(PC)'
	for folder in '$(DESTDIR)$(pkgdatadir)' '$(DESTDIR)$(docdir)'; do \
		test ! -d "$$folder" || \
			rmdir --ignore-fail-on-non-empty "$$folder"; \
	done

# ---------------------------------------------------------------- the rest

## help: this
help:
	@echo 'make TARGET... [VARIABLE=...]'
	@sed -n 's/^## \([a-z].*\)/\1/p' Makefile | \
		awk '{ at = index($$0, ": "); name = substr($$0, 1, at - 1); \
			printf "  %-15s %s\n", name, substr($$0, at + 2) }'
	@echo 'Variables:'
	@sed -n 's/^## \([A-Z].*\)/  \1/p' Makefile

## clean: removes all that was built
clean:
	rm -rf build jobsched
