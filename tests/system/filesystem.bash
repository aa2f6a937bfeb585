# A file system that answers no call for a while (helpers/hang_preload).

# ./away is that file system, for everything that the farm starts. It answers while
# ./shut does not exist; each call that hangs adds a line to ./hung.
LEASE=$((3 * JS_PATIENCE))

away() {
    mkdir -p away
    # A sanitizer must come before every other library.
    AWAY=(env "ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS-}"
        "LD_PRELOAD=$JS_HELPERS/hang_preload" "HANG_BELOW=$PWD/away"
        "HANG_GATE=$PWD/shut" "HANG_LOG=$PWD/hung")
}

# farm_start, with the folder ./away.
start() { # N ARGUMENT...
    away
    farm_command "$1" --slave-timeout "$LEASE" --grace 2 "${@:2}"
    COMMAND=("${AWAY[@]}" "${COMMAND[@]}")
    farm_run_in_background
}

# Does the same with the launcher, whose process is $FARM.
launch() { # ARGUMENT...
    away
    mkdir -p tmp
    COMMAND=("${AWAY[@]}" "JS_MARK=$MARK" "TMPDIR=$PWD/tmp" "$JOBSCHED"
        --slave-timeout "$LEASE" --grace 2 "$@")
    farm_run_in_background
}

# True if this call hangs in the process, or in any process.
is_held() { # CALL [PID]
    has_lines hung 1 "^($1) ${2:-}"
}

# Longer than the lease of --slave-timeout and --grace, and than the journal's.
outlast_lease() {
    sleep $((LEASE + 4))
}

# launch, with standard output in the file system that hangs.
launch_into_away() { # ARGUMENT...
    away
    COMMAND=(env "JS_MARK=$MARK" "TMPDIR=$PWD/tmp" "${AWAY[@]}" "$JOBSCHED"
        --slave-timeout "$LEASE" --grace 2 "$@")
    COMMAND=(sh -c 'exec "$0" "$@" >away/out' "${COMMAND[@]}")
    mkdir -p tmp
    farm_run_in_background
}

# Jobs 1 and 2 run until ./go; those that follow note that they have run.
write_list() {
    away
    {
        printf '%s\n' "echo 1 >>began; $HOLD; echo 1 >>ran" \
            "echo 2 >>began; $HOLD; echo 2 >>ran"
        printf 'echo %s >>ran\n' 3 4 5 6
    } >away/jobs.txt
}

all_ran_once() {
    equal "$(sort ran | tr '\n' ' ')" '1 2 3 4 5 6 '
}
