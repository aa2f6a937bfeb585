#!/usr/bin/env bats
# Streams: standard input, pipes and FIFOs are read as jobs are needed.

# What is quoted is for another shell.
# shellcheck disable=SC2016

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
    contains err '^jobsched: no jobs in standard input$'
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
    # In which a reader without bounds would read on.
    turns 100 "$(rank_pid 0)"
    claim kill -0 "$writer"
    between "$(proc_status "$(rank_pid 0)" VmRSS)" 1 100000
    kill "$FARM" "$writer"
    farm_end
}

# If its rank does not take all data at once, the mpirun of Open MPI 5 repeats and
# shifts data; that of MPICH ends the run. bats test_tags=mpis
@test "stream: a long one arrives whole, or is refused before anything of it is wrong" {
    seq 4000 | sed 's/.*/echo & # some more bytes, so that it fills a pipe/' >list
    farm 2 - --no-journal < <(dd if=list bs=5000 2>dd.err)
    if [[ $MPI == 'Open MPI 5.'* && $status -ne 0 ]]; then
        contains err 'this mpirun damages data that has to wait for its reader.* start jobsched without mpirun, or give it a file$'
    elif [[ $MPI == 'MPICH '* && $status -ne 0 ]]; then
        contains err 'process reading stdin too slowly'
    else
        status_is 0
        sort -n out | cmp - <(seq 4000)
    fi
    # Perhaps not all jobs ran, but those that did are from the list, and ran once
    # each.
    equal "$(sort out | comm -23 - <(seq 4000 | sort))" ''
    # Not through mpirun.
    "$JOBSCHED" -n 2 - --no-journal < <(dd if=list bs=5000 2>dd.err) >out 2>err
    sort -n out | cmp - <(seq 4000)
}

# ---------------------------------------------------------------- by name

# bats test_tags=mpis
@test "stream: a pipe by its name, and an open file by that of its descriptor" {
    printf 'echo %s\n' a b c >list
    local command
    for command in 'cat list | $JS -n 1 /dev/stdin' '$JS -n 1 <(cat list)' \
        '$JS -n 1 /dev/fd/3 3<list' '$JS -n 1 /proc/self/fd/4 4<list' \
        '$JS -n 1 /dev/stdin <list' 'ln -s /dev/fd/3 link; $JS -n 1 link 3<list'; do
        echo "$command:"
        launched "$command"
        status_is 0
        equal "$(xargs <out)" 'a b c'
    done
    equal "$(echo ./*journal*)" './*journal*'
    # What is called a list stays called so; a journal is kept where asked for.
    launched 'printf "true\nfalse\n[xy=] c\n" | $JS -n 1 /dev/stdin --journal J'
    status_is 2
    contains err '^jobsched: /dev/stdin:3:2: unknown attribute'
    launched 'printf "true\nfalse\n" | $JS -n 1 /dev/stdin --journal J'
    status_is 1
    contains err '^jobsched: 2 jobs: 0 done, 1 failed|1 jobs?: 0 done, 1 failed'
    launched '$JS -n 1 /dev/fd/9'
    status_is 2
    contains err '^jobsched: cannot read the job list /dev/fd/9: Bad file'
}

@test "stream: a FIFO by its name, read from where its feeder begins" {
    mkfifo fifo
    launched_start '$JS -n 2 fifo'
    exec 7>fifo
    echo 'echo first' >&7
    wait_until "$PATIENCE" has_lines out 1 '^first'
    echo 'echo second' >&7
    exec 7>&-
    farm_end
    status_is 0
    equal "$(xargs <out)" 'first second'
}

# bats test_tags=mpis
@test "stream: by name under mpirun: /dev/stdin is -, other descriptors are refused" {
    printf 'echo %s\n' a b c >list
    farm 1 /dev/stdin <list
    status_is 0
    equal "$(xargs <out)" 'a b c'
    farm 1 /dev/fd/3
    contains err '^jobsched: /dev/fd/3: mpirun passes on no open files'
    [[ $MPI == MPICH* ]] || status_is 2
    equal "$(cat out)" ''
}

# ---------------------------------------------------------------- its end

@test "stream: a last line without a newline runs, and stderr says so" {
    launched 'printf "echo a\necho b" | $JS -n 1 -'
    status_is 0
    equal "$(xargs <out)" 'a b'
    contains err '^jobsched: standard input: the last line does not end in a newline'
    printf 'echo a\necho b' | farm 1 -
    equal "$(xargs <out)" 'a b'
    contains err '^jobsched: standard input: the last line does not end in a newline'
    launched 'printf "echo a\n" | $JS -n 1 -'
    lacks err newline
}

# The feeder has written half of a line when mpirun, or whom $STRUCK names, is
# killed.
STRUCK=mpirun_pid
cut_within_a_line() { # WAIT COMMAND...
    mkfifo pipe
    exec 7<>pipe
    "$@" <pipe
    echo 'touch begun' >&7
    printf 'echo "removing /data/project" >>ran; exit; /old/tmp' >&7
    wait_until "$PATIENCE" exists begun
    # Whoever reads has it all.
    wait_until "$PATIENCE" is_read
    kill -KILL "$($STRUCK)"
    farm_end
    exec 7>&-
    rm pipe
    nothing_left
    claim test ! -e ran
    rm begun
}

is_read() {
    ! read -r -t 0 -u 7
}

start_without_shell() {
    # shellcheck disable=SC2034 # read by farm_run
    COMMAND=(env "JS_MARK=$MARK" "$JOBSCHED" -n 1 "$@")
    farm_run_in_background
}

@test "stream: mpirun killed within a line: what is there of it does not run" {
    cut_within_a_line farm_start 1 -
    recovering
    cut_within_a_line farm_start 1 -
    cut_within_a_line start_without_shell -
    status_is 4
    contains err 'there is no journal, '
    cut_within_a_line start_without_shell - --journal J --slave-timeout $((3 * JS_PATIENCE)) --grace 1
    status_is 4
    contains err 'whole stream again'
    lacks err 'restart'
}

# mpirun ends the run then: it closes the stream, and signals the others later.
@test "stream: a slave killed within a line: what is there of it does not run" {
    STRUCK='rank_pid 1'
    cut_within_a_line farm_start 2 -
}

@test "stream: it is never started again in the middle" {
    mkfifo pipe
    # Not at its end before mpirun is killed.
    seq 300 | sed "s/.*/echo & >>ran; test & -lt 60 || { $HOLD; }/" >list
    launched_start 'cat list | $JS -n 2 --journal J --output none --slave-timeout $((3 * JS_PATIENCE)) --grace 1 -'
    wait_until "$PATIENCE" has_lines J 40 ' ok '
    kill -KILL "$(pgrep -x "$LAUNCHER_NAME" -P "$(pgrep -x jobsched \
        -P "$(pgrep -x timeout -P "$FARM")")")"
    farm_end
    status_is 4
    contains err 'whole stream again'
    lacks err 'restart'
    # Given again, it is run to its end; what is on record has run once.
    grep ' ok ' J | cut -d ' ' -f 3 | sort -u >before
    touch go
    launched 'cat list | $JS -n 2 --journal J --output none -'
    status_is 0
    equal "$(sort -nu ran | xargs)" "$(seq 300 | xargs)"
    equal "$(sort ran | uniq -d | grep -xFf before | xargs)" ''
}
