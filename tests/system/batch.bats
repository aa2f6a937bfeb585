#!/usr/bin/env bats
# What the batch script makes of what Slurm says, and what jobsched makes of
# --requeue; Slurm is played here. tests/system/slurm.bats has it in a real
# cluster.

load common

# Slurm job 7, of two tasks on this host. Requeues are in `requeued`.
play_slurm() {
    mkdir -p bin
    cat >bin/scontrol <<'SCONTROL'
#!/bin/sh
case $1 in
requeue) echo "$2" >>requeued ;;
*) echo 'JobId=7 RunTime=00:00:00 TimeLimit=UNLIMITED' ;;
esac
SCONTROL
    chmod +x bin/scontrol
    export PATH=$PWD/bin:$PATH SLURM_JOB_ID=7 SLURM_CLUSTER_NAME=c \
        SLURM_TASKS_PER_NODE=2 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0
    export OMPI_MCA_ras=^slurm OMPI_MCA_plm=^slurm PRTE_MCA_ras=^slurm \
        PRTE_MCA_plm=^slurm
}

# ---------------------------------------------------------------- the script

# The script, with a jobsched that only says what it gets, in `out`, and ends
# with this status.
script() { # STATUS ARGUMENT...
    printf '#!/bin/sh\necho "$$ ran $*"\nexit %s\n' "$1" >bin/jobsched
    chmod +x bin/jobsched
    shift
    status=0
    JOBSCHED=$PWD/bin/jobsched bash "$ROOT/slurm/jobsched.sbatch" "$@" \
        >out 2>err || status=$?
}

@test "batch: the script becomes the program, whose status is its own" {
    play_slurm
    script 0 jobs.txt
    status_is 0
    contains out '^[0-9]+ ran --requeue jobs\.txt$'
    script 3 --fresh 'x=1.txt' -v
    status_is 3
    contains out ' ran --requeue --fresh x=1\.txt -v$'
    JOBSCHED=$PWD/bin/jobsched bash -c 'echo $$; exec "$0" "$@"' \
        "$ROOT/slurm/jobsched.sbatch" jobs.txt >out || status=$?
    status_is 3
    equal "$(sed -n '2s/ .*//p' out)" "$(head -n 1 out)"
    claim test "$(wc -l <"$ROOT/slurm/jobsched.sbatch")" -lt 90
    lacks "$ROOT/slurm/jobsched.sbatch" '^trap |awk'
}

@test "batch: an array has a list for each task" {
    play_slurm
    export SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=2
    script 0 'my jobs.%a.txt' --joblog=log.%a
    contains out " ran --requeue my jobs\.2\.txt --joblog=log\.2$"
    script 0 jobs.txt
    status_is 2
    contains err 'jobs\.%a\.txt stands for jobs\.2\.txt'
}

@test "batch: outside Slurm and without a program it says what to do" {
    run -2 env -u SLURM_TASKS_PER_NODE bash "$ROOT/slurm/jobsched.sbatch" jobs.txt
    contains <(echo "$output") 'not in a Slurm job; submit it: sbatch '
    play_slurm
    run -2 env -u JOBSCHED bash "$ROOT/slurm/jobsched.sbatch" jobs.txt
    contains <(echo "$output") 'no jobsched in .* or PATH: build it there with make'
}

# ---------------------------------------------------------------- --requeue

# What the script becomes, in the background. Its process is $FARM.
start_as_script() { # ARGUMENT...
    rm -f requeued began go
    # shellcheck disable=SC2016
    COMMAND=(env "JS_MARK=$MARK" bash -c
        'export SLURM_TASK_PID=$$; exec "$0" --requeue "$@"' "$JOBSCHED" "$@")
    # In the background ^C would be ignored.
    set -m
    farm_run_in_background
    set +m
}

# Warns it, once the first job has begun: which then ends.
warn() {
    wait_until "$PATIENCE" exists began
    kill -USR1 "$FARM"
    wait_until "$PATIENCE" contains err 'no more jobs are started'
}

@test "batch: a run that has stopped for a warning is requeued" {
    play_slurm
    printf '%s\n' "touch began; $HOLD" 'touch second' >jobs.txt
    start_as_script -n 1 jobs.txt
    warn
    touch go
    farm_end
    status_is 3
    equal "$(cat requeued)" 7
    contains err 'the Slurm job is requeued to continue \(1 of at most 100 times\)'
    claim test ! -e second
}

@test "batch: the task of an array is requeued alone" {
    play_slurm
    export SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=2
    printf '%s\n' "touch began; $HOLD" true >jobs.txt
    start_as_script -n 1 --no-journal jobs.txt
    warn
    touch go
    farm_end
    status_is 3
    equal "$(cat requeued)" 7_2
}

@test "batch: a run that has stopped for its time limit is requeued" {
    play_slurm
    echo "touch began; exec sleep 1000" >jobs.txt
    start_as_script -n 1 --time-limit "$((4 * JS_PATIENCE))s" --grace 1s jobs.txt
    farm_end
    status_is 3
    contains err 'stopped by the time limit'
    equal "$(cat requeued)" 7
    # No job was begun: it would be so again.
    echo '[timeout=1h] touch began' >long.txt
    start_as_script -n 1 --time-limit "$((4 * JS_PATIENCE))s" --grace 1s long.txt
    farm_end
    status_is 3
    claim test ! -e began
    claim test ! -e requeued
    contains err 'no job was started'
}

@test "batch: a run that has ended, in whatever way, is not requeued" {
    local number
    play_slurm
    echo true >good.txt
    start_as_script -n 1 good.txt
    farm_end
    status_is 0
    claim test ! -e requeued
    echo false >bad.txt
    start_as_script -n 1 bad.txt
    farm_end
    status_is 1
    claim test ! -e requeued
    printf '%s\n' "touch began; $HOLD" true >jobs.txt
    # A warning before it changes nothing: somebody wants an end.
    for number in TERM INT HUP USR2; do
        start_as_script -n 1 --grace 1s --fresh jobs.txt
        warn
        kill -"$number" "$FARM"
        touch go
        farm_end
        status_is 3
        claim test ! -e requeued
    done
}

# The option alone does not do it: whoever types it, or calls the script, is
# not the batch script.
@test "batch: only the process of the batch script requeues" {
    play_slurm
    printf '%s\n' "touch began; $HOLD" true >jobs.txt
    # SLURM_TASK_PID as a shell of it has it, a job of it, or none.
    for pid in $$ 1 ''; do
        rm -f began go
        # shellcheck disable=SC2034 # of farm_run
        COMMAND=(env "JS_MARK=$MARK" "SLURM_TASK_PID=$pid" "$JOBSCHED" --requeue
            -n 1 --no-journal jobs.txt)
        farm_run_in_background
        warn
        touch go
        farm_end
        status_is 3
        claim test ! -e requeued
    done
}

@test "batch: a job of it inherits no --requeue" {
    play_slurm
    # Newer bats names the test there.
    echo "cat /proc/\$PPID/cmdline >seen; env | grep -v ^BATS_ >>seen" >jobs.txt
    start_as_script -n 1 jobs.txt
    farm_end
    status_is 0
    claim test -s seen
    equal "$(grep -acF -e --requeue seen)" 0
}

@test "batch: not for ever" {
    play_slurm
    printf '%s\n' "touch began; $HOLD" true >jobs.txt
    stop_again() { # MOST
        JOBSCHED_REQUEUES=$1 start_as_script -n 1 --fresh jobs.txt
        warn
        touch go
        farm_end
        status_is 3
    }
    export SLURM_RESTART_COUNT=4
    stop_again 5
    contains err '\(5 of at most 5 times\)'
    claim test -e requeued
    stop_again 4
    claim test ! -e requeued
    contains err 'not requeued again \(JOBSCHED_REQUEUES=4\)'
    unset SLURM_RESTART_COUNT
    stop_again 0
    claim test ! -e requeued
    JOBSCHED_REQUEUES=x start_as_script -n 1 jobs.txt
    farm_end
    status_is 2
    contains err 'JOBSCHED_REQUEUES=x: must be a whole number'
}

@test "batch: a Slurm that does not requeue is said" {
    play_slurm
    printf '#!/bin/sh\ntest "$1" != requeue || { echo denied >&2; exit 1; }\n' >bin/scontrol
    printf '%s\n' "touch began; $HOLD" true >jobs.txt
    start_as_script -n 1 jobs.txt
    warn
    touch go
    farm_end
    status_is 3
    contains err '^denied$'
    contains err 'Slurm did not requeue the job: .*sbatch'
}

# It may come at any time, and means the same before MPI is up.
@test "batch: a warning before the run has begun is one" {
    play_slurm
    mkfifo list
    # It waits for its list, and has read its options before that.
    start_as_script -n 1 --journal j list
    wait_until "$PATIENCE" is_open_for_warning
    kill -USR1 "$FARM"
    : >list
    farm_end
    status_is 3
    equal "$(cat requeued)" 7
}

# Whether the warning would wait there.
is_open_for_warning() {
    local mask
    mask=$(sed -n 's/^SigBlk:[[:space:]]*//p' "/proc/$FARM/status" 2>/dev/null)
    [[ $mask ]] && ((16#$mask & 1 << (10 - 1)))
}
