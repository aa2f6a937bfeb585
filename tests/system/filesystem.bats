#!/usr/bin/env bats
# A file system that answers no call for a while: heartbeats and running jobs go on,
# no job is lost or runs twice, and a run can be ended meanwhile.

load common
load filesystem

@test "filesystem: jobs that run outlast a journal that hangs, and are recorded later" {
    write_list
    start 2 --joblog away/joblog away/jobs.txt
    wait_until "$PATIENCE" has_lines began 2 .
    touch shut
    wait_until "$PATIENCE" is_held 'write|futimens|fstat'
    wait_until "$PATIENCE" has_lines err 1 'has not answered for 2 s: no more jobs are started'
    outlast_lease
    "$JOBSCHED" --status away/jobs.txt >status
    contains status 'running on .*; the journal has not taken a write for [0-9.]+ s'
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

@test "filesystem: a joblog that hangs holds up the end of a run until SIGTERM" {
    write_list
    mv away/jobs.txt .
    launch -n 2 --no-journal --joblog away/joblog jobs.txt
    wait_until "$PATIENCE" has_lines began 2 .
    touch shut go
    wait_until "$PATIENCE" has_lines err 1 'away/joblog has not answered for 2 s'
    outlast_lease
    claim kill -0 "$FARM"
    kill -TERM "$FARM"
    farm_end
    status_is 4
    contains err 'the joblog away/joblog is missing its last lines'
    nothing_left
}

@test "filesystem: jobs that run outlast a standard output that hangs, and nothing of it is lost" {
    printf '%s\n' "[name=a] echo 1 >>began; $HOLD; echo said 1" \
        'echo 2 >>began; until test -e on; do sleep 0.05; done; echo 2 >>ran; echo said 2' \
        '[after=a] echo said 3; echo 3 >>ran' >jobs.txt
    launch_into_away -n 2 jobs.txt
    wait_until "$PATIENCE" has_lines began 2 .
    touch shut go
    wait_until "$PATIENCE" has_lines err 1 'standard output has not answered for 2 s: no more jobs are started'
    outlast_lease
    touch on
    wait_until "$PATIENCE" exists ran
    turns 100 "$(launched_rank 0)"
    equal "$(grep -c ' ok ' jobs.txt.journal)" 0
    rm shut
    farm_end
    status_is 0
    equal "$(xargs <ran)" '2 3'
    equal "$(sort away/out | xargs)" 'said 1 said 2 said 3'
}

@test "filesystem: SIGTERM ends a run whose standard output hangs within the grace, with 4" {
    local master
    write_list
    sed -i 's/$/; echo "said $JOBSCHED_JOB_ID"/' away/jobs.txt
    mv away/jobs.txt .
    launch_into_away -n 2 jobs.txt
    wait_until "$PATIENCE" has_lines began 2 .
    master=$(launched_rank 0)
    touch shut go
    wait_until "$PATIENCE" has_lines err 1 'standard output has not answered for 2 s'
    kill -TERM "$FARM"
    farm_end
    status_is 4
    contains err 'standard output: .*: jobs whose output could not be written are not recorded: run the same command again'
    claim is_gone "$master"
    nothing_left
    rm -f shut began ran
    launch_into_away -n 2 jobs.txt
    farm_end
    status_is 0
    all_ran_once
}

@test "filesystem: SIGTERM ends a run whose standard error hangs as well, and its journal" {
    local master journal
    away
    for journal in jobs.txt.journal away/jobs.txt.journal; do
        rm -f shut go began hung
        echo "echo 1 >>began; $HOLD; echo said 1; echo failed >&2; exit 1" >"${journal%.journal}"
        farm_command_redirected '>away/out 2>away/err' 1 --grace 2 "${journal%.journal}"
        COMMAND=("${AWAY[@]}" "${COMMAND[@]}")
        farm_run_in_background
        wait_until "$PATIENCE" exists began
        master=$(rank_pid 0)
        touch shut go
        wait_until "$PATIENCE" is_held write "$master"
        kill -TERM "$master"
        wait_until "$PATIENCE" is_gone "$master"
        farm_end
        equal "$(grep -c ' failed 1 ' "$journal")" 0
        nothing_left
    done
    contains jobs.txt.journal ' end 4 '
}

# The slaves go on without their master until the lease ends; the time of the
# journal alone would tell a later start that no slave can be left.
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

# One of two slots runs job 1 and, once ./go exists, jobs 4 and 5; the first of
# these is ended by its time limit. The other slot hangs with job 3 for longer than
# that job may run.
@test "filesystem: a start that hangs costs its own slot only" {
    local case hanging
    for case in chdir open execve; do
        rm -rf away shut hung began ran go on
        away
        mkdir away/dir
        : >away/in
        printf '#!/bin/sh\n%s\n' "cd $PWD
echo 3 >>began
until test -e on; do sleep 0.05; done" >away/program
        chmod +x away/program
        hanging="sh $PWD/away/program"
        case $case in
        chdir) hanging="[timeout=$LEASE dir=$PWD/away/dir] $hanging" ;;
        open) hanging="[timeout=$LEASE stdin=$PWD/away/in] $hanging" ;;
        execve) hanging="[timeout=$LEASE] $PWD/away/program" ;;
        esac
        printf '%s\n' "echo 1 >>began; $HOLD; echo 1 >>ran" \
            'until test -e shut; do sleep 0.05; done' "$hanging" \
            '[timeout=1] echo 4 >>ran; sleep 1000' 'echo 5 >>ran' >jobs.txt
        start 1 --slots 2 --no-journal jobs.txt
        wait_until "$PATIENCE" exists began
        touch shut
        wait_until "$PATIENCE" is_held "$case|openat"
        touch go
        wait_until "$PATIENCE" has_lines ran 3 .
        equal "$(tr '\n' ' ' <ran)" '1 4 5 '
        outlast_lease
        rm shut
        wait_until "$PATIENCE" has_lines began 2 .
        turns 100 "$(rank_pid 1)"
        touch on
        farm_end
        status_is 1
        contains err '4 done, 1 failed, 0 skipped, 0 left'
    done
}

# What has no process yet, or one that SIGTERM ends, does not use up the grace.
@test "filesystem: SIGTERM ends a run whose start hangs within the grace" {
    local case hanging grace
    away
    mkdir away/dir
    : >away/in
    printf '#!/bin/sh\nexit 0\n' >away/program
    chmod +x away/program
    for case in chdir open execve; do
        rm -f shut hung jobs.txt.journal
        grace=1000
        case $case in
        chdir) hanging="[dir=$PWD/away/dir] true" grace=2 ;;
        open) hanging="[stdin=$PWD/away/in] true" ;;
        execve) hanging="$PWD/away/program" ;;
        esac
        echo "$hanging" >jobs.txt
        touch shut
        launch -n 1 --grace "$grace" jobs.txt
        wait_until "$PATIENCE" is_held "$case|openat"
        kill -TERM "$FARM"
        farm_end
        status_is 3
        contains jobs.txt.journal ' stopped 1 1 '
        nothing_left
    done
}

# Whether all of its output is there is not known, so the job runs again.
@test "filesystem: SIGTERM ends a run whose job has ended, but not its output, within the grace" {
    away
    echo "echo so; exec >/dev/null 2>&1; echo 1 >>began; $HOLD" >jobs.txt
    launch -n 1 --output away/out jobs.txt
    wait_until "$PATIENCE" exists began
    touch shut go
    wait_until "$PATIENCE" is_held 'fstat|stat|close'
    kill -TERM "$FARM"
    farm_end
    status_is 3
    contains jobs.txt.journal ' stopped 1 1 '
    nothing_left
}

# Job 5 needs a thread other than the one that has started job 1 and hangs with job
# 4.
@test "filesystem: no job ends with the thread that has started it" {
    away
    mkdir away/dir
    printf '%s\n' "echo 1 >>began; $HOLD; echo 1 >>ran" \
        'until test -e shut; do sleep 0.05; done' \
        'until test -e shut; do sleep 0.05; done' \
        "[dir=$PWD/away/dir] cd $PWD; echo 4 >>began; $HOLD; echo 4 >>ran" \
        'echo 5 >>ran' >jobs.txt
    start 1 --slots 3 --no-journal jobs.txt
    wait_until "$PATIENCE" exists began
    touch shut
    wait_until "$PATIENCE" is_held chdir
    wait_until "$PATIENCE" has_lines ran 1 .
    rm shut
    wait_until "$PATIENCE" has_lines began 2 .
    turns 100 "$(rank_pid 1)"
    touch go
    farm_end
    status_is 0
    equal "$(sort ran | tr '\n' ' ')" '1 4 5 '
}

# A process that job 2 leaves behind is ended and reaped while the start of job 1
# hangs; then job 1 gets its pid.
@test "filesystem: a job that gets the pid of a child reaped while its start hung goes on" {
    need_root "choose the pid of a process"
    away
    : >away/in
    printf '%s\n' \
        "[stdin=$PWD/away/in] echo \$\$ >pid; echo 1 >>began; $HOLD; echo 1 >>ran" \
        'sleep 1000 & echo $! >left' \
        'read pid <left; echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid; exec rm shut' >jobs.txt
    farm_command 1 --slots 2 --no-journal jobs.txt
    COMMAND=(unshare --pid --fork --mount-proc "${AWAY[@]}" "${COMMAND[@]}")
    touch shut
    farm_run_in_background
    wait_until "$PATIENCE" exists began
    touch go
    farm_end
    status_is 0
    equal "$(cat ran)" 1
    equal "$(cat pid)" "$(cat left)"
}

# The job's output is on the file system that hangs, so its end hangs too.
@test "filesystem: a job is ended by its time limit although its output hangs" {
    away
    # The job itself no longer writes there.
    echo "[timeout=2] trap 'echo >ran; exit 1' TERM; echo so >&2; exec >/dev/null 2>&1; echo >began; sleep 1000 & wait" >jobs.txt
    start 1 --output away/out jobs.txt
    wait_until "$PATIENCE" exists began
    touch shut
    wait_until "$PATIENCE" exists ran
    outlast_lease
    rm shut
    farm_end
    status_is 1
    equal "$(cat away/out/1.err)" so
    contains jobs.txt.journal ' said 1 1 2 so'
}

@test "filesystem: a list on standard input hangs, and the jobs that run go on" {
    away
    {
        printf '%s\n' "echo 1 >>began; $HOLD; echo 1 >>ran" \
            "echo 2 >>began; $HOLD; echo 2 >>ran"
        # This is far more than is read ahead.
        seq 200 | sed "s/.*/: $(printf 'x%.0s' {1..4000})/"
        echo 'echo 3 >>ran'
    } >away/jobs.txt
    launch -n 2 - <away/jobs.txt
    wait_until "$PATIENCE" has_lines began 2 .
    touch shut go
    wait_until "$PATIENCE" has_lines ran 2 .
    wait_until "$PATIENCE" is_held read
    outlast_lease
    rm shut
    farm_end
    status_is 0
    equal "$(sort ran | tr '\n' ' ')" '1 2 3 '
    contains err '203 done, 0 failed'
}
