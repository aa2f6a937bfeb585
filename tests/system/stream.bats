#!/usr/bin/env bats
# Streams: standard input, pipes and FIFOs are read as jobs are needed.

load common

# bats test_tags=sanitize
@test "stream: - is standard input" {
    printf 'echo %s\n' a b c | farm 2 -
    # (farm is the end of a pipe, so its $status is lost: look at the run.)
    contains err '3 done, 0 failed, 0 skipped, 0 left'
    equal "$(sort out | xargs)" 'a b c'
}

@test "stream: standard input from a file" {
    printf 'echo %s\n' $(seq 50) >jobs.txt
    farm 2 - <jobs.txt
    status_is 0
    equal "$(sort -n out | xargs)" "$(seq 50 | xargs)"
}

@test "stream: an empty one is a run without jobs" {
    farm 2 - </dev/null
    status_is 0
    contains err 'no jobs|0 jobs'
}

@test "stream: jobs run before it ends" {
    mkfifo pipe
    exec 7<>pipe # so that neither end waits for the other
    farm_start 2 - <pipe
    echo 'echo first' >&7
    wait_until "$PATIENCE" has_lines out 1 '^first'
    echo 'echo second' >&7
    wait_until "$PATIENCE" has_lines out 1 '^second'
    exec 7>&-
    farm_end
    status_is 0
}

@test "stream: a FIFO whose writer comes late" {
    mkfifo fifo
    farm_start 2 fifo
    wait_until "$PATIENCE" runner_pid 2
    exec 7>fifo
    echo 'echo first' >&7
    wait_until "$PATIENCE" has_lines out 1 '^first'
    # No newline, then the end.
    printf 'echo second' >&7
    exec 7>&-
    farm_end
    status_is 0
    equal "$(xargs <out)" 'first second'
}

@test "stream: a line that comes in pieces is one job" {
    mkfifo fifo
    farm_start 1 fifo
    exec 7>fifo
    echo 'echo first' >&7
    printf 'echo sec' >&7
    wait_until "$PATIENCE" has_lines out 1 '^first'
    echo ond >&7
    exec 7>&-
    farm_end
    status_is 0
    equal "$(xargs <out)" 'first second'
}

@test "stream: bad input ends it, and what ran before is told" {
    printf 'echo a\necho b\necho c\0d\necho e\n' >bytes
    farm 1 - <bytes
    status_is 2
    contains err ':3:7: '
    contains err '2 done'
    equal "$(sort out | xargs)" 'a b'
}

@test "stream: no more of it is read than rounds need" {
    # While two jobs hold the slots, most of the stream stays with its writer.
    mkfifo fifo
    farm_start 2 fifo
    {
        printf '%s\n' "touch one; $HOLD" "touch two; $HOLD"
        seq 1000000 | sed 's/.*/echo &; exit 0 # some more bytes/'
    } >fifo 2>/dev/null &
    local writer=$!
    wait_until "$PATIENCE" exists one
    wait_until "$PATIENCE" exists two
    sleep 0.3 # time in which a reader without bounds would read on
    claim kill -0 "$writer"
    between "$(proc_status "$(rank_pid 0)" VmRSS)" 1 100000
    kill "$FARM" "$writer"
    farm_end
}

# The mpirun of Open MPI 5 repeats and shifts what its rank has not taken at once.
# bats test_tags=mpis
@test "stream: a long one arrives whole, or is refused before anything of it is wrong" {
    seq 4000 | sed 's/.*/echo & # some more bytes, so that it fills a pipe/' >list
    farm 2 - --no-journal < <(dd if=list bs=5000 2>dd.err)
    if [[ $MPI == 'Open MPI 5.'* && $status -ne 0 ]]; then
        contains err 'this mpirun damages what has to wait for its reader.* start jobsched without mpirun, or give it a file$'
        # What ran before that is of the list, each once.
        equal "$(sort out | comm -23 - <(seq 4000 | sort))" ''
    else
        status_is 0
        sort -n out | cmp - <(seq 4000)
    fi
}
