#!/usr/bin/env bats
# A file system that answers no call for a while: beats and running jobs go on,
# nothing is lost and nothing runs twice, and a run can be ended meanwhile.

load common

# ./away is that file system, for everything that the farm starts: it answers
# while ./shut does not exist; each call that is held is a line of ./hung.
LEASE=$((3 * JS_PATIENCE))

away() {
    mkdir -p away
    AWAY=(env "LD_PRELOAD=$JS_HELPERS/hang_preload" "HANG_BELOW=$PWD/away"
        "HANG_GATE=$PWD/shut" "HANG_LOG=$PWD/hung")
}

# farm_start, with the folder ./away.
start() { # N ARGUMENT...
    away
    farm_command "$1" --slave-timeout "$LEASE" --grace 2 "${@:2}"
    COMMAND=("${AWAY[@]}" "${COMMAND[@]}")
    farm_run_in_background
}

# The same, started by the launcher, whose process is $FARM.
launch() { # ARGUMENT...
    away
    mkdir -p tmp
    COMMAND=("${AWAY[@]}" "JS_MARK=$MARK" "TMPDIR=$PWD/tmp" "$JOBSCHED"
        --slave-timeout "$LEASE" --grace 2 "$@")
    farm_run_in_background
}

# Held calls of the process, or of any.
is_held() { # CALL [PID]
    has_lines hung 1 "^($1) ${2:-}"
}

# Far longer than any slave waits for a beat.
outlast_lease() {
    sleep $((2 * LEASE + 2))
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

@test "filesystem: jobs that run outlast a journal that hangs, and are recorded later" {
    write_list
    start 2 --joblog away/joblog away/jobs.txt
    wait_until "$PATIENCE" has_lines began 2 .
    touch shut
    wait_until "$PATIENCE" is_held 'write|futimens|fstat'
    wait_until "$PATIENCE" has_lines err 1 'has not answered for 2 s: no more jobs are started'
    outlast_lease
    touch go
    wait_until "$PATIENCE" has_lines ran 2 .
    turns 100 "$(rank_pid 0)"
    equal "$(sort ran | tr '\n' ' ')" '1 2 '
    equal "$(grep -c ' ok ' away/jobs.txt.journal)" 0
    rm shut
    farm_end
    status_is 0
    all_ran_once
    equal "$(grep -c ' ok ' away/jobs.txt.journal)" 6
    equal "$(cut -f 1 away/joblog | tail -n +2 | sort | tr '\n' ' ')" '1 2 3 4 5 6 '
    equal "$(grep -c 'has not answered' err)" 1
    contains err 'the file system answers again after [0-9]+ s'
}

@test "filesystem: SIGTERM ends a run whose journal hangs within the grace, with 4" {
    local master
    write_list
    launch -n 2 away/jobs.txt
    wait_until "$PATIENCE" has_lines began 2 .
    master=$(launched_rank 0)
    touch shut
    wait_until "$PATIENCE" has_lines err 1 'has not answered for 2 s'
    touch go
    wait_until "$PATIENCE" has_lines ran 2 .
    kill -TERM "$FARM"
    farm_end
    status_is 4
    contains err 'jobs that have finished but are not in it: 2; they were not reported and will run again'
    claim is_gone "$master"
    nothing_left
    rm -f shut began ran
    launch -n 2 away/jobs.txt
    farm_end
    status_is 0
    all_ran_once
}

# The slaves go on without their master, for the lease; what a later start reads
# from the journal's time would be that nobody can be left.
@test "filesystem: killed while its journal hangs, a run keeps the next start from running its jobs twice" {
    recovering
    away
    echo "flock -n lock sh -c 'echo 1 >>began; $HOLD' || echo 1 >>twice" >away/jobs.txt
    start 1 away/jobs.txt
    wait_until "$PATIENCE" exists began
    touch shut
    wait_until "$PATIENCE" has_lines err 1 'has not answered for 2 s'
    outlast_lease
    kill -KILL "$(rank_pid 0)"
    rm shut
    farm_command 1 away/jobs.txt
    farm_run_in_background
    wait_until "$PATIENCE" has_lines began 2 .
    touch go
    farm_end
    status_is 0
    claim test ! -e twice
    contains err 'this run starts in at most [0-9]+ s'
    nothing_left
}
