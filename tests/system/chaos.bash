# shellcheck shell=bash
# Runs of `make chaos` as a test.

some_chaos() { # KIND RUNS FROM
    need_open_mpi # it starts mpirun in the ways of that
    timeout --kill-after=5 "$((170 * JS_PATIENCE))" "$ROOT/tests/system/chaos" \
        "$@" >out 2>err 3>&- || {
        show_file err
        return 1
    }
    contains out "$2 runs, every job finished once"
}
