# shellcheck shell=bash
# A real Slurm for the tests of a file: one cluster (slurm-cluster) for all of
# them, from setup_file to teardown_file. Everything that a job of the ordinary
# user must reach is below $CLUSTER, and so is the folder of a test. To be loaded
# behind common: setup and teardown here stand in place of those.

# cluster_up [NODES [CPUS]]: in setup_file. Where there cannot be one, the tests
# are skipped.
cluster_up() {
    local status=0
    CLUSTER=$(mktemp -d /tmp/jobsched-slurm.XXXXXX)
    export CLUSTER
    "$ROOT/tests/system/slurm-cluster" up "$CLUSTER" "$@" \
        >"$CLUSTER.why" 2>&1 3>&- 4>&- || status=$?
    WHY_NO_CLUSTER=
    [[ $status -ne 77 ]] || WHY_NO_CLUSTER=$(tail -n 1 "$CLUSTER.why")
    export WHY_NO_CLUSTER
    [[ $status -eq 0 || $status -eq 77 ]] || {
        cat "$CLUSTER.why"
        return 1
    }
}

cluster_down() {
    "$ROOT/tests/system/slurm-cluster" down "$CLUSTER" || true
    rm -rf "$CLUSTER" "$CLUSTER.why"
}

teardown_file() {
    cluster_down
}

# A folder of the test, with a space in its name, with the program and the
# script in it as in a tree that was built there; both users may write.
setup() {
    exec </dev/null
    MARK=js-mark-$$-$RANDOM$RANDOM
    echo "$MARK" >"$BATS_TEST_TMPDIR/mark"
    AS=()
    [[ -z $WHY_NO_CLUSTER ]] || skip "$WHY_NO_CLUSTER"
    HERE="$CLUSTER/tmp/the test $BATS_TEST_NUMBER"
    mkdir "$HERE" "$HERE/slurm"
    chmod 1777 "$HERE"
    cp "$JOBSCHED" "$HERE/jobsched"
    cp "$ROOT/slurm/jobsched.sbatch" "$HERE/slurm"
    cd "$HERE" || return
    unset JOBSCHED "${!OMPI_@}" # the script sees to that
}

# Ends what the test has left, and its folder.
teardown() {
    [[ -z $WHY_NO_CLUSTER ]] || return 0
    AS=()
    if [[ -z ${BATS_TEST_COMPLETED-} ]]; then
        show_file batch
        slurm scontrol show jobs |
            grep_any -E 'JobId|JobState|ExitCode'
    fi
    # The folder is removed in any case.
    slurm scancel --user=root || true
    slurm scancel --user=tester || true
    nothing_left 60 || true
    cd / && rm -rf "$HERE"
}

# slurm COMMAND...: on the host that submits, as root, or as AS says.
slurm() {
    if [[ ${#AS[@]} -gt 0 ]]; then
        "$ROOT/tests/system/slurm-cluster" runas "${AS[0]}" "$CLUSTER" \
            env "JS_MARK=$MARK" "$@" 3>&-
    else
        "$ROOT/tests/system/slurm-cluster" run "$CLUSTER" \
            env "JS_MARK=$MARK" "$@" 3>&-
    fi
}

# From now on.
as_tester() {
    AS=(tester)
}

# submit ARGUMENT... of sbatch: JOB is its number. Its output is in the file
# `batch` of the test's folder.
submit() {
    JOB=$(slurm sbatch --parsable --output=batch "$@") || return
    JOB=${JOB%%;*}
}

# job_field NAME [JOB]: as `scontrol show job` has it, e.g. JobState.
job_field() {
    slurm scontrol --oneliner show job "${2:-$JOB}" |
        tr ' ' '\n' | sed -n "s/^$1=//p"
}

is_in_state() { # STATE [JOB]
    [[ $(job_field JobState "${2:-$JOB}") == "$1" ]]
}

has_ended() { # JOB
    [[ -z $(slurm squeue --noheader --jobs "$1" --format %T 2>/dev/null) ]]
}

# Waits until the job, requeued or not, is no longer in the queue.
job_end() { # [SECONDS]
    wait_until "${1:-$((2 * PATIENCE))}" has_ended "$JOB" || {
        slurm scontrol show job "$JOB"
        return 1
    }
}

# ended_with STATE EXIT: as Slurm has it, e.g. FAILED 1:0.
ended_with() {
    equal "$(job_field JobState) $(job_field ExitCode)" "$1 $2"
}
