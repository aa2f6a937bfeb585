#!/usr/bin/env bats
# How far the run has come, on a terminal (that of tmux) and without one.

load common

teardown() {
    terminal kill-server 2>/dev/null || true # most tests start none
    farm_teardown
}

# ---------------------------------------------------------------- terminals

# tmux will have nothing but UTF-8; and a server of its own for each test.
terminal() { # COMMAND...
    LC_ALL=C.UTF-8 tmux -L "$MARK" -f tmux.conf "$@" 3>&-
}

# on_terminal COLUMNS LINE...: these lines of shell, on a terminal of that
# width; the exit status of the last goes to the file `status`. What the
# terminal is sent is in the file `raw`.
on_terminal() {
    local columns=$1
    need_programs tmux
    shift
    rm -f status raw
    # Some other shells end at the ^C that was meant for what they wait for.
    printf 'set -g %s\n' 'remain-on-exit on' 'status off' \
        'history-limit 100000' "default-shell $BASH" >tmux.conf
    printf '%s\n' "$@" 'echo $? >status.new; mv status.new status' >run.sh
    JS_MARK=$MARK terminal new-session -d -x "$columns" -y 30 \
        "export LC_ALL=C; until test -e raw; do sleep 0.01; done; . ./run.sh"
    terminal pipe-pane "cat >>$PWD/raw"
    : >>raw
}

# The screen and what has scrolled out of it: lines that were too long for it in
# one piece, and none that are empty.
screen() {
    terminal capture-pane -p -J -S - | sed 's/ *$//; /^$/d; /^Pane is dead/d'
}

on_screen() { # REGEX
    screen | grep -qE -- "$1"
}

sees() { # REGEX
    wait_until "$PATIENCE" on_screen "$1" || {
        screen
        return 1
    }
}

ends_with() { # STATUS
    wait_until "$PATIENCE" exists status || {
        screen
        return 1
    }
    equal "$(cat status)" "$1"
}

# How often a bar was drawn. (It is taken away by the same behind a blank.)
bars() {
    grep -aoE $'[^ ]\033\\[J\r' raw | wc -l
}

was_drawn() {
    claim test "$(bars)" -gt 0
}

was_not_drawn() {
    equal "$(bars)" 0
}

# For longer than there is between two of them.
no_bar_comes() {
    local before
    before=$(bars)
    sleep 1.5
    [[ $(bars) == "$before" ]]
}

# How a person would start N slaves.
with_mpirun() { # N
    echo "mpirun ${LAUNCH[*]} -np $(($1 + 1)) '$JOBSCHED'"
}

alone() { # N
    echo "'$JOBSCHED' -n $1"
}

# ---------------------------------------------------------------- bars

# Of other MPIs it is not known where their mpirun writes to, or it passes on no
# line before its end.
need_bar() {
    [[ $MPI == 'Open MPI 4.'* ]] ||
        skip "through the mpirun of $MPI there is no bar"
}

@test "progress: in 20 columns, with mpirun and without" {
    need_bar
    printf 'true\ntrue\ntrue\n%s\n' "$HOLD" >jobs.txt
    local start
    for start in with_mpirun alone; do
        rm -f go
        on_terminal 20 "$($start 1) jobs.txt --fresh"
        sees '75% 3/4$'
        touch go
        ends_with 0
        sees '^jobsched: 4 jobs: 4 done'
        # It has made room for the summary.
        claim test -z "$(screen | grep '[0-9]%$')"
        terminal kill-server
    done
}

# bats test_tags=sanitize
@test "progress: in 200 columns there is all of it" {
    # One that fails, one that is skipped, one that runs, and one that waits.
    printf '[name=a] exit 3\n[after=a] true\ntrue\n%s\ntrue\n' "$HOLD" >jobs.txt
    on_terminal 200 "$(alone 1) jobs.txt"
    sees '^\[#{14}\.{10}\] 60% 3/5, 1 failed, about .* to go, 1 running, .* jobs/[a-z]+, 2 left, 1 done, 1 of 1 slot busy, 1 skipped, 0:[0-9]+$'
    # In red, and the bar in green.
    contains raw $'\033\\[32m#{14}\033\\[m\\.{10}\\] 60% 3/5, \033\\[31m1 failed\033\\[m,'
    touch go
    ends_with 1
    sees '^jobsched: 5 jobs: 3 done, 1 failed, 1 skipped'
    # A message of a job that has failed is whole, and in its own line.
    sees '^jobsched: job 1 "a" \(line 1\) failed'
    claim test -z "$(screen | grep '60%')"
}

one_bar_of() { # MOST
    local bar
    bar=$(screen | grep -F '75%') && [[ $(wc -l <<<"$bar") -eq 1 ]] &&
        ((${#bar} < $1 && ${#bar} > $1 - 30))
}

@test "progress: follows the width, and leaves nothing of what it was" {
    need_bar
    # At the bottom of the screen, as most of the time.
    printf 'seq 40\ntrue\ntrue\n%s\n' "$HOLD" >jobs.txt
    on_terminal 100 "$(with_mpirun 1) jobs.txt"
    sees '75% 3/4, 1 running.*1 of 1 slot'
    local columns
    for columns in 30 20 60 85 40; do
        terminal resize-window -x "$columns" -y 30
        wait_until "$PATIENCE" one_bar_of "$columns" || {
            screen
            false
        }
    done
    # No part of an earlier one is left above or below.
    equal "$(screen | grep -vc '^[0-9]*$')" 1
    touch go
    ends_with 0
    equal "$(screen | grep '^[0-9]*$' | xargs)" "$(seq 40 | xargs)"
}

@test "progress: NO_COLOR, and a job that leaves its line open" {
    need_bar
    printf 'printf "no newline"; exit 3\n%s\n' "$HOLD" >jobs.txt
    on_terminal 80 'export NO_COLOR=1' "$(with_mpirun 1) jobs.txt"
    sees '^\[####\.\.\.\.\.\] 50% 1/2, 1 failed, 1 running'
    sees '^no newline$'
    touch go
    ends_with 1
    lacks raw $'\033\\[[0-9;]*m'
}

# ---------------------------------------------------------------- mixing

# Lines of jobs at random times, to both streams.
write_random_jobs() { # COUNT
    local i
    for ((i = 1; i <= $1; i++)); do
        echo "sleep 0.0$((RANDOM % 5)); echo out $i one; echo err $i >&2; echo out $i two"
    done >jobs.txt
}

# All of them, each whole and at the beginning of a line; a job's together.
no_line_is_mixed() { # FILE COUNT
    sed '/^jobsched: .* done/d' "$1" | awk -v jobs="$2" '
        NR % 3 == 1 { id = $2 }
        $0 != (NR % 3 == 1 ? "out " id " one" : NR % 3 == 2 ? "out " id " two" \
               : "err " id) { print "line " NR ": " $0; bad = 1; exit }
        NR % 3 == 0 && seen[id]++ { print id " comes twice"; bad = 1; exit }
        END { if (!bad && NR != 3 * jobs) { print NR " lines"; bad = 1 }
              exit bad }'
}

@test "progress: no output of 300 jobs is ever mixed with it, with mpirun and without" {
    write_random_jobs 300
    local start
    for start in with_mpirun alone; do
        on_terminal 90 "$($start 2) jobs.txt --fresh"
        ends_with 0
        screen >lines
        no_line_is_mixed lines 300
        contains lines '^jobsched: 300 jobs: 300 done'
        claim test "$(bars)" -gt 10
        terminal kill-server
    done
}

@test "progress: the terminal is stopped (^S) and goes on (^Q)" {
    need_bar
    write_random_jobs 100
    printf 'touch stop\n%s\n' "$HOLD" >>jobs.txt
    on_terminal 90 "$(with_mpirun 2) jobs.txt"
    sees '% [0-9]+/102'
    terminal send-keys C-s
    wait_until "$PATIENCE" exists stop
    wait_until "$PATIENCE" no_bar_comes
    terminal send-keys C-q
    sees '99% 101/102'
    touch go
    ends_with 0
    screen >lines
    sed -i '/^^S\|^^Q/d' lines
    no_line_is_mixed lines 100
}

# ---------------------------------------------------------------- elsewhere

@test "progress: stdout in a file, stderr on the terminal" {
    need_bar
    printf 'echo one; echo two >&2\n%s; echo three\n' "$HOLD" >jobs.txt
    on_terminal 80 "$(with_mpirun 1) jobs.txt >out"
    sees '50% 1/2'
    sees '^two$'
    touch go
    ends_with 0
    equal "$(xargs <out)" 'one three'
}

@test "progress: what a rank has redirected itself goes there, and no bar with it" {
    need_bar
    printf 'echo one; echo two >&2\n%s; echo three\n' "$HOLD" >jobs.txt
    redirected() { # REDIRECTION
        echo "mpirun ${LAUNCH[*]} -np 2 sh -c 'exec \"\$0\" \"\$@\" $1'" \
            "'$JOBSCHED' jobs.txt --fresh"
    }
    on_terminal 80 "$(redirected '>out')"
    sees '50% 1/2'
    touch go
    ends_with 0
    equal "$(xargs <out)" 'one three'
    terminal kill-server
    on_terminal 80 "$(redirected '2>err')" "$(redirected '2>&1 | cat')" \
        "mpirun ${LAUNCH[*]} --tag-output -np 2 '$JOBSCHED' jobs.txt --fresh"
    ends_with 0
    was_not_drawn
    contains err '^two$'
    contains err '^jobsched: 2 jobs: 2 done'
}

@test "progress: no bar where what reads stdout may write to the terminal too, unless it is wanted" {
    printf 'echo one\n%s; echo two\n' "$HOLD" >jobs.txt
    on_terminal 80 "$(alone 1) jobs.txt | cat"
    sees '^one$'
    touch go
    ends_with 0
    was_not_drawn
    rm go
    terminal kill-server
    on_terminal 80 "$(alone 1) jobs.txt --fresh --progress always | cat >out"
    sees '50% 1/2'
    touch go
    ends_with 0
    equal "$(xargs <out)" 'one two'
}

@test "progress: no bar with -v, --quiet, --progress never, TERM=dumb, or in the demonstration" {
    # Long enough for one.
    printf 'sleep 0.4\nsleep 0.4\n' >jobs.txt
    on_terminal 80 "$(alone 1) jobs.txt -v --no-journal" \
        "$(alone 1) jobs.txt -q --no-journal" \
        "$(alone 1) jobs.txt --progress never --no-journal" \
        "TERM=dumb $(alone 1) jobs.txt --no-journal" \
        "$(alone 1) --jobs 2 --duration 0.4"
    ends_with 0
    was_not_drawn
    # ... which is no matter of the terminal.
    terminal kill-server
    echo "$HOLD" >>jobs.txt
    on_terminal 80 "$(alone 1) jobs.txt -q --progress auto --no-journal"
    wait_until "$PATIENCE" was_drawn
    touch go
    ends_with 0
}

@test "progress: not while a shell has the terminal in the foreground" {
    printf '%s\n' "$HOLD" >jobs.txt
    on_terminal 80 'set -m' "$(alone 1) jobs.txt &" \
        'touch begun; until test -e front; do sleep 0.02; done' fg
    wait_until "$PATIENCE" exists begun
    wait_until "$PATIENCE" exists jobs.txt.journal
    # Where it may be drawn it is within a second.
    wait_until "$PATIENCE" eval 'master >pid'
    turns 400 "$(cat pid)"
    was_not_drawn
    touch front
    sees '0% 0/1'
    touch go
    ends_with 0
}

@test "progress: ^C has its say in a line of its own" {
    printf 'true\n%s\ntrue\n' "$HOLD" >jobs.txt
    on_terminal 90 "$(alone 1) jobs.txt"
    sees '33% 1/3.*1 running'
    terminal send-keys C-c
    sees '^jobsched: \^C: no more jobs are started'
    sees '33% 1/3, stopping, 1 running'
    touch go
    ends_with 3
    claim test -z "$(screen | grep '33%')"
}

# ---------------------------------------------------------------- lines

@test "progress: in files there is nothing of it in the first half minute" {
    printf 'sleep 1.5\necho two\n' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(wc -l <err)" 1
    equal "$(cat out)" two
}

# bats test_tags=sanitize
@test "progress: --progress always in a pipe is lines" {
    printf 'true\n%s\nexit 3\n' "$HOLD" >jobs.txt
    farm_start 1 jobs.txt --progress always
    wait_until "$PATIENCE" has_lines err 2 \
        '^jobsched: 1 of 3 jobs done, 1 running; .* jobs/[a-z]+, about .* to go$'
    touch go
    farm_end
    status_is 1
    lacks err $'\033|\r'
    # A trace is no reason against it.
    rm go
    farm_start 1 jobs.txt --progress always -v --fresh
    wait_until "$PATIENCE" has_lines err 1 '^jobsched: 1 of 3 jobs done'
    touch go
    farm_end
    contains out '^Run job: 2$'
}

@test "progress: of a stream nobody knows how much is left" {
    mkfifo jobs
    farm_start 1 --progress always jobs
    exec 7>jobs
    printf 'true\ntrue\n%s\n' "$HOLD" >&7
    wait_until "$PATIENCE" contains err \
        '^jobsched: 2 jobs done, 1 running; .* jobs/[a-z]+$'
    exec 7>&-
    touch go
    farm_end
    status_is 0
}

# ---------------------------------------------------------------- cost

# Clock ticks of all threads so far.
ticks_of() { # PID
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

master() {
    local pid
    for pid in $(marked); do
        if has_variable "$pid" OMPI_COMM_WORLD_RANK=0 &&
            [[ $(cat "/proc/$pid/comm") == jobsched ]]; then
            echo "$pid"
            return
        fi
    done
    return 1
}

# bats test_tags=alone
@test "progress: an idle master with a bar costs next to nothing" {
    need_bar
    printf '%s\n' "$HOLD" >jobs.txt
    on_terminal 80 "$(with_mpirun 1) jobs.txt"
    sees '0% 0/1'
    local pid before drawn
    pid=$(master)
    before=$(ticks_of "$pid")
    drawn=$(bars)
    sleep 10
    # Drawn once a second, for the time to pass.
    between $(($(bars) - drawn)) 5 12
    # Of 1000 ticks: what it takes without a bar is one or two of them.
    between $(($(ticks_of "$pid") - before)) 0 30
    touch go
    ends_with 0
}
