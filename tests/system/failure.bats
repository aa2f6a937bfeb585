#!/usr/bin/env bats
# Jobs that fail, hang, or leave processes behind.

load common

# bats test_tags=sanitize
@test "failure: retries run it again, on another slave" {
    cat >jobs.txt <<'JOBS'
[retries=2] echo "$JOBSCHED_ATTEMPT $JOBSCHED_SLAVE"; test "$JOBSCHED_ATTEMPT" = 3
true
JOBS
    farm 2 jobs.txt --joblog log
    status_is 0
    equal "$(cut -d ' ' -f 1 out | xargs)" '1 2 3'
    claim test "$(sed -n 1p out | cut -d ' ' -f 2)" != \
        "$(sed -n 2p out | cut -d ' ' -f 2)"
    contains err '2 jobs: 2 done, 0 failed'
    contains err 'attempt 1: exit 1; it runs again'
    equal "$(grep -c '' log)" 5
}

@test "failure: what failed for good is named, however many attempts did" {
    {
        printf '%s\n' '[name=odd] exit 7' '[stdin=missing/in] true'
        for _ in {1..30}; do
            echo '[retries=1] test "$JOBSCHED_ATTEMPT" = 2'
        done
        echo '[dir=nowhere] true'
    } >jobs.txt
    farm 2 jobs.txt
    status_is 1
    contains err 'job 1 "odd" \(line 1\) failed on .*: exit 7: exit 7'
    contains err 'job 2 .*could not be started: .*: missing/in: No such file'
    contains err 'job 33 .*could not be started: .*: nowhere: No such file'
    contains err 'further attempts that failed and were run again are not listed here'
    equal "$(grep -c 'it runs again' err)" 10
    contains err '^jobsched: failed: job [0-9]+ .*, job [0-9]+ .*; .*: jobsched --status jobs.txt$'
    contains <(tail -n 1 err) '"odd" \(line 1\)'
    "$JOBSCHED" --status jobs.txt >told
    contains told 'cannot be opened: missing/in: No such file'
    rm jobs.txt.journal
    farm 2 jobs.txt --no-journal
    contains err '^jobsched: failed: .*: --joblog FILE .* each attempt$'
}

@test "failure: --retries is for all, retries=0 is one that does not want it" {
    printf '%s\n' 'echo a; false' '[retries=0] echo b; false' >jobs.txt
    farm 1 jobs.txt --retries 1
    status_is 1
    equal "$(xargs <out)" 'a a b'
    contains err '2 jobs: 0 done, 2 failed'
}

# bats test_tags=sanitize
@test "failure: timeout= ends the whole group, and is told as a timeout" {
    cat >jobs.txt <<'JOBS'
[timeout=300ms] sleep 100 & sleep 100
[timeout=300ms] trap 'exit 0' TERM; sleep 100 & wait
[timeout=1m] echo fine
JOBS
    farm 2 jobs.txt --joblog log
    status_is 1
    equal "$(cat out)" fine
    contains err 'job 1 .*timed out after [0-9.]+ s'
    contains err 'job 2 .*timed out after [0-9.]+ s'
    lacks err 'SIGTERM'
    equal "$(awk -F '\t' '$1 < 3 && NR > 1 { print $7, $8 }' log | xargs)" \
        '124 0 124 0'
}

@test "failure: one that ignores SIGTERM is killed after the grace period" {
    echo "[timeout=200ms] trap '' TERM; touch started; while :; do sleep 1; done" \
        >jobs.txt
    farm 1 jobs.txt --grace 300ms
    status_is 1
    contains err 'timed out after'
    lacks err 'SIGKILL'
}

@test "failure: --timeout as a percentage of the median" {
    {
        printf 'sleep 0.1\n%.0s' 1 2 3 4 5 6
        echo 'sleep 100'
    } >jobs.txt
    farm 2 jobs.txt --timeout "$((2000 * JS_PATIENCE))%"
    status_is 1
    contains err 'job 7 .*timed out'
    contains err '7 jobs: 6 done, 1 failed'
}

@test "failure: --max-failures starts no more" {
    printf '%s\n' false false 'echo never' 'echo never' >jobs.txt
    farm 1 jobs.txt --max-failures 2
    status_is 1
    equal "$(cat out)" ''
    contains err '4 jobs: 0 done, 2 failed, 0 skipped, 2 left'
}

@test "failure: --fail-fast also ends what runs" {
    printf '%s\n' 'touch started; sleep 100' \
        'until test -e started; do sleep 0.02; done; false' 'echo never' \
        >jobs.txt
    farm 2 jobs.txt --fail-fast
    status_is 1
    equal "$(cat out)" ''
    contains err '3 jobs: 0 done, 1 failed, 0 skipped, 2 left'
}

@test "failure: what a job leaves running is ended, --allow-leftovers lets it be" {
    echo 'setsid sh -c "sleep 1000 && touch late" & echo "$!"' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    nothing_left
    claim test ! -e late
    printf '%s\n' 'setsid sh -c "sleep 0.3; touch late" &' \
        'until test -e late; do sleep 0.02; done' >jobs.txt
    farm 1 jobs.txt --allow-leftovers
    status_is 0
    claim test -e late
    printf '%s\n' 'setsid sleep 1000 &' true >jobs.txt
    farm 1 jobs.txt --allow-leftovers
    status_is 0
    nothing_left
}

@test "failure: what was left running and ended is counted, and shown" {
    printf '%s\n' "sleep 1000 & setsid sh -c 'touch new; exec sleep 1000' & until test -e new; do sleep 0.02; done" true 'nohup sleep 1000 & true' >jobs.txt
    farm 1 jobs.txt --joblog log
    status_is 0
    contains err '3 jobs: 3 done.* busy; 3 processes that jobs left behind were ended$'
    equal "$(field log 1 Leftovers) $(field log 2 Leftovers) $(field log 3 Leftovers)" '2 0 1'
    "$JOBSCHED" --status --explain 1 jobs.txt >explained
    contains explained '; 2 processes that it left behind were ended$'
    "$JOBSCHED" --status --explain 2 jobs.txt >explained
    lacks explained 'left behind'
    nothing_left
}

@test "failure: with two slots, each job's orphans are its own" {
    printf '%s\n' '(setsid sleep 1000 &) ; touch first' \
        "until test -e first; do sleep 0.02; done; (setsid sh -c 'sleep 0.4; touch kept; sleep 1000' &); until test -e kept; do sleep 0.02; done" \
        >jobs.txt
    farm 1 jobs.txt --slots 2
    status_is 0
    nothing_left
}
