#!/usr/bin/env bats
# Trouble that lasts longer than anybody wants to wait.

load ../common

@test "long trouble: a lasting lack of descriptors fails the job, with advice" {
    printf '%s\n' "touch started; $HOLD; echo one" 'echo two' 'echo three' >jobs.txt
    LIMIT=200 farm_start 1 jobs.txt
    wait_until "$PATIENCE" exists started
    local runner limit
    runner=$(runner_pid 1)
    limit=$(prlimit --pid "$runner" --nofile --noheadings -o SOFT | xargs)
    prlimit --pid "$runner" --nofile=3:
    touch go
    # Half a minute is what it waits for.
    wait_until "$PATIENCE" has_lines err 1 'job 2 .*could not be started'
    prlimit --pid "$runner" --nofile="$limit:"
    farm_end
    status_is 1
    contains err '^jobsched: job 2 .*Too many open files.*ulimit -n'
    contains out '^three'
}
