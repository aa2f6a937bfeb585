#!/bin/sh
# Plants one breach after the other in a tree of its own, and expects
# includes.sh to find each; a clean tree must pass.
set -eu
lint=$(cd "$(dirname "$0")" && pwd)/includes.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

plant() { # FILE LINE...: a tree with this file only
    rm -rf "$tree/src" "$tree/include" "$tree/tests"
    mkdir -p "$tree/$(dirname "$1")"
    file=$1
    shift
    printf '%s\n' "$@" >"$tree/$file"
}

refuses() {
    plant "$@"
    if "$lint" "$tree" 2>"$tree/said"; then
        echo "includes.sh: passes $1 with: $2" >&2
        failed=1
    elif ! grep -q "^$1:1: " "$tree/said"; then
        echo "includes.sh: $1 with $2: does not name it:" >&2
        cat "$tree/said" >&2
        failed=1
    fi
}

allows() {
    plant "$@"
    "$lint" "$tree" || failed=1
}

refuses src/base/a.c '#include "list/job.h"'
refuses src/base/a.h '#include "jobsched.h"'
refuses src/list/a.h '#include "node/topo.h"'
refuses src/list/a.c '#include "jobsched.h"'
refuses src/list/a.c '# include <record/joblog.h>'
refuses src/node/a.c '#include "record/joblog.h"'
refuses src/record/a.c '#include "node/spawn.h"'
refuses src/record/a.c '#include "mpi/wire.h"'
refuses src/mpi/link.c '#include "runner/runner.h"'
refuses src/mpi/slave.c '#include "record/joblog.h"'
refuses src/mpi/slave.h '#include "record/summary.h"'
refuses src/mpi/slave.c '#include "mpi/master.h"'
refuses src/mpi/wire.h '#include "mpi/slave.h"'
refuses src/mpi/master.c '#include "runner/runner.h"'
refuses src/mpi/master.c '#include "cli/options.h"'
refuses src/cli/a.c '#include "mpi/wire.h"'
refuses src/cli/a.c '#include "node/topo.h"'
refuses src/run/run_rank.c '#include "cli/options.h"'
refuses src/new/a.c '#include "base/err.h"'
refuses src/cli/a.c '#include <mpi.h>'
refuses src/list/a.c '#include "mpi.h"'
refuses include/jobsched.h '#include <mpi.h>'
refuses include/jobsched.h '#include "base/err.h"'
refuses src/node/spawn.c '#include <hwloc.h>'
refuses src/node/topo.h '#include <hwloc/glibc-sched.h>'
refuses src/base/a.c '#include <getopt.h>'
refuses src/list/a.c '#include <CUnit/CUnit.h>'
refuses src/list/a.c '#include "../node/topo.h"'
refuses src/list/a.c '#include "job.h"'
refuses src/list/a.c '#include HEADER'

allows src/mpi/slave.c '#include "runner/runner.h"' '#include <mpi.h>'
allows src/mpi/master.c '#include "record/joblog.h"' '#include "sched/scheduler.h"' \
    '#include "mpi/master.h"'
allows src/mpi/master.h '#include "record/joblog.h"'
allows src/run/run_rank.c '#include "jobsched.h"' '#include "mpi/wire.h"' \
    '#include <mpi.h>' '#include "node/topo.h"'
allows src/cli/main.c '#include "jobsched.h"' '#include <getopt.h>'
allows src/node/topo.c '#include <hwloc.h>' '#include <hwloc/glibc-sched.h>'
allows tests/unit/test_a.c '#include "unit.h"' '#include "node/topo.h"' \
    '#include <CUnit/CUnit.h>'
exit "$failed"
