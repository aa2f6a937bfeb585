#!/usr/bin/env bats
# The demonstration: its trace, and the options that change it.

# Each test is a subshell, so what it sets ends with it.
# shellcheck disable=SC2030,SC2031

load common

# The lines of rank $1, with TAGGING.
said_by() {
    sed -n "s/^$(tag_of "$1")//p" out | tr -d '\r'
}

numbers() { # "Run job" <text
    sed -n "s/^$1: \([0-9]*\)$/\1/p"
}

# Where in the file the line stands.
line_of() { # FILE LINE
    grep -nxF -m 1 -- "$2" "$1" | cut -d : -f 1
}

# Of each job the file has the line of each word, one after the other.
in_order() { # FILE WORD...
    local file=$1
    shift
    awk -v words="$*" '
        BEGIN { count = split(words, word) }
        $2 == "job:" {
            for (i = 1; i <= count; i++)
                if ($1 == word[i] && ++seen[$3] != i) {
                    print "not in order: " $0
                    exit bad = 1
                }
        }
        END {
            for (id = 1; id <= 30; id++)
                if (seen[id] != count) { print "not all of job " id; bad = 1 }
            exit bad
        }' "$file"
}

# Dispatch lines $1 to $2 follow each other without a line between them.
round_is_together() { # FIRST LAST
    local first last
    first=$(line_of master "Dispatch job: $1")
    last=$(line_of master "Dispatch job: $2")
    equal $((last - first)) $(($2 - $1))
}

# bats test_tags=sanitize
@test "demo: thirty jobs are dispatched, run and finished, each once" {
    farm 2 --duration 0.01
    status_is 0
    local word
    for word in Dispatch Run Finished; do
        equal "$(tr -d '\r' <out | numbers "$word job" | sort -n | xargs)" \
            "$(seq 30 | xargs)"
    done
    equal "$(grep -cvE '^(Dispatch|Run|Finished) job: [0-9]+.?$' out)" 0
    contains err '30 jobs: 30 done, 0 failed, 0 skipped, 0 left'
}

@test "demo: rank 0 dispatches rounds of ten, the slaves run, in order" {
    LAUNCH+=("${TAGGING[@]}")
    farm 2 --duration 0.01
    status_is 0
    said_by 0 >master
    equal "$(numbers 'Dispatch job' <master | xargs)" "$(seq 30 | xargs)"
    round_is_together 1 10
    round_is_together 11 20
    round_is_together 21 30
    lacks master '^Run'
    in_order master Dispatch Finished
    local slave
    for slave in 1 2; do
        said_by $slave >said
        claim test -s said
        lacks said '^(Dispatch|Finished)'
    done
    # Of several slaves one may give jobs back to another that has none left.
    farm 1 --duration 0.001
    status_is 0
    equal "$(said_by 1 | numbers 'Run job' | xargs)" "$(seq 30 | xargs)"
}

@test "demo: a job is dispatched before it runs, and runs before its end" {
    # mpirun, where it collects the lines of several ranks, keeps no order.
    farm_command_appending trace 2 --duration 0.02
    farm_run
    status_is 0
    equal "$(wc -l <trace)" 90
    in_order trace Dispatch Run Finished
}

@test "demo: --jobs, --duration and --round" {
    LAUNCH+=("${TAGGING[@]}")
    farm 2 --jobs 7 --duration 0.01 --round 3
    status_is 0
    said_by 0 >master
    equal "$(numbers 'Dispatch job' <master | xargs)" '1 2 3 4 5 6 7'
    round_is_together 1 3
    round_is_together 4 6
    equal "$(numbers 'Finished job' <master | sort -n | xargs)" \
        '1 2 3 4 5 6 7'
}

@test "demo: --duration is how long each job takes" {
    farm 2 --jobs 2 --duration 0.7 --joblog log
    status_is 0
    between "$(field log 1 JobRuntime)" 0.7 20
    between "$(field log 2 JobRuntime)" 0.7 20
}

@test "demo: --jobs 0 is a run without jobs" {
    farm 1 --jobs 0
    status_is 0
    equal "$(cat out)" ''
}

@test "demo: --barrier opens a round when the one before has ended" {
    LAUNCH+=("${TAGGING[@]}")
    farm 2 --jobs 12 --duration 0.02 --round 4 --barrier
    status_is 0
    said_by 0 >master
    local round id
    for round in 1 2; do
        for id in 1 2 3 4; do
            claim test "$(line_of master "Finished job: $((4 * round + id - 4))")" \
                -lt "$(line_of master "Dispatch job: $((4 * round + 1))")"
        done
    done
}

@test "demo: without --barrier no core waits for the slowest of a round" {
    # Seven slots and rounds of two: with a barrier five would stay empty.
    LAUNCH+=("${TAGGING[@]}")
    farm 1 --slots 7 --jobs 7 --duration 1 --round 2
    status_is 0
    said_by 0 >master
    claim test "$(line_of master 'Dispatch job: 7')" -lt \
        "$(grep -n -m 1 '^Finished' master | cut -d : -f 1)"
}

@test "demo: --forever goes on until a signal, and then nothing is left" {
    farm_start 2 --forever --duration 0.01
    wait_until "$PATIENCE" has_lines out 100 '^Finished job: '
    kill -TERM "$(mpirun_pid)"
    farm_end
    claim test "$status" -ne 0
    nothing_left
}

# ---------------------------------------------------------------- or a list

# jobsched alone, on one slave, reading what the caller gives it.
alone() { # ARGUMENT...
    status=0
    env "JS_MARK=$MARK" timeout --kill-after=10 "$(limit)" \
        "$JOBSCHED" -n 1 "$@" >out 2>err 3>&- || status=$?
}

WAY_ON='^jobsched: this was a demonstration; .*jobsched FILE$'

is_demonstration() { # JOBS
    status_is 0
    equal "$(grep -v '^\[' err | head -n 1)" \
        "jobsched: no job file: running a demonstration of $1 simulated jobs"
    contains <(tail -n 1 err) "$WAY_ON"
    equal "$(grep -cvE '^(Dispatch|Run|Finished) job: [0-9]+.?$' out)" 0
    equal "$(grep -c '^Finished' out)" "$1"
}

is_list() {
    status_is 0
    equal "$(sort out | xargs)" 'one two'
    equal "$(head -n 1 err)" \
        'jobsched: no job file: reading the list from standard input'
    lacks err demonstration
    claim test ! -e list.journal
}

# bats test_tags=mpis
@test "demo: without a list it says what it is, first and last, on stderr" {
    alone --jobs 3 --duration 0 </dev/null
    is_demonstration 3
    alone --jobs 2 --duration 0 <&-
    is_demonstration 2
    # Asked for, it needs no reason; and with --quiet no word.
    alone --demo --jobs 1 --duration 0
    status_is 0
    equal "$(head -n 1 err)" 'jobsched: running a demonstration of 1 simulated job'
    contains <(tail -n 1 err) "$WAY_ON"
    alone --demo --jobs 3 --duration 0 --quiet
    status_is 0
    equal "$(cat out err)" ''
    # Whoever has not asked may have meant a list.
    alone --jobs 2 --duration 0 --quiet
    status_is 0
    equal "$(cat out)" ''
    equal "$(grep -c demonstration err)" 2
}

# bats test_tags=mpis
@test "demo: under mpirun stdin says nothing: the same words, once" {
    printf 'echo %s\n' one two >list
    farm 2 --jobs 4 --duration 0 <list
    is_demonstration 4
    equal "$(grep -c demonstration err)" 2
    printf 'echo %s\n' one two | "$MPIRUN" "${LAUNCH[@]}" -np 1 "$JOBSCHED" \
        -n 1 --jobs 2 --duration 0 >out 2>err
    is_demonstration 2
}

# bats test_tags=mpis
@test "demo: a pipe, a FIFO or a file on stdin is the list" {
    printf 'echo %s\n' one two >list
    alone <list
    is_list
    # shellcheck disable=SC2002 # what users type
    cat list | alone
    is_list
    mkfifo fifo
    cat list >fifo &
    alone <fifo
    is_list
    # A shell in a step of one process passes its marks on, but not its stdin.
    PMIX_RANK=0 OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=1 alone <list
    is_list
    alone --joblog log -- <list
    is_list
    equal "$(wc -l <log)" 3
}

@test "demo: --demo is one whatever stdin is; its options alone are refused" {
    printf 'echo %s\n' one two >list
    alone --demo --jobs 3 --duration 0 <list
    status_is 0
    equal "$(grep -c '^Finished' out)" 3
    local option
    for option in '--jobs 3' '--duration 1' --forever; do
        # shellcheck disable=SC2086
        alone $option <list
        status_is 2
        equal "$(cat out)" ''
        contains err '^jobsched: .*-n N.*--demo'
    done
    alone --demo list
    status_is 2
    contains err '"list"'
}

@test "demo: an argument that is empty is refused everywhere" {
    local arguments
    for arguments in '' 'list|' '|--check' '--status|' '--demo|'; do
        IFS='|' read -ra words <<<"$arguments|"
        alone "${words[@]:-}" </dev/null
        echo "with: $arguments"
        status_is 2
        contains err '^jobsched: an argument is empty'
    done
    farm 1 ''
    status_is 2
    contains err 'jobsched: an argument is empty'
}
