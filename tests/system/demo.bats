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
        numbers 'Run job' <said | sort -nc
    done
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
