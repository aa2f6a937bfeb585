#!/usr/bin/env bats
# The journal: what is recorded, and how a later run goes on from it.

load common

# Ids of the jobs whose last record in the journal says $1.
recorded() {
    awk -v want="$1" '/^[0-9a-f]+ (ok|failed|stopped|skipped|retried) / {
        last[$3] = $2 } END { for (id in last) if (last[id] == want) print id
    }' jobs.txt.journal | sort -n | xargs
}

# The exit status that the journal ends with.
end_status() {
    tail -n 1 "${1:-jobs.txt.journal}" | awk '$2 == "end" { print $3 }'
}

# Jobs 1 to $1, each of which appends a line to a file of its own.
write_counting_jobs() {
    local i
    for ((i = 1; i <= $1; i++)); do
        echo "echo x >>ran.$i"
    done >jobs.txt
}

# Each of the jobs 1 to $1 has run once.
each_ran_once() {
    local i
    for ((i = 1; i <= $1; i++)); do
        equal "$i $(cat "ran.$i")" "$i x"
    done
}

# bats test_tags=sanitize
@test "journal: what succeeded is not run again, what failed is" {
    printf '%s\n' 'echo a >>ran' 'echo b >>ran; test -e go' 'echo c >>ran' >jobs.txt
    farm 2 jobs.txt
    status_is 1
    equal "$(sort ran | xargs)" 'a b c'
    equal "$(recorded ok)/$(recorded failed)/$(end_status)" '1 3/2/1'
    equal "$(stat -c %a jobs.txt.journal)" 600
    touch go
    farm 2 jobs.txt
    status_is 0
    contains err '^jobsched: 2 done, 1 failed: 1 to run$'
    equal "$(sort ran | xargs)" 'a b b c'
    equal "$(recorded ok)/$(end_status)" '1 2 3/0'
    farm 2 jobs.txt
    status_is 0
    contains err '^jobsched: 3 done: 0 to run'
    equal "$(sort ran | xargs)" 'a b b c'
}

@test "journal: a list that was edited keeps its ids" {
    cat >jobs.txt <<'JOBS'
echo a $JOBSCHED_JOB_ID
echo b $JOBSCHED_JOB_ID
[name=x] echo x $JOBSCHED_JOB_ID
echo d $JOBSCHED_JOB_ID; test -e go
echo e $JOBSCHED_JOB_ID
JOBS
    farm 1 jobs.txt
    status_is 1
    cat >jobs.txt <<'JOBS'
echo new $JOBSCHED_JOB_ID
[timeout=1m] echo d $JOBSCHED_JOB_ID; test -e go
[name=x] echo xx $JOBSCHED_JOB_ID

echo a $JOBSCHED_JOB_ID
JOBS
    touch go
    farm 1 jobs.txt
    status_is 0
    contains err '^jobsched: 1 done, 1 failed, 1 changed, 1 new, 2 gone: 3 to run$'
    equal "$(xargs <out)" 'new 6 d 4 xx 7'
}

@test "journal: what comes after a job that runs again runs again" {
    cat >jobs.txt <<'JOBS'
[name=a] echo a; test -e go
[name=b after-any=a] echo b
[after=b] echo c
echo d
wait
echo merge
JOBS
    farm 1 jobs.txt
    status_is 1
    touch go
    farm 1 jobs.txt
    status_is 0
    contains err '1 done, 1 failed, 3 again: 4 to run'
    equal "$(xargs <out)" 'a b c merge'
    farm 1 jobs.txt
    contains err '5 done: 0 to run'
}

@test "journal: --retry-failed alone, and --no-retry-failed" {
    printf '%s\n' 'echo a >>ran; false' 'echo b >>ran' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    echo 'echo c >>ran' >>jobs.txt
    farm 1 jobs.txt --retry-failed
    status_is 1
    equal "$(xargs <ran)" 'a b a'
    contains err '1 left'
    farm 1 jobs.txt --no-retry-failed
    status_is 1
    equal "$(xargs <ran)" 'a b a c'
    farm 1 jobs.txt --no-retry-failed
    status_is 1
    equal "$(xargs <ran)" 'a b a c'
    contains err '0 to run'
    farm 1 jobs.txt --retry-failed --no-journal
    status_is 2
    farm 1 - --retry-failed
    status_is 2
    contains err '^jobsched: --retry-failed needs a journal, .*--journal$'
    # The journal alone does not bring the commands, and the demonstration is
    # not what was meant.
    run -2 "$JOBSCHED" --journal jobs.txt.journal --retry-failed </dev/null
    claim grep -q '^jobsched: --retry-failed needs the list as well: run the same' <<<"$output"
}

# bats test_tags=sanitize
@test "journal: --only runs these jobs and what they come after" {
    printf '%s\n' '[name=cut/1] echo 1' '[name=cut/2] echo 2' \
        '[name=fit/1 after=cut/1] echo fit' '[after=cut/*] echo all' \
        'exit 3' wait '[name=end] echo end' >jobs.txt
    farm 2 jobs.txt --only fit/1
    status_is 0
    equal "$(xargs <out)" '1 fit'
    contains err '0 done, 2 new, 4 not selected: 2 to run$'
    contains err '2 jobs: 2 done, 0 failed, 0 skipped, 0 left'
    farm 2 jobs.txt --only 'c*,fit/?' --only 3
    status_is 0
    equal "$(xargs <out)" 2
    farm 2 jobs.txt --only end
    status_is 1
    equal "$(sort out | xargs)" 'all end'

    # A done job that comes after one that runs is owed, and told.
    sed -i 's/echo 1$/echo one/' jobs.txt
    farm 2 jobs.txt --only cut/1
    status_is 0
    equal "$(xargs <out)" one
    contains err '3 jobs are done and not selected, but come after jobs that run: without --only they run again$'
    farm 2 jobs.txt --dry-run --only fit/*
    status_is 0
    equal "$(grep -c '' out)" 1
    sed -i 's/exit 3/true/' jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(sort out | xargs)" 'all end fit'

    farm 2 jobs.txt --no-journal --only 4
    status_is 0
    equal "$(sort out | xargs)" '2 all one'
    farm 2 jobs.txt --only fit/1,mesh
    status_is 2
    contains err '^jobsched: --only mesh: no job in jobs.txt has this name or id$'
    # Without mpirun, which may crash when it has input to pass on and the ranks
    # end at once.
    status=0
    "$JOBSCHED" - --only fit/1 <jobs.txt 2>err 3>&- || status=$?
    status_is 2
    contains err 'cannot select from standard input'
    mkfifo pipe
    farm 2 pipe --only fit/1
    status_is 2
    contains err 'cannot select from a stream$'
    farm 2 jobs.txt --only end --retry-failed
    status_is 2
    contains err '^jobsched: --only cannot be combined with --retry-failed: each of them selects the jobs that run$'
}

@test "journal: --retry-failed runs what comes after, and no new line" {
    printf '%s\n' '[name=a] echo a >>ran; test -e go' \
        '[name=b after-any=a] echo b >>ran' '[after=b] echo c >>ran' \
        'echo d >>ran' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    equal "$(sort ran | xargs)" 'a b c d'
    touch go
    echo 'echo new >>ran' >>jobs.txt
    farm 1 jobs.txt --retry-failed --dry-run
    contains err '^jobsched: 1 done, 1 failed, 2 again, 1 new: 3 to run$'
    equal "$(wc -l <out)" 3
    farm 1 jobs.txt --retry-failed
    status_is 0
    contains err '^jobsched: 1 done, 1 failed, 2 again, 1 new: 3 to run$'
    contains err ' 3 done, .*1 left'
    equal "$(tail -n 3 ran | xargs)" 'a b c'
    equal "$(wc -l <ran)" 7
    farm 1 jobs.txt --retry-failed
    contains err '^jobsched: 4 done, 1 left: 0 to run'
    farm 1 jobs.txt
    status_is 0
    equal "$(tail -n +8 ran | xargs)" new
}

@test "journal: --retry-failed that was stopped goes on with the same" {
    local twice="test -e go || { echo >began; $HOLD; }"
    printf '%s\n' "[name=a] echo a >>ran; test -e second || exit 1; $twice" \
        '[after-any=a] echo b >>ran' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    touch second
    farm_start 1 jobs.txt --retry-failed --grace 0.1
    wait_until "$PATIENCE" exists began
    kill "-${ENDING[0]}" "$(mpirun_pid)"
    farm_end
    touch go
    farm 1 jobs.txt --retry-failed
    status_is 0
    contains err ': 2 to run$'
    equal "$(xargs <ran)" 'a b a a b'
}

@test "journal: what failed and cannot run is no success of --retry-failed" {
    echo 'echo a >>ran; false' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    printf '%s\n' 'echo new >>ran' wait 'echo a >>ran; false' >jobs.txt
    farm 1 jobs.txt --retry-failed
    status_is 1
    contains err ': 0 to run'
    contains err '^jobsched: 1 failed job is not retried, .* after jobs'
    equal "$(xargs <ran)" 'a'
}

# Job 7 of Slurm, started again so often.
farm_in_slurm() { # RESTARTS ARGUMENT...
    farm_command_wrapped "exec env SLURM_JOB_ID=7 SLURM_CLUSTER_NAME=c \
        SLURM_RESTART_COUNT=$1 \"\$0\" \"\$@\"" 1 "${@:2}"
}

@test "journal: a job that Slurm starts again goes on, and --fresh counts once" {
    printf '%s\n' 'echo a >>ran; false' "echo b >>ran; echo >began; $HOLD" \
        'echo c >>ran' >x=1.txt
    farm 1 x=1.txt --max-failures 1
    status_is 1
    farm_in_slurm 0 --fresh x=1.txt
    farm_run_in_background
    wait_until "$PATIENCE" exists began
    kill "-${DRAINING[0]}" "$(mpirun_pid)"
    wait_until "$PATIENCE" contains err 'no more jobs are started'
    touch go
    farm_end
    equal "$(xargs <ran)" 'a a b'
    # What failed before a stop in good order has failed.
    farm_in_slurm 1 --fresh x=1.txt
    farm_run
    status_is 1
    equal "$(xargs <ran)" 'a a b c'
    # It is at its end: with --fresh another command would start over.
    farm 1 --fresh x=1.txt
    equal "$(xargs <ran)" 'a a b c a b c'
}

@test "journal: what follows a failure that stands is skipped" {
    printf '%s\n' '[name=a] false' '[after=a] echo b' 'true' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    farm 1 jobs.txt --no-retry-failed
    status_is 1
    contains err 'job 2 .*skipped: after a, which failed in an earlier run'
    equal "$(cat out)" ''
}

@test "journal: --fresh starts over and keeps what was" {
    echo 'echo a >>ran' >jobs.txt
    farm 1 jobs.txt
    cp jobs.txt.journal before
    farm 1 jobs.txt --fresh
    status_is 0
    equal "$(xargs <ran)" 'a a'
    claim cmp before jobs.txt.journal.old
    equal "$(recorded ok)" 1
}

@test "journal: none with --no-journal, for a stream, for the demonstration" {
    echo 'echo a >>ran' >jobs.txt
    farm 1 jobs.txt --no-journal
    farm 1 - <jobs.txt
    farm 1 --jobs 1 --duration 0
    equal "$(ls)" "$(printf 'err\njobs.txt\nmark\nout\nran')"
    equal "$(xargs <ran)" 'a a'
}

@test "journal: a stream goes on with one" {
    printf 'echo %d >>ran\n' 1 2 3 >jobs.txt
    farm 1 - --journal j <jobs.txt
    status_is 0
    printf 'echo %d >>ran\n' 1 9 2 3 1 >jobs.txt
    farm 1 - --journal j <jobs.txt
    status_is 0
    contains err '^jobsched: continuing'
    equal "$(xargs <ran)" '1 2 3 9 1'
    equal "$(end_status j)" 0
}

@test "journal: the demonstration goes on with one" {
    farm 1 --jobs 3 --duration 0 --journal j
    equal "$(grep -c Finished out)" 3
    farm 1 --jobs 5 --duration 0 --journal j
    equal "$(sed -n 's/Finished job: //p' out | xargs)" '4 5'
}

@test "journal: a dry run shows what is left, and touches nothing" {
    printf 'echo %d\n' 1 2 >jobs.txt
    farm 1 jobs.txt --dry-run
    status_is 0
    claim test ! -e jobs.txt.journal
    farm 1 jobs.txt
    echo 'echo 3' >>jobs.txt
    cp jobs.txt.journal before
    "$JOBSCHED" --dry-run jobs.txt >out
    equal "$(grep -c '' out)" 1
    contains out '^job 3: .*echo 3'
    claim cmp before jobs.txt.journal
}

@test "journal: a bad list makes none" {
    echo '[core=1] x' >jobs.txt
    farm 1 jobs.txt
    status_is 2
    claim test ! -e jobs.txt.journal
}

# ---------------------------------------------------------------- killed

# bats test_tags=sanitize
@test "journal: after the master was killed nothing is lost, or run twice" {
    write_counting_jobs 30
    sed -i '16,$s/$/; sleep 0.2/' jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" exists ran.20
    kill -KILL "$(rank_pid 0)"
    farm_end
    nothing_left
    local finished
    finished=$(recorded ok)
    claim test "$(wc -w <<<"$finished")" -ge 15
    farm 2 jobs.txt
    status_is 0
    local id
    for id in $finished; do
        equal "$id $(cat "ran.$id")" "$id x"
    done
    equal "$(recorded ok)" "$(seq 30 | xargs)"
}

@test "journal: a job that succeeded and was not reported runs again" {
    # Its output was not taken, so it was not finished.
    echo 'echo x >>ran; head -c 300000 /dev/zero' >jobs.txt
    mkfifo slow
    exec 7<>slow
    farm_command_redirected '>slow' 1 jobs.txt
    farm_run_in_background
    wait_until "$PATIENCE" exists ran
    head -c 1 <&7 >/dev/null # it has begun to
    equal "$(recorded ok)" ''
    kill -KILL "$(rank_pid 0)"
    farm_end
    exec 7>&-
    farm 1 jobs.txt --output none
    equal "$(xargs <ran)" 'x x'
}

# ---------------------------------------------------------------- one at a time

# bats test_tags=sanitize
@test "journal: a second run is told who has it" {
    echo "$HOLD" >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" exists jobs.txt.journal
    local first=$FARM master
    master=$(rank_pid 0)
    farm_command 1 jobs.txt
    "${COMMAND[@]}" >out2 2>err2 && status=0 || status=$?
    status_is 2
    contains err2 "jobs.txt.journal is in use by a run on $(hostname), process $master"
    FARM=$first
    touch go
    farm_end
    status_is 0
}

@test "journal: a run on another host that has not ended it is asked about" {
    echo true >jobs.txt
    unshare --uts true 2>/dev/null || skip "this machine lets nobody have a host name of its own"
    echo "$HOLD" >jobs.txt
    farm_command 1 jobs.txt
    COMMAND=(unshare --uts sh -c 'hostname elsewhere && exec "$@"' - "${COMMAND[@]}")
    farm_run_in_background
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' slave 1 '
    kill -KILL "$(rank_pid 0)"
    farm_end
    touch go
    farm 1 jobs.txt
    status_is 2
    contains err 'on elsewhere, process [0-9]+.*--force-lock'
    farm 1 jobs.txt --force-lock
    status_is 0
}

# ---------------------------------------------------------------- damage

@test "journal: a torn end is cut off, kept, and run again" {
    write_counting_jobs 3
    farm 1 jobs.txt
    # The last record, of the end, and half of the one before.
    head -n -1 jobs.txt.journal | head -c -20 >torn
    cat torn >jobs.txt.journal
    head -c 100 /dev/zero >>jobs.txt.journal
    farm 1 jobs.txt
    status_is 0
    contains err 'jobs.txt.journal: the last [0-9]+ bytes, from offset [0-9]+,'
    claim test -s jobs.txt.journal.torn
    equal "$(cat ran.1 ran.2 ran.3 | xargs)" 'x x x x'
    farm 1 jobs.txt
    contains err '3 done: 0 to run'
}

@test "journal: damage in the middle is refused, with the place" {
    write_counting_jobs 3
    farm 1 jobs.txt
    sed -i '3s/./#/12' jobs.txt.journal
    cp jobs.txt.journal before
    farm 1 jobs.txt
    status_is 2
    contains err "jobs.txt.journal is damaged at offset $(head -n 2 before | wc -c) .*--fresh"
    claim cmp before jobs.txt.journal
    farm 1 jobs.txt --fresh
    status_is 0
}

@test "journal: another file is not taken for one" {
    echo 'echo a' >jobs.txt
    echo 'dear diary' >diary
    farm 1 jobs.txt --journal diary
    status_is 2
    contains err '^jobsched: diary is not a .*journal'
    equal "$(cat diary)" 'dear diary'
    farm 1 jobs.txt --journal jobs.txt
    status_is 2
    contains err 'jobs.txt is the job list'
    ln -s diary jobs.txt.journal
    farm 1 jobs.txt
    status_is 2
    contains err 'symbolic link'
    equal "$(cat diary)" 'dear diary'
}

# ---------------------------------------------------------------- no room

# bats test_tags=sanitize
@test "journal: a full disk stops the run, and loses nothing" {
    mount_tmpfs disk size=1400k
    # More than what is reserved for records holds.
    # shellcheck disable=SC2034 # of farm_command
    LIMIT=150
    seq 9000 | sed "s,.*,exec 9>>ran; echo & >\&9," >jobs.txt
    farm_start 2 jobs.txt --journal disk/jobs.txt.journal
    wait_until "$PATIENCE" exists ran
    fill_disk disk/fill
    farm_end "$((2 * PATIENCE))"
    status_is 4
    contains err 'cannot write to the journal .*: No space left on device: no more jobs are started'
    contains err 'all finished jobs are in it'
    # What has run is on record: nothing that was finished is lost.
    cp disk/jobs.txt.journal .
    equal "$(recorded ok | tr ' ' '\n')" "$(sort -n ran)"
    claim test "$(wc -l <ran)" -lt 9000
    rm disk/fill
    mount -o remount,size=8m disk
    farm 2 jobs.txt --journal disk/jobs.txt.journal
    status_is 0
    equal "$(sort -n ran)" "$(seq 9000)"
}

@test "journal: a read-only disk is an error before anything runs" {
    mount_tmpfs disk size=1m
    echo 'echo a >ran' >disk/jobs.txt
    mount -o remount,ro disk
    farm 1 disk/jobs.txt
    status_is 2
    contains err 'journal disk/jobs.txt.journal: Read-only'
    contains err '--no-journal'
    claim test ! -e ran
    farm 1 disk/jobs.txt --no-journal
    status_is 0
}

@test "journal: one that may only be read is an error before anything runs" {
    as_ordinary_user
    echo 'echo a >>ran' >jobs.txt
    "${USER_COMMAND[@]}" touch jobs.txt.journal
    chmod 444 jobs.txt.journal
    farm_command 1 jobs.txt
    COMMAND=("${USER_COMMAND[@]}" "${COMMAND[@]}")
    farm_run
    status_is 2
    contains err 'cannot open the journal jobs.txt.journal: Permission denied; .*--no-journal'
    claim test ! -e ran
    claim test ! -s jobs.txt.journal
}

@test "journal: taken away in the middle, it is written anew and nothing is lost" {
    local sync
    for sync in 0 1s off; do
        rm -f ran.* jobs.txt.journal
        write_counting_jobs 24
        sed -i 's/$/; sleep 0.1/' jobs.txt
        farm_start 2 jobs.txt --sync "$sync"
        wait_until "$PATIENCE" exists ran.10
        rm jobs.txt.journal
        farm_end
        status_is 0
        contains err '^jobsched: jobs.txt.journal .* (removed|renamed).* written again'
        equal "$(stat -c %a jobs.txt.journal)" 600
        equal "$(recorded ok)/$(end_status)" "$(seq 24 | xargs)/0"
        farm 2 jobs.txt
        status_is 0
        contains err '^jobsched: 24 done: 0 to run'
        each_ran_once 24
    done
}

# A run in whose middle, at job 11, the folder of the journal goes away.
start_without_folder() {
    mkdir d
    write_counting_jobs 60
    sed -i "11s/^/touch held; $HOLD; /; 12,\$s/\$/; sleep 0.1/" jobs.txt
    farm_start 2 jobs.txt --journal d/j -v
    wait_until "$PATIENCE" exists held
    rm -r d
    wait_until "$PATIENCE" has_lines err 1 \
        'the journal d/j .* (removed|renamed).*: No such file or directory: no more jobs are started.* nothing is lost'
}

@test "journal: without its folder the run stops, and says what that means" {
    start_without_folder
    touch go
    farm_end
    status_is 4
    contains err 'd/j .* (removed|renamed).*; all finished jobs were in it: .* will all run again$'
    lacks err 'same command|are in it'
    claim test ! -e ran.60
}

@test "journal: with its folder back in time nothing is lost" {
    start_without_folder
    mkdir d
    touch go
    farm_end
    status_is 4
    contains err '^jobsched: d/j .* (removed|renamed).* written again'
    contains err 'all finished jobs are in it: .*the same command'
    cp d/j jobs.txt.journal
    equal "$(recorded ok)" "$(reported)"
    farm 2 jobs.txt --journal d/j
    status_is 0
    each_ran_once 60
}

# From now on a call of the master on its journal has this fault.
inject() { # FAULT
    : >strace.err
    strace -f -o trace -P "$PWD/jobs.txt.journal" -e "inject=$1" \
        -p "$(rank_pid 0)" 2>strace.err 3>&- &
    wait_until "$PATIENCE" has_lines strace.err 1 attached
}

# All but the first five wait for `go`.
start_long_jobs() { # COUNT OPTION...
    need_ptrace
    write_counting_jobs "$1"
    shift
    sed -i "s/\$/; sleep 0.1/; 6,\$s/^/$HOLD; /" jobs.txt
    farm_start 2 jobs.txt --sync 0.1s --slave-timeout $((2 * JS_PATIENCE)) --grace 0.1 "$@"
    wait_until "$PATIENCE" exists ran.5
}

# Ids of the jobs that the trace, and the joblog, say have finished.
reported() {
    sed -n 's/^Finished job: //p' out | sort -n | xargs
}

in_joblog() {
    tail -n +2 log | cut -f 1 | sort -n | xargs
}

@test "journal: a failing write stops the run; who is not on record was not reported" {
    start_long_jobs 60 -v --joblog log
    inject write:error=EIO
    touch go
    farm_end
    status_is 4
    contains err 'cannot write to the journal jobs.txt.journal: Input/output error: no more jobs are started'
    contains err 'finished but are not in it: [0-9]+; .* will run again'
    claim test ! -e ran.50
    local on_record job
    on_record=$(recorded ok)
    equal "$(reported)" "$on_record"
    equal "$(in_joblog)" "$on_record"
    farm 2 jobs.txt -v --joblog log
    status_is 0
    equal "$(recorded ok)" "$(seq 60 | xargs)"
    # None that was reported ran again, and each was reported once.
    for job in $on_record; do
        equal "$job $(cat "ran.$job")" "$job x"
    done
    # (On a busy machine job 10 may be on record before job 9.)
    equal "$(echo "$on_record $(reported)" | xargs -n 1 | sort -n | xargs)" "$(seq 60 | xargs)"
    equal "$(in_joblog)" "$(seq 60 | xargs)"
}

@test "journal: a failing fdatasync stops the run" {
    start_long_jobs 60
    inject fdatasync:error=EIO
    touch go
    farm_end
    status_is 4
    contains err 'Input/output error: no more jobs are started'
    claim test ! -e ran.50
    farm 2 jobs.txt
    status_is 0
    each_ran_once 60
}

# The thread alone waits, and no slave is thought lost.
@test "journal: an fdatasync that takes its time holds up nobody" {
    start_long_jobs 20
    inject "fdatasync:delay_enter=$((8000000 * JS_PATIENCE))"
    touch go
    wait_until "$PATIENCE" exists ran.20
    # That of the journal's first second is still on its way.
    lacks trace 'fdatasync.*= 0'
    farm_end
    status_is 0
    contains trace 'fdatasync.*= 0 \(DELAYED\)$'
    lacks err 'sent nothing for'
    each_ran_once 20
}

# The same where each commit is brought to disk: only what depends on it waits.
@test "journal: with --sync 0 a slow disk holds up new jobs, and no slave" {
    need_ptrace
    {
        printf "touch %s.run; $HOLD; echo x >>ran.%d\n" a 1 b 2
        printf "grep -q 'fdatasync.*= 0' trace && echo x >>ran.%d\n" 3 4
    } >jobs.txt
    farm_start 2 jobs.txt --sync 0 -v --slave-timeout $((2 * JS_PATIENCE)) --grace 0.1
    wait_until "$PATIENCE" exists a.run
    wait_until "$PATIENCE" exists b.run
    inject "fdatasync:delay_enter=$((5000000 * JS_PATIENCE))"
    touch go
    wait_until "$PATIENCE" exists ran.1
    wait_until "$PATIENCE" exists ran.2
    turns 20 "$(rank_pid 0)"
    ! grep -q Finished out || contains trace 'fdatasync.*= 0'
    farm_end
    status_is 0
    lacks err 'sent nothing for|no slave is left'
    each_ran_once 4
    equal "$(grep -c Finished out)" 4
}

@test "journal: SIGCONT on a slow disk holds up nobody" {
    start_long_jobs 20 --sync 1d
    inject "fdatasync:delay_enter=$((8000000 * JS_PATIENCE))"
    kill -CONT "$(rank_pid 0)"
    wait_until "$PATIENCE" has_lines trace 1 'fdatasync\('
    touch go
    wait_until "$PATIENCE" exists ran.20
    lacks trace 'fdatasync.*= 0'
    farm_end
    status_is 0
    lacks err 'sent nothing for|no slave is left'
    each_ran_once 20
}

# The first thing that a signal brings about, be there a reader or not; what is
# still to be written comes later.
@test "journal: SIGCONT and SIGTERM bring it to disk at once" {
    need_ptrace
    {
        echo 'head -c 3000000 /dev/zero'
        printf 'until test -e %s; do sleep 0.02; done\n' one two never
    } >jobs.txt
    mkfifo slow
    exec 7<>slow
    farm_command_redirected '>slow' 2 jobs.txt --sync 1d
    farm_run_in_background
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' slave 2 '
    touch one
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' ok 2 '
    : >strace.err
    strace -f -s 100000 -o trace -P "$PWD/jobs.txt.journal" \
        -e trace=fdatasync,write -p "$(rank_pid 0)" 2>strace.err 3>&- 7>&- &
    wait_until "$PATIENCE" has_lines strace.err 1 attached
    kill -CONT "$(rank_pid 0)"
    wait_until "$PATIENCE" has_lines trace 1 'fdatasync.*= 0'
    touch two
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' ok 3 '
    equal "$(grep -c 'fdatasync(' trace)" 1
    kill -TERM "$(rank_pid 0)"
    farm_end
    exec 7>&-
    contains jobs.txt.journal ' end 3 '
    # Sync, record and end in the order in which they happened.
    equal "$(sed -nE 's/.*--- (SIGCONT|SIGTERM) .*/\1/p
        s/.*fdatasync\(.*/sync/p; s/.*write\(.* ok 3 .*/ok/p
        s/.*write\(.* end 3 .*/end/p' trace | xargs)" \
        'SIGCONT sync ok SIGTERM sync end sync'
}

# The master's own calls go to the file `trace`.
trace_master() { # N ARGUMENT...
    need_ptrace
    farm_command_wrapped "exec strace -f -s 100000 -o trace \
        -e trace=fdatasync,write \"\$0\" \"\$@\"" "$@"
    farm_run
}

@test "journal: --sync off brings nothing to disk by itself" {
    write_counting_jobs 10
    trace_master 1 jobs.txt --sync off
    status_is 0
    each_ran_once 10
    equal "$(grep -c 'fdatasync(' trace)" 0
}

@test "journal: with --sync 0 what is reported is on disk" {
    write_counting_jobs 10
    trace_master 1 jobs.txt --sync 0 -v
    status_is 0
    each_ran_once 10
    claim test "$(grep -c 'fdatasync(' trace)" -ge 3
    equal "$(grep -c 'Finished job' out)" 10
    # A sync is about what was written when it began.
    awk '
        / write\(.* ok / {
            text = $0
            while (match(text, / ok [0-9]+ /)) {
                written = substr(text, RSTART + 4, RLENGTH - 5) + 0
                text = substr(text, RSTART + RLENGTH)
            }
        }
        /fdatasync\(/ { begun = written }
        /fdatasync.* = 0$/ { safe = begun }
        / write\(.*Finished job: / {
            text = $0
            while (match(text, /Finished job: [0-9]+/)) {
                id = substr(text, RSTART + 14, RLENGTH - 14) + 0
                if (id > safe) { print id " was not on disk: " $0; bad = 1 }
                seen++
                text = substr(text, RSTART + RLENGTH)
            }
        }
        END { exit bad || seen != 10 }' trace
}

@test "journal: one that cannot be opened" {
    echo 'echo a >ran' >jobs.txt
    farm 1 jobs.txt --journal no/such/folder
    status_is 2
    contains err 'journal no/such/folder: No such file'
    claim test ! -e ran
    mkdir jobs.txt.journal
    farm 1 jobs.txt
    contains err 'jobs.txt.journal'
    claim test ! -e ran
}

# ---------------------------------------------------------------- the peers

# Pegasus MPI Cluster: a torn record of job 10 counted as one of job 1.
@test "journal: a torn record is none of another job" {
    write_counting_jobs 12
    farm 1 jobs.txt
    local n
    n=$(grep -n ' ok 10 ' jobs.txt.journal | cut -d : -f 1)
    head -n "$n" jobs.txt.journal | head -c -60 >torn
    cat torn >jobs.txt.journal
    farm 1 jobs.txt
    status_is 0
    equal "$(cat ran.1 | xargs)" x
    equal "$(cat ran.10 | xargs)" 'x x'
    equal "$(recorded ok)" "$(seq 12 | xargs)"
}

# Pegasus MPI Cluster: a finished task removed from the list stops the restart.
@test "journal: a finished job may be removed from the list" {
    printf '%s\n' '[name=a] true' '[after=a] echo b; test -e go' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    echo 'echo b; test -e go' >jobs.txt
    touch go
    farm 1 jobs.txt
    status_is 0
    contains err '0 done, 1 failed, 1 gone: 1 to run'
}

# GNU parallel resumes by number: an edited list runs the wrong commands.
@test "journal: a line inserted at the top runs, and only that" {
    write_counting_jobs 5
    farm 1 jobs.txt
    sed -i '1iecho x >>ran.new' jobs.txt
    farm 1 jobs.txt
    each_ran_once 5
    equal "$(cat ran.new)" x
}
