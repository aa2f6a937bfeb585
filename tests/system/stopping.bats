#!/usr/bin/env bats
# Signals and time limits: the run stops in good order, and can go on.

load common

# Two jobs that wait for the test, two that do not run before it is over.
start_waiting_jobs() { # OPTION...
    printf '%s\n' "touch a; $HOLD" "touch b; $HOLD" 'echo c' 'echo d' >jobs.txt
    farm_start 2 jobs.txt "$@"
    wait_until "$PATIENCE" exists a
    wait_until "$PATIENCE" exists b
}

end_status() {
    tail -n 1 "${1:-jobs.txt.journal}" | awk '$2 == "end" { print $3 }'
}

goes_on_well() { # DONE LEFT
    touch go
    farm 2 jobs.txt
    status_is 0
    contains err "^jobsched: $1 done, $2 left: $2 to run"
}

# bats test_tags=sanitize
@test "stopping: SIGUSR1 and SIGUSR2 let end what runs, and start no more" {
    local signal
    for signal in "${DRAINING[@]}"; do
        rm -f a b go jobs.txt.journal
        start_waiting_jobs
        kill "-$signal" "$(mpirun_pid)"
        wait_until "$PATIENCE" has_lines err 1 "SIG$signal: no more jobs are started"
        touch go
        farm_end
        status_is 3
        contains err '2 done, 0 failed, 0 skipped, 2 left'
        contains err "stopped by SIG$signal; 2 jobs (is|are) left: .*the same command"
        equal "$(end_status)" 3
        nothing_left
        goes_on_well 2 2
        equal "$(sort out | xargs)" 'c d'
    done
}

@test "stopping: what was given ahead of time is not started either" {
    yes 'echo x >>ran; sleep 0.001' | head -n 100000 >jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" has_lines ran 300 x
    kill -USR1 "$(mpirun_pid)"
    farm_end
    status_is 3
    local ran
    ran=$(wc -l <ran)
    contains err "$ran done, 0 failed, 0 skipped, $((100000 - ran)) left"
}

@test "stopping: the last jobs have ended before: nothing is left to go on with" {
    printf 'echo %d\n' 1 2 >jobs.txt
    farm 2 jobs.txt
    status_is 0
    echo "touch a; $HOLD" >>jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" exists a
    kill -USR1 "$(mpirun_pid)"
    touch go
    farm_end
    status_is 0
    equal "$(end_status)" 0
}

# Open MPI itself answers 1 after these, and kills its ranks 2 s after.
# bats test_tags=sanitize,alone
@test "stopping: SIGTERM, SIGINT and SIGHUP end what runs within a second" {
    local signal
    # shellcheck disable=SC2034 # of farm_command
    LAUNCH=("${PLAIN[@]}")
    for signal in "${ENDING[@]}"; do
        rm -f a b go jobs.txt.journal
        printf '%s\n' "trap '' TERM; touch a; sleep 1000 & sleep 1001" \
            "touch b; sleep 1002" 'echo c' 'echo d' >jobs.txt
        farm_command 2 jobs.txt
        # The shell has background commands ignore SIGINT.
        COMMAND=(env --default-signal=INT "${COMMAND[@]}")
        farm_run_in_background
        wait_until "$PATIENCE" exists a
        wait_until "$PATIENCE" exists b
        kill "-$signal" "$(mpirun_pid)"
        farm_end
        claim test "$status" -ne 0
        nothing_left
        contains jobs.txt.journal ' stopped 1 '
        contains jobs.txt.journal ' stopped 2 '
        equal "$(end_status)" 3
        contains err 'stopped by SIG[A-Z]+; 4 jobs (is|are) left: .*the same command'
    done
}

@test "stopping: SIGTERM to the master alone" {
    start_waiting_jobs
    kill -TERM "$(rank_pid 0)"
    farm_end
    status_is 3
    contains err 'stopped by SIGTERM; 4 jobs (is|are) left'
    nothing_left
    goes_on_well 0 4
}

@test "stopping: a slave that is told to end gives its job to another" {
    cat >jobs.txt <<JOBS
touch \$JOBSCHED_SLAVE.\$JOBSCHED_ATTEMPT; $HOLD; echo \$JOBSCHED_ATTEMPT
touch \$JOBSCHED_SLAVE.\$JOBSCHED_ATTEMPT; $HOLD; echo \$JOBSCHED_ATTEMPT
JOBS
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" exists 1.1
    wait_until "$PATIENCE" exists 2.1
    kill -TERM "$(rank_pid 1)"
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' stopped '
    touch go
    farm_end
    status_is 0
    equal "$(sort out | xargs)" '1 2'
    claim test ! -e 1.2
}

# As Slurm does it: all processes of an allocation get the signal.
@test "stopping: a job that is told to end together with its slave was stopped" {
    local job rank
    yes "echo \$\$ >\$JOBSCHED_SLAVE.\$JOBSCHED_ATTEMPT; $HOLD" | head -n 2 >jobs.txt
    farm_start 2 jobs.txt --slave-timeout "$((30 * JS_PATIENCE))"
    wait_until "$PATIENCE" test -s 1.1
    wait_until "$PATIENCE" test -s 2.1
    rank=$(rank_pid 1) job=$(cat 1.1)
    # The slave learns of both at once.
    kill -STOP "$rank"
    kill -TERM "$rank" "$job"
    wait_until "$PATIENCE" test ! -e "/proc/$job"
    kill -CONT "$rank"
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' stopped '
    touch go
    farm_end
    status_is 0
    lacks jobs.txt.journal ' (failed|retried) '
}

@test "stopping: a second signal leaves no grace" {
    echo "trap '' TERM; touch a; while :; do sleep 1; done" >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" exists a
    local master
    master=$(rank_pid 0)
    kill -TERM "$master"
    # It may have come to its end by then.
    kill -INT "$master" || true
    farm_end
    status_is 3
    nothing_left
}

@test "stopping: without a journal it says that the same command starts over" {
    start_waiting_jobs --no-journal
    kill -USR1 "$(mpirun_pid)"
    touch go
    farm_end
    status_is 3
    contains err 'without a journal the same command starts over'
}

@test "stopping: an endless stream, and the endless demonstration" {
    mkfifo fifo
    exec 7<>fifo
    (while echo 'echo x >>ran'; do sleep 0.01; done) >fifo 2>/dev/null 3>&- &
    local feeder=$!
    farm_start 2 fifo
    wait_until "$PATIENCE" exists ran
    kill -USR1 "$(mpirun_pid)"
    farm_end
    kill "$feeder"
    exec 7>&-
    status_is 3
    contains err 'stopped by SIGUSR1: nothing is on record'
    farm_start 2 --forever --duration 10ms
    wait_until "$PATIENCE" has_lines out 10 Finished
    kill -USR1 "$(mpirun_pid)"
    farm_end
    status_is 3
}

# ---------------------------------------------------------------- time limits

# bats test_tags=sanitize
@test "stopping: at a time limit what runs is ended, and exit 3 says how to go on" {
    printf '%s\n' "touch a; $HOLD; echo a" 'echo b' 'echo c' >jobs.txt
    farm 1 jobs.txt --time-limit "$((4 * JS_PATIENCE))s" --grace 1s
    status_is 3
    contains err 'stopped by the time limit; 3 jobs (is|are) left: .*the same command'
    contains jobs.txt.journal ' stopped 1 '
    nothing_left
    touch go
    farm 1 jobs.txt --time-limit 1h
    status_is 0
    equal "$(xargs <out)" 'a b c'
}

@test "stopping: a time limit that the grace period uses up is refused" {
    echo 'echo a >ran' >jobs.txt
    farm 1 jobs.txt --time-limit 5s
    status_is 2
    contains err 'a time limit of 5 s leaves no time .*give a longer --time-limit or a shorter --grace'
    equal "$(grep -c '^jobsched: ' err)" 1
    claim test ! -e jobs.txt.journal
    # Nor once for each rank, where mpirun ends none of them.
    (
        LAUNCH+=("${RECOVERING[@]}")
        farm 3 jobs.txt --time-limit 5s
        equal "$(grep -c '^jobsched: ' err)" 1
    )
    # Without mpirun no mpirun is started.
    status=0
    JOBSCHED_MPIRUN=$PWD/none timeout "$PATIENCE" "$JOBSCHED" -n 1 jobs.txt \
        --time-limit 3s >out 2>err || status=$?
    status_is 2
    contains err '^jobsched: a time limit of 3 s leaves no time'
    equal "$(wc -l <err)" 1
    claim test ! -e jobs.txt.journal
    farm 1 jobs.txt --time-limit "$((5 * JS_PATIENCE))s" --grace 1s
    status_is 0
    claim test -e ran
}

@test "stopping: a job whose timeout no longer fits is not started" {
    printf '%s\n' '[timeout=100h] echo a' 'echo b' '[timeout=1h] echo c' >jobs.txt
    farm 1 jobs.txt --time-limit 10h
    status_is 3
    equal "$(xargs <out)" 'b c'
    contains err '1 job is left'
    farm 1 jobs.txt
    status_is 0
    equal "$(xargs <out)" 'a'
}

@test "stopping: a job whose known run time no longer fits is not started" {
    printf '%s\n' 'echo a' 'echo b' >jobs.txt
    farm 2 jobs.txt --joblog log
    status_is 0
    # A day, it says there.
    awk -F '\t' -v OFS='\t' '$1 == 1 { $4 = 86400 } 1' log >day
    farm 2 jobs.txt --longest-first day --fresh --time-limit 10h
    status_is 3
    equal "$(xargs <out)" 'b'
}

@test "stopping: nobody stops where there is time" {
    yes 'true' | head -n 200 >jobs.txt
    farm 2 jobs.txt --time-limit 1h --timeout 10m
    status_is 0
    contains err '200 done'
}
