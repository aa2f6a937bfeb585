#!/usr/bin/env bats
# Trouble: what the machine refuses, and what jobs do to themselves.

# What is quoted is for the shell of a job; and each test is a subshell.
# shellcheck disable=SC2016,SC2030,SC2031

load common

# ---------------------------------------------------------------- refused

# Two jobs, one after the other; while the first is held, something happens
# to the runner of slave 1.
start_two_jobs() {
    printf '%s\n' "touch started; $HOLD; echo one" 'echo two' >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" exists started
}

# bats test_tags=sanitize
@test "trouble: no descriptors (EMFILE) is waited for, and charged to no job" {
    start_two_jobs
    local runner limit
    runner=$(runner_pid 1)
    limit=$(prlimit --pid "$runner" --nofile --noheadings -o SOFT | xargs)
    prlimit --pid "$runner" --nofile=3:
    touch go
    wait_until "$PATIENCE" has_lines err 1 'Too many open files'
    prlimit --pid "$runner" --nofile="$limit:"
    farm_end
    status_is 0
    equal "$(xargs <out)" 'one two'
    equal "$(grep -c 'Too many open files' err)" 1
    contains err '^jobsched: .*(ulimit|fewer slots)'
}

# Processes are counted by user, and root may have any number.
@test "trouble: no processes (EAGAIN) is waited for, and charged to no job" {
    as_ordinary_user
    printf '%s\n' "touch started; $HOLD; echo one" 'echo two' >jobs.txt
    farm_command 1 jobs.txt
    COMMAND=("${USER_COMMAND[@]}" "${COMMAND[@]}")
    farm_run_in_background
    wait_until "$PATIENCE" exists started
    local runner limit
    runner=$(runner_pid 1)
    limit=$("${USER_COMMAND[@]}" prlimit --pid "$runner" --nproc --noheadings \
        -o SOFT | xargs)
    "${USER_COMMAND[@]}" prlimit --pid "$runner" --nproc=1:
    touch go
    wait_until "$PATIENCE" has_lines err 1 'Resource temporarily unavailable'
    "${USER_COMMAND[@]}" prlimit --pid "$runner" --nproc="$limit:"
    farm_end
    status_is 0
    equal "$(xargs <out)" 'one two'
    equal "$(grep -c 'Resource temporarily unavailable' err)" 1
    contains err '^jobsched: .*(ulimit -u|fewer slots)'
}

# bats test_tags=sanitize
@test "trouble: a full --tmpdir (ENOSPC) is waited for, and charged to no job" {
    mount_tmpfs small nr_inodes=20
    mkfifo fifo
    farm_start 1 fifo --slots 2 --tmpdir "$PWD/small"
    exec 7>fifo
    # The first job holds its output files; all others are taken away.
    echo "touch started; $HOLD; echo one" >&7
    wait_until "$PATIENCE" exists started
    local i
    for i in $(seq 20); do
        : 2>/dev/null >"small/$i" || break
    done
    echo 'echo two' >&7
    wait_until "$PATIENCE" has_lines err 1 'No space left'
    rm small/*
    wait_until "$PATIENCE" has_lines out 1 two
    touch go
    exec 7>&-
    farm_end
    status_is 0
    equal "$(xargs <out)" 'two one'
    equal "$(grep -c 'No space left' err)" 1
    # What to do, and where.
    contains err "^jobsched: .*(--tmpdir|$PWD/small)"
}

@test "trouble: a --tmpdir that is full from the start is said, with what to do" {
    # Room for nothing but the folder itself.
    mount_tmpfs small nr_inodes=1
    echo 'touch ran' >jobs.txt
    farm 1 jobs.txt --tmpdir "$PWD/small"
    status_is 4
    claim test ! -e ran
    contains err "^jobsched: .*$PWD/small.*No space left"
    contains err '^jobsched: .*--tmpdir'
}

@test "trouble: a job that fills --tmpdir fails alone" {
    mount_tmpfs small size=256k
    printf '%s\n' "$JS_HELPERS/spew 10000000" 'touch after' >jobs.txt
    farm_whole 1 jobs.txt --tmpdir "$PWD/small" --joblog log
    status_is 1
    claim test "$(field log 1 Exitval)" -ne 0
    equal "$(field log 2 Exitval)" 0
    claim test -e after
    # What it had written until then.
    "$JS_HELPERS/spew" 10000000 | head -c "$(wc -c <out)" | cmp - out
    claim test -s out
}

@test "trouble: a success whose output may be cut runs again, and is charged to no job" {
    mount_tmpfs small size=256k
    local spew=$JS_HELPERS/spew
    {
        echo "echo >>ran; test -e again && exec $spew 50000"
        echo ": >again; $spew 10000000; true"
    } | paste -sd ';' >jobs.txt
    farm_whole 1 jobs.txt --tmpdir "$PWD/small"
    status_is 0
    equal "$(wc -l <ran)" 2
    tail -c 50000 out | cmp - <("$spew" 50000)
    contains err 'no space is left in .*/small, and the output of job 1 there may be incomplete'
    contains err '1 job: 1 done'
}

@test "trouble: a success whose output is cut each time has failed, and is not on record as done" {
    mount_tmpfs small size=256k
    echo "echo >>ran; $JS_HELPERS/spew 10000000; true" >jobs.txt
    farm 1 jobs.txt --output small/OUT
    status_is 1
    equal "$(wc -l <ran)" 4
    contains err 'job 1 .*output could not be collected'
    farm_whole 1 jobs.txt
    status_is 0
    equal "$(wc -l <ran)" 5
    equal "$(wc -c <out)" 10000000
}

@test "trouble: an output folder without room is waited for, and loses nothing" {
    mount_tmpfs small size=64k
    cat >jobs.txt <<'JOBS'
if test ! -e ran; then : >ran; head -c 100000 /dev/zero >small/fill 2>fill.err; fi; echo 1; true
test ! -e small/fill && echo 2
JOBS
    farm_start 1 jobs.txt --output small/OUT
    wait_until "$PATIENCE" has_lines err 1 'cannot be started yet: .*No space left'
    rm small/fill
    farm_end
    status_is 0
    equal "$(cat small/OUT/1.out small/OUT/2.out | xargs)" '1 2'
    contains err '2 jobs: 2 done'
}

@test "trouble: a --tmpdir that is not there is said, with what to do" {
    printf '%s\n' 'touch ran' 'touch ran' >jobs.txt
    farm 2 jobs.txt --tmpdir /no/such/folder
    claim test "$status" -ne 0
    claim test ! -e ran
    contains err '^jobsched: .*/no/such/folder'
    contains err '^jobsched: .*--tmpdir'
}

# bats test_tags=sanitize
@test "trouble: an output folder that is removed is made anew, and charged to no job" {
    {
        seq 5 | sed 's/.*/echo &/'
        echo 'echo before; rm -r OUT; echo after'
        seq 7 12 | sed 's/.*/echo &/'
    } >jobs.txt
    farm 1 jobs.txt --output OUT --retries 3 --joblog log
    status_is 0
    contains err '12 jobs: 12 done'
    contains err 'folder OUT was removed while job 6 ran: its output has been written to a new folder'
    equal "$(cat OUT/6.out)" $'before\nafter'
    equal "$(cat OUT/12.out)" 12
    equal "$(wc -l <log)" 13
}

@test "trouble: a --tmpdir that is removed is made anew, and charged to no job" {
    mkdir -m 700 tmp
    printf '%s\n' 'echo 1; rmdir tmp' 'echo 2' "head -c 1000000 /dev/zero | tr '\\0' 'a'" 'echo 4' >jobs.txt
    farm 1 jobs.txt --tmpdir "$PWD/tmp"
    status_is 0
    contains err '4 jobs: 4 done'
    contains err "folder $PWD/tmp was gone and has been created again"
    equal "$(stat -c %a tmp)" 700
    equal "$(wc -c <out)" 1000006
}

# The second job, and whatever follows, waits for its folder.
start_homeless_jobs() { # ARGUMENT...
    mkdir a
    printf '%s\n' 'mv a aside; touch a' 'echo two' 'echo three' >jobs.txt
    farm_start 1 jobs.txt --output a/OUT --retries 2 "$@"
    wait_until "$PATIENCE" has_lines err 1 'folder a/OUT is gone and cannot be created again: Not a directory'
}

end_status() {
    tail -n 1 jobs.txt.journal | awk '$2 == "end" { print $3 }'
}

# bats test_tags=sanitize
@test "trouble: an output folder that cannot be made anew is waited for" {
    start_homeless_jobs
    rm a
    mv aside a
    farm_end
    status_is 0
    contains err '3 jobs: 3 done'
    equal "$(cat a/OUT/2.out a/OUT/3.out)" $'two\nthree'
    equal "$(grep -c 'is gone' err)" 1
}

@test "trouble: a signal ends the wait for a folder" {
    local signal
    # shellcheck disable=SC2034 # of farm
    LAUNCH=("${PLAIN[@]}")
    for signal in "${DRAINING[0]}" "${ENDING[0]}"; do
        start_homeless_jobs
        kill "-$signal" "$(mpirun_pid)"
        farm_end
        equal "$(end_status)" 3
        contains err '3 jobs: 1 done, 0 failed, 0 skipped, 2 left'
        rm -r a aside jobs.txt.journal
    done
}

@test "trouble: --time-limit ends the wait for a folder" {
    start_homeless_jobs --time-limit "$((10 * JS_PATIENCE))" --grace 0.2
    farm_end
    equal "$(end_status)" 3
    contains err '3 jobs: 1 done, 0 failed, 0 skipped, 2 left'
}

# bats test_tags=sanitize
@test "trouble: a joblog that cannot be written is exit 2, nothing has run" {
    echo 'touch ran' >jobs.txt
    mkdir folder
    local path
    for path in no/such/folder/log folder; do
        farm 2 jobs.txt --joblog "$path"
        status_is 2
        contains err "^jobsched: .*joblog $path"
    done
    claim test ! -e ran
}

@test "trouble: an output folder that cannot be one is exit 2, nothing has run" {
    echo 'touch ran' >jobs.txt
    echo text >file
    cp /bin/true program
    local path
    for path in file file/below no/such/folder program; do
        farm 2 jobs.txt --output "$path"
        echo "with --output $path:"
        status_is 2
        contains err "^jobsched: .*folder.* $path"
    done
    claim test ! -e ran
}

@test "trouble: nothing that was there is harmed when nothing runs" {
    printf 'echo a\0\n' >jobs.txt
    echo precious >log
    farm 1 jobs.txt --joblog log
    status_is 2
    equal "$(cat log)" precious
}

@test "trouble: a joblog on a full disk: the jobs run, and exit 4 says so" {
    printf 'echo %s\n' $(seq 20) >jobs.txt
    farm 2 jobs.txt --joblog /dev/full
    status_is 4
    equal "$(sort -n out | xargs)" "$(seq 20 | xargs)"
    contains err '^jobsched: .*joblog.*No space left'
    contains err '20 done'
    contains jobs.txt.journal ' end 4 '
}

@test "trouble: a joblog on a disk that gets room again lacks nothing" {
    mount_tmpfs small size=64k
    : >small/log
    fill_disk small/ballast
    printf '%s\n' 'echo one' "$HOLD" 'echo three' >jobs.txt
    farm_start 1 jobs.txt --joblog small/log
    wait_until "$PATIENCE" has_lines err 1 'joblog.*No space left'
    rm small/ballast
    touch go
    farm_end
    status_is 0
    equal "$(cut -f 1 small/log | xargs)" 'Seq 1 2 3'
}

# ---------------------------------------------------------------- jobs

# bats test_tags=sanitize
@test "trouble: a job that closes its files is watched all the same" {
    cat >jobs.txt <<'JOBS'
exec <&- >&- 2>&-; until test -e go; do sleep 0.02; done; touch one
exec >&-; exit 4
echo last; exec >&- 2>&-; kill -KILL $$
echo done
JOBS
    farm_start 1 jobs.txt --joblog log
    wait_until "$PATIENCE" has_lines log 1 Seq
    touch go
    farm_end
    status_is 1
    claim test -e one
    equal "$(awk -F '\t' 'NR > 1 { print $7 ":" $8 }' log | xargs)" \
        '0:0 4:0 0:9 0:0'
    equal "$(xargs <out)" 'last done'
}

# bats test_tags=sanitize
@test "trouble: a job that leaves a background process frees its slot" {
    # It holds the job's stdout, and would hold it for ever.
    printf '%s\n' 'sleep 1000 & echo one' '(sleep 1000; echo no) & echo two' \
        'nohup sleep 1000 & echo three' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(grep -v nohup out | xargs)" 'one two three'
    nothing_left
}

@test "trouble: a job that ignores SIGTERM is ended after --grace" {
    cat >jobs.txt <<'JOBS'
(trap '' TERM; touch one; while :; do sleep 0.05; done) & until test -e one; do sleep 0.02; done
echo next
JOBS
    farm 1 jobs.txt --grace 0.3 --joblog log
    status_is 0
    equal "$(cat out)" next
    nothing_left
    # Its process has ended long before that, but its slot was not free.
    between "$(awk -F '\t' 'NR == 2 { a = $3 + $4 } NR == 3 { print $3 - a }' \
        log)" 0.29 20
}

@test "trouble: a job that changes its limits changes nobody else's" {
    cat >jobs.txt <<'JOBS'
ulimit -a
ulimit -c 0; ulimit -n 5; ulimit -f 1; ulimit -t 100; umask 0; cd /; echo changed
ulimit -a
umask; pwd
JOBS
    umask 022
    farm 1 jobs.txt --joblog log
    status_is 0
    grep -v changed out >limits
    # Twice the same.
    local half=$((($(wc -l <limits) - 2) / 2))
    head -n "$half" limits >first
    tail -n +$((half + 1)) limits | head -n "$half" | cmp first -
    equal "$(tail -n 2 limits | xargs)" "0022 $PWD"
}

@test "trouble: jobs have the limits that jobsched was started with" {
    echo "ulimit -n; ulimit -c; touch started; $HOLD" >jobs.txt
    farm_command 1 jobs.txt
    COMMAND=(prlimit --nofile=777:999 --core=0 "${COMMAND[@]}")
    farm_run_in_background
    wait_until "$PATIENCE" exists started
    # Master and slave have raised their own limits.
    local rank
    for rank in 0 1; do
        contains "/proc/$(rank_pid $rank)/limits" '^Max open files +999 +999 '
    done
    touch go
    farm_end
    status_is 0
    equal "$(head -n 1 out)" 777
    lacks err 'open files'
}

@test "trouble: a limit that is too low for slaves on other hosts is named" {
    echo 'echo ran' >jobs.txt
    # This makes the master believe that it is alone on its host.
    farm_command_wrapped 'eval "ulimit -n 200; export OMPI_COMM_WORLD_LOCAL_SIZE=1 MPI_LOCALNRANKS=1"' 2 jobs.txt
    farm_run
    status_is 0
    equal "$(cat out)" ran
    contains err '^jobsched: the limit on open files is 200 .*ulimit -Hn.* 260 '
}

@test "trouble: a job that runs into a limit fails by the signal" {
    # SIGXFSZ must not have been left ignored.
    printf '%s\n' "ulimit -f 1; exec $JS_HELPERS/spew 100000" 'echo next' \
        >jobs.txt
    farm 1 jobs.txt --joblog log
    status_is 1
    equal "$(field log 1 Signal)" "$(kill -l XFSZ)"
    contains err 'job 1 .*SIGXFSZ'
}

# bats test_tags=sanitize
@test "trouble: a job that dies by SIGSEGV, with many around it" {
    {
        printf 'echo %s\n' $(seq 50)
        echo 'kill -SEGV $$'
        printf 'echo %s\n' $(seq 52 100)
    } >jobs.txt
    farm 2 jobs.txt
    status_is 1
    contains err 'job 51 \(line 51\) failed on .*: killed by SIGSEGV'
    contains err '99 done, 1 failed'
    equal "$(sort -n out | xargs)" "$(seq 100 | sed 51d | xargs)"
}

# ---------------------------------------------------------------- stdio

# Their numbers must not become those of something else.
@test "trouble: a standard output that is closed is not written to another file" {
    printf '%s\n' 'seq 100000' 'echo >ran' >jobs.txt
    farm_command_redirected '>&-' 1 jobs.txt
    farm_run
    status_is 4
    contains err 'standard output: Bad file descriptor'
    lacks jobs.txt.journal ' ok 1 '
}

@test "trouble: a standard error that is closed holds up nobody" {
    printf '%s\n' 'seq 600000 >&2' 'echo done' >jobs.txt
    farm_command_redirected '2>&-' 1 jobs.txt
    farm_run
    status_is 4
    lacks jobs.txt.journal ' ok 1 '
    # What no job writes to is missed by nobody.
    echo 'echo again' >jobs.txt
    farm_run
    status_is 0
    contains out again
}

@test "trouble: a standard input that is closed is an error" {
    [[ $MPI == 'Open MPI '* ]] ||
        skip "a library of $MPI takes descriptor 0 before main() begins"
    farm_command_redirected '<&-' 1 -
    farm_run
    status_is 2
    contains err 'standard input: Bad file descriptor'
}

# ---------------------------------------------------------------- one file

@test "trouble: a joblog that is the journal is refused" {
    echo true >jobs.txt
    farm 1 jobs.txt
    status_is 0
    cp jobs.txt.journal before
    farm 1 jobs.txt --joblog jobs.txt.journal
    status_is 2
    contains err 'jobs.txt.journal is the journal'
    cmp before jobs.txt.journal
    farm 1 jobs.txt --joblog new --journal new
    status_is 2
    contains err 'new is the journal'
    claim test ! -e new
}

@test "trouble: output that could replace the job list or the joblog is refused" {
    echo 'echo replaced' >1.out
    farm 1 1.out --output .
    status_is 2
    contains err 'could replace 1.out'
    equal "$(cat 1.out)" 'echo replaced'
    farm 1 1.out --output files --joblog files/2.err
    status_is 2
    contains err 'could replace files/2.err'
}
