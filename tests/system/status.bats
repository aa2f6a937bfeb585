#!/usr/bin/env bats
# --status: how a run stands, from another terminal, and afterwards.

load common

# status ARGUMENT...: of jobs.txt, into the file `told`.
tell() {
    status=0
    "$JOBSCHED" --status "$@" >told 2>told.err 3>&- || status=$?
    show_file told.err
}

tell_json() {
    need_programs jq
    tell --json "$@"
    status_is 0
    claim jq -e . told >/dev/null
}

# What jq finds in it.
asked() { # FILTER
    jq -r "$1" told
}

told_running() { # N
    tell jobs.txt >/dev/null && grep -q " $1 running" told
}

# ---------------------------------------------------------------- a run

# bats test_tags=sanitize
@test "status: during a run, and after it" {
    cat >jobs.txt <<JOBS
true
echo begin; printf 'one\ntwo\n' >&2; exit 3
[name=mesh] $HOLD
[after=mesh] echo solve
JOBS
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" told_running 1
    status_is 0
    contains told '^jobs.txt: running on [^ ]+ for [0-9.]+ m?s \(1 slave, 1 slot\)$'
    contains told '^4 jobs: 1 done, 1 failed, 1 running, 1 waiting; .* jobs/s'
    contains told '^  3  [^ ]+  slave 1  for [0-9.]+ m?s  \[mesh\]  until test -e go'
    contains told '^  2  exit 3  [^ ]+  slave 1  after [0-9.]+ m?s  echo begin;'
    equal "$(grep -c '^       | ' told)" 2
    contains told '^       \| two$'
    contains told '^  1 for jobs that have not ended$'
    tell_json jobs.txt
    equal "$(asked '.run.state, .run.status, .jobs.done, .jobs.running, .waiting.for_jobs' | xargs)" 'running null 1 1 1'
    equal "$(asked '.running[0] | .id, .name, .slave' | xargs)" '3 mesh 1'
    equal "$(asked '.failed[0] | .id, .exit, .tail.stream' | xargs)" '2 3 stderr'
    equal "$(asked '.failed[0].tail.text')" $'one\ntwo'
    touch go
    farm_end
    status_is 1
    tell jobs.txt
    status_is 0
    contains told '^jobs.txt: ended [0-9.]+ m?s ago with exit status 1, on '
    contains told '^4 jobs: 3 done, 1 failed, 0 left$'
    lacks told '^(running|waiting|left)$'
    tell_json jobs.txt
    equal "$(asked '.run.state, .run.status, .jobs.left, (.running | length)' | xargs)" 'ended 1 0 0'
}

# bats test_tags=sanitize
@test "status: after the master was killed" {
    printf '%s\n' true "$HOLD" 'echo 3' >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" told_running 1
    kill -KILL "$(rank_pid 0)"
    farm_end
    nothing_left
    tell jobs.txt
    status_is 0
    contains told '^jobs.txt: broke off on .*, last heard from [0-9.]+ m?s ago, .*; run the same command again to continue$'
    contains told '^3 jobs: 1 done, 0 failed, 2 left$'
    contains told '^running when it broke off$'
    contains told '^  2  [^ ]+  slave 1  since [-0-9]+ [:0-9]+  until'
    contains told '^  1 to be run$'
    tell_json jobs.txt
    equal "$(asked '.run.state, .run.status, .running[0].id' | xargs)" 'broken null 2'
    touch go
    farm 1 jobs.txt
    status_is 0
    tell jobs.txt
    contains told '^3 jobs: 3 done, 0 failed, 0 left$'
}

@test "status: --watch ends when the run has ended" {
    printf '%s\n' true "$HOLD" >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" told_running 1
    "$JOBSCHED" --status jobs.txt --watch >watched 2>&1 3>&- &
    local watcher=$!
    wait_until "$PATIENCE" has_lines watched 1 'running on'
    touch go
    farm_end
    wait_until "$PATIENCE" is_gone "$watcher"
    claim wait "$watcher"
    contains watched '^2 jobs: 2 done, 0 failed, 0 left$'
    contains watched 'with exit status 0, on '
    # Of a run that has ended once is enough.
    claim timeout "$PATIENCE" "$JOBSCHED" --status jobs.txt --watch >once
    equal "$(grep -c 'with exit status' once)" 1
}

@test "status: --watch on a terminal draws in place, within its width" {
    printf '%s\n' true "$HOLD; : $(printf 'x%.0s' {1..200})" >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" told_running 1
    tmux -L "$MARK" -f /dev/null new-session -d -x 60 -y 10 \
        "cd '$PWD'; '$JOBSCHED' --status jobs.txt --watch; echo over; until test -e end; do sleep 0.02; done"
    wait_until "$PATIENCE" screen_has 'running on'
    # More than one look of the watcher's.
    turns 3 "$(pgrep -x jobsched -P "$(tmux -L "$MARK" list-panes -F '#{pane_pid}')")"
    screen >seen
    equal "$(grep -c 'running on' seen)" 1
    equal "$(grep -c 'slave 1  for' seen)" 1
    lacks seen xxxx
    touch go
    farm_end
    wait_until "$PATIENCE" screen_has '^over$'
    screen >seen
    equal "$(grep -c 'jobs.txt: ' seen)" 1
    contains seen 'with exit status 0, on '
    tmux -L "$MARK" kill-server
}

screen() {
    tmux -L "$MARK" capture-pane -p
}

screen_has() {
    screen | grep -qE -- "$1"
}

# What a lost slave ran does not run there any more.
@test "status: after a slave was lost" {
    LAUNCH+=(--enable-recovery)
    echo "touch began.\$JOBSCHED_ATTEMPT; $HOLD" >jobs.txt
    farm_start 2 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.3
    wait_until "$PATIENCE" told_running 1
    local slave
    slave=$(sed -n 's/^  1  .*  slave \([12]\)  .*/\1/p' told)
    kill -STOP "$(rank_pid "$slave")"
    wait_until "$PATIENCE" has_lines err 1 'given up'
    wait_until "$PATIENCE" exists began.2
    wait_until "$PATIENCE" told_running 1
    equal "$(sed -n 's/^  1  .*  slave \([12]\)  .*/\1/p' told)" $((3 - slave))
    contains jobs.txt.journal " left $slave$"
    touch go
    farm_end
    tell_json jobs.txt --explain 1
    equal "$(asked '.job | .state, .attempts[0].attempt' | xargs)" 'done 2'
}

# ---------------------------------------------------------------- one job

# told_state NAME: what is said of that job.
told_state() {
    tell jobs.txt --explain "$1"
    status_is 0
    sed -n 2p told
}

@test "status: --explain says what a job waits for" {
    cat >jobs.txt <<JOBS
[name=hold] $HOLD
[name=bad] exit 7
[name=next after=hold] echo next
[name=any after-any=hold,bad] echo any
[name=skipped after=bad] echo skipped
[name=room cores=1] echo room
wait
[name=last] echo last
[after=last] echo unnamed
JOBS
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" told_running 1
    contains <(told_state hold) '^job 1 "hold" \(jobs.txt:1\): running on [^ ]+ \(slave 1\) for '
    contains <(told_state next) '^job 3 "next" \(jobs.txt:3\): waiting$'
    contains told '^  echo next$'
    contains told '^  needs 1 core$'
    contains told '^  runs after hold \(job 1\), which is running on '
    told_state any
    contains told '^  runs after the end of hold \(job 1\), which is running on '
    told_state room
    contains told '^  waits for free resources: 1 slot, 1 of them busy'
    told_state last
    contains told '^  is below a wait line: [0-9]+ jobs above it have not ended$'
    lacks told 'runs after'
    told_state 8
    contains told '^  runs after last \(job 7\), which is waiting$'
    contains told '^  is below a wait line'
    tell_json jobs.txt --explain next
    equal "$(asked '.job | .id, .name, .state, .waits, .comes_after[0].name, .comes_after[0].state, .line' | xargs)" \
        '3 next left for_jobs hold running 3'
    touch go
    farm_end
    status_is 1
    contains <(told_state skipped) '^job 5 "skipped" .*: skipped$'
    contains told '^  was to run after bad \(job 2\), which failed$'
    contains <(told_state 2) '^job 2 "bad" .*: failed$'
    contains told '^  1  failed: exit 7  [^ ]+  slave 1  [-0-9]+ [:0-9]+  for '
    contains <(told_state hold) ': done$'
    tell jobs.txt --explain nobody
    status_is 2
    contains told.err 'no job in jobs.txt.journal or in its list has the name or id "nobody"'
    tell jobs.txt --explain 99
    status_is 2
}

@test "status: every attempt of a job, of all runs" {
    cat >jobs.txt <<'JOBS'
[name=x retries=1] echo out $JOBSCHED_ATTEMPT; test -e go
JOBS
    farm 1 jobs.txt
    status_is 1
    touch go
    farm 1 jobs.txt
    status_is 0
    tell jobs.txt --explain x
    equal "$(sed -n 's/^  \([0-9]  [a-z ]*\):.*/\1/p' told | tr '\n' ';')" \
        '1  done;2  failed;1  failed and ran again;'
    equal "$(grep -c '^       | out [12]$' told)" 2
    tell_json jobs.txt --explain 1
    equal "$(asked '.job.attempts[].result' | xargs)" 'ok failed retried'
    equal "$(asked '.job.attempts[1].tail | .stream, .text' | xargs)" 'stdout out 2'
}

# ---------------------------------------------------------------- output

# The last lines of N lines of output.
@test "status: the end of a long output, passed on or in a folder" {
    echo 'seq 100000 | sed s/^/line-/ >&2; exit 1' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    tell jobs.txt
    equal "$(sed -n 's/^       | //p' told | xargs)" \
        'line-99996 line-99997 line-99998 line-99999 line-100000'
    farm 1 jobs.txt --output d
    status_is 1
    tell_json jobs.txt --explain 1
    equal "$(asked '.job.attempts[0].tail.text' | tail -n 3 | xargs)" 'line-99999 line-100000'
    equal "$(asked '.job.attempts[0].tail.text' | head -n 1 | cut -c 1-5)" line-
    claim test "$(asked '.job.attempts[0].tail.text' | wc -c)" -le 513
    farm 1 jobs.txt --output none
    tell_json jobs.txt
    equal "$(asked '.failed[0].tail')" null
}

@test "status: what a job writes and is called steers no terminal" {
    printf 'printf "\\033[31mred\\302\\233\\000\\377</script>\\n"; exit 1; : \033]0;title\007\n' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    tell jobs.txt
    status_is 0
    lacks told $'[\033\007]|\302\233'
    contains told '^       \| \\x1b\[31mred'
    tell_json jobs.txt
    contains <(asked '.failed[0].command' | od -An -c | tr -d ' \n') '033]0;title\\a'
    lacks told '</script>|\\u0000'
}

# ---------------------------------------------------------------- others

@test "status: a stream has a journal alone" {
    printf 'true\nfalse\n[name=x] true\n' | {
        farm_command 1 - --journal j
        farm_run
    }
    tell --journal j
    status_is 0
    contains told '^j: ended .* with exit status 1, on '
    contains told '^3 jobs: 2 done, 1 failed, 0 left$'
    contains told '^  2  exit 1  '
    tell --journal j --explain x
    contains told '^job 3 "x": done$'
    tell --json --journal j
    equal "$(asked '.list, .waiting, .failed[0].command' | xargs)" 'null null null'
}

@test "status: a list that has changed since" {
    printf 'echo %d\n' 1 2 3 >jobs.txt
    farm 1 jobs.txt
    printf 'echo %d\n' 2 9 >jobs.txt
    tell jobs.txt
    status_is 0
    contains told '^3 jobs: 3 done, 0 failed, 0 left$'
    contains told '^1 job in the list is new'
    echo '[core=1] x' >jobs.txt
    tell jobs.txt
    status_is 0
    contains told '^the list cannot be read, .*did you mean'
    rm jobs.txt
    tell --journal jobs.txt.journal
    status_is 0
    contains told '^3 jobs: 3 done'
}

@test "status: nothing to tell of" {
    echo true >jobs.txt
    tell jobs.txt
    status_is 2
    contains told.err '^jobsched: there is no journal jobs.txt.journal$'
    tell none.txt
    status_is 2
    contains told.err 'name the journal with --journal'
    tell --journal jobs.txt
    status_is 2
    contains told.err 'is not a jobsched journal'
    tell
    status_is 2
    tell jobs.txt --no-journal
    status_is 2
    farm 1 jobs.txt
    "$JOBSCHED" --status jobs.txt >/dev/full 2>told.err || status=$?
    status_is 4
    contains told.err 'standard output: No space left on device'
}

@test "status: it takes no lock and writes nothing" {
    printf '%s\n' true "$HOLD" >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" told_running 1
    need_ptrace
    strace -f -e trace=openat,flock,write,unlink,rename,ftruncate -o trace \
        "$JOBSCHED" --status jobs.txt >told
    # A library of Open MPI 5 gives a thread of its own a name, "fuse".
    sed -i '\,"/proc/self/task/[0-9]*/comm",d; /write([0-9]*, "fuse", 4)/d' trace
    lacks trace 'flock\(|O_(RDWR|WRONLY|CREAT)|unlink|rename|ftruncate'
    equal "$(grep -c 'write(' trace)" 1
    touch go
    farm_end
    status_is 0
}

@test "status: another user's run is not told" {
    need_root "have another user's file"
    echo true >jobs.txt
    farm 1 jobs.txt
    local journal=$PWD/jobs.txt.journal
    as_ordinary_user
    cp "$journal" mine
    chown nobody mine
    "${USER_COMMAND[@]}" "$JOBSCHED" --status --journal mine >told
    contains told '^1 job: 1 done'
    chown root mine
    status=0
    "${USER_COMMAND[@]}" "$JOBSCHED" --status --journal mine >told 2>told.err || status=$?
    status_is 2
    contains told.err 'cannot read mine: Permission denied'
}

@test "status: short jobs leave no record of having begun" {
    seq 300 | sed 's/.*/true/' >jobs.txt
    echo "$HOLD" >>jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' began 301 1 [12] [0-9]{16}$'
    touch go
    farm_end
    status_is 0
    # Where others keep the cores busy, a short one may be a long one.
    between "$(grep -c ' began ' jobs.txt.journal)" 1 30
}
