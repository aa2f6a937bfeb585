#!/usr/bin/env bats
# What went wrong with other programs of this kind, and the test of each. The
# last test here sees to it that all of them are there.
#
# TACC launcher
#   a last line without newline never runs, a blank line runs a job twice
#       job file: comments, blank lines and a last line without newline
#   exit status 0 whatever failed (GREASY, disBatch and HyperQueue, too)
#       truth: exit 1 and who it was where a job failed
# GREASY
#   a three-letter command hangs the run
#       job file: a command of three characters
#   nothing to go on from when a rank is killed
#       peers: a slave is killed, and the next run goes on
#   all ranks spin
#       messages: nobody spins while jobs run
# disBatch, Pegasus MPI Cluster
#   a second, or half of one, for each task
#       peers: a chain of jobs has no delay between them
# Pegasus MPI Cluster
#   a torn record of one job counts for another
#       journal: a torn record is none of another job
#   a finished task removed from the list stops the restart
#       journal: a finished job may be removed from the list
#   4096 MB of memory overflow to a limit of 0
#       resources: mem=4G and mem=40G are 64 bits wide
#   a cycle, and no word about it
#       peers: a cycle is refused, with a word about it
#   output comes at the end of the run only
#       peers: output comes when its job has ended
# GNU parallel
#   goes on by number, so an edited list runs the wrong commands
#       journal: a line inserted at the top runs, and only that
#   output on a full disk is lost: exit status 0, and a joblog by which --resume
#   runs none of it again
#       output: a disk that is full under stdout or stderr is exit 4, and nothing on record is lost
#   the piece of a line whose writer was killed runs, without a word (by xargs, too)
#       stream: a last line without a newline runs, and stderr says so
#   a joblog on a full disk, and exit status 0
#       trouble: a joblog on a full disk: the jobs run, and exit 4 says so
#   a job that cleans $TMPDIR ends the run in the middle
#       trouble: a --tmpdir that is removed is made anew, and charged to no job
#   killed, it leaves its jobs running, and --resume starts them a second time
#   beside (xargs leaves them, too)
#       launch: nothing outlives a launcher that is killed
#   a job that kills its parent ends the run (xargs ends likewise)
#       losing: a job that kills its runner is named, and fails alone
#   what a line leaves in the background with & is not waited for, without a word
#   (by xargs neither)
#       job file: a script is warned of, and what it leaves in the background
# All that are MPI programs
#   jobs that are MPI programs fail
#       surroundings: a job may be an MPI program
#   one dead rank ends the run
#       losing: a slave killed with SIGKILL under recovery
#   a full disk under mpirun's stdout: what was printed is lost, and exit status 0
#       output: a disk that is full under stdout or stderr is exit 4, and nothing on record is lost
#   an mpirun that is killed takes with it what was printed
#       output: an mpirun that is killed loses nothing that is on record
#   the jobs of a killed rank go on running
#       killed: a slave with SIGKILL, and no descendant of a job outlives it
# HyperQueue
#   half a minute of finished work is lost with its server
#       journal: after the master was killed nothing is lost, or run twice

load common

@test "peers: a slave is killed, and the next run goes on" {
    {
        yes 'echo early' | head -n 10
        yes "touch started.\$JOBSCHED_SLAVE; $HOLD" | head -n 2
    } >jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" exists started.1
    wait_until "$PATIENCE" exists started.2
    kill -KILL "$(rank_pid 1)"
    farm_end
    claim test "$status" -ne 0
    nothing_left
    touch go
    farm 2 jobs.txt
    status_is 0
    contains err '10 done, 2 left: 2 to run'
    lacks out early
}

# bats test_tags=alone
@test "peers: a chain of jobs has no delay between them" {
    {
        echo '[name=1] true'
        for ((i = 2; i <= 100; i++)); do
            echo "[name=$i after=$((i - 1))] true"
        done
    } >jobs.txt
    farm 2 jobs.txt
    status_is 0
    # A tenth of a second for each, on a machine that is busy.
    contains err '100 jobs: 100 done'
    between "$(sed -n 's/.* left; \([0-9.]*\) s, .*/\1/p' err)" 0 10
}

@test "peers: a cycle is refused, with a word about it" {
    printf '%s\n' '[name=a after=b] touch ran' '[name=b after=a] touch ran' \
        >jobs.txt
    farm 1 jobs.txt
    status_is 2
    contains err 'jobs.txt:1:15: after=b: no job before this one has that name'
    claim test ! -e ran
}

@test "peers: output comes when its job has ended" {
    printf '%s\n' 'echo first' "$HOLD" >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" has_lines out 1 '^first'
    touch go
    farm_end
    status_is 0
}

@test "peers: each failure in the list above has its test" {
    local name
    sed -n 's/^#       //p' "$BATS_TEST_FILENAME" >names
    claim test "$(wc -l <names)" -ge 15
    while read -r name; do
        grep -qF "@test \"$name\"" "$BATS_TEST_DIRNAME"/*.bats || {
            echo "no test is called: $name"
            return 1
        }
    done <names
}
