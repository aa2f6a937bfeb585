#!/usr/bin/env bats
# A file system that answers no call for a minute and a half, with everything that a
# run writes on it. (../filesystem.bats has what each of these files is for.)

load ../common
load ../filesystem

AWAY_S=90

# start, with the list, the journal, the joblog, the output and the status file in
# ./away, and no launcher but for the last of these.
start_in_away() { # N
    LIMIT=600 start "$1" --joblog away/joblog --output away/out away/jobs.txt
}

hang() {
    touch shut
    wait_until "$PATIENCE" has_lines err 1 'has not answered for 2 s'
    sleep "$AWAY_S"
}

@test "filesystem: a run outlasts ninety seconds without any of its files" {
    local master slave
    export JOBSCHED_STATUS_FILE=$PWD/away/status
    write_list
    # The jobs themselves do not touch their output.
    sed -i 's/^/exec >\/dev\/null 2>\&1; /' away/jobs.txt
    start_in_away 2
    wait_until "$PATIENCE" has_lines began 2 .
    wait_until "$PATIENCE" exists away/status
    master=$(rank_pid 0)
    slave=$(rank_pid 1)
    hang
    claim kill -0 "$master" "$slave" "$(rank_pid 2)"
    # Jobs run, end, and wait to be recorded.
    equal "$(grep -c . began)" 2
    claim test ! -e ran
    touch go
    wait_until "$PATIENCE" has_lines ran 2 .
    turns 100 "$master"
    equal "$(grep -c ' ok ' away/jobs.txt.journal)" 0
    lacks err 'lost|ended on|no longer answers'
    rm shut
    farm_end
    all_ran_once
    equal "$(grep -c ' ok ' away/jobs.txt.journal)" 6
    equal "$(grep -c ' left ' away/jobs.txt.journal)" 0
    equal "$(cut -f 1 away/joblog | tail -n +2 | sort | xargs)" '1 2 3 4 5 6'
    equal "$(find away/out -name '*.out' | wc -l)" 6
    contains err '6 jobs: 6 done, 0 failed, 0 skipped, 0 left'
}

@test "filesystem: killed after ninety seconds without its files, a run keeps the next start from running its jobs twice" {
    recovering
    away
    echo "exec >/dev/null 2>&1; flock -n lock sh -c 'echo 1 >>began; $HOLD' || echo 1 >>twice" >away/jobs.txt
    start_in_away 1
    wait_until "$PATIENCE" exists began
    hang
    kill -KILL "$(rank_pid 0)"
    rm shut
    LIMIT=600 farm_command 1 --joblog away/joblog --output away/out away/jobs.txt
    farm_run_in_background
    wait_until "$PATIENCE" has_lines began 2 .
    touch go
    farm_end
    status_is 0
    claim test ! -e twice
    contains err 'this run starts in at most [0-9]+ s'
    nothing_left
}
