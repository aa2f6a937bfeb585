#!/usr/bin/env bats
# The jobs' output: whole, in one piece, byte for byte, whoever reads it.

# Each test is a subshell, so what it sets ends with it.
# shellcheck disable=SC2030,SC2031

load common

# All lines of each job "NAME NUMBER" stand together and in order; $2 is how
# many lines there are to each of the $3 jobs.
whole() { # FILE LINES JOBS
    awk -v lines="$2" -v jobs="$3" '
        NF != 2 { print "no line of a job: " $0; bad = 1; exit }
        next_line > 1 && $1 != name {
            print name " is cut by " $0 " after line " next_line - 1
            bad = 1
            exit
        }
        { if (next_line <= 1) { name = $1; next_line = 1
            if (seen[name]++) { print name " comes twice"; bad = 1; exit } }
          if ($2 != next_line) { print "not in order: " $0; bad = 1; exit }
          next_line = next_line == lines ? 1 : next_line + 1
          count++ }
        END { if (!bad && count != lines * jobs) {
                  print count " lines, not " lines * jobs; bad = 1 }
              exit bad }' "$1"
}

# bats test_tags=sanitize
@test "output: no line of one job stands between lines of another" {
    local jobs=300
    seq "$jobs" | sed "s|.*|$JS_HELPERS/print_lines job& 64 100|" >jobs.txt
    farm 2 jobs.txt --joblog log
    status_is 0
    whole out 64 $jobs
    # Both slaves had a part in it.
    equal "$(cut -f 12 log | sort -u | xargs)" '1 2 Slave'
}

@test "output: of many slots, larger than what comes with a completion" {
    local jobs=60
    seq "$jobs" | sed "s|.*|$JS_HELPERS/print_lines job& 20000|" >jobs.txt
    farm 2 jobs.txt --slots 4
    status_is 0
    whole out 20000 $jobs
}

@test "output: stdout, then stderr, of one job, then of the next" {
    seq 40 | sed "s|.*|$JS_HELPERS/print_lines err& 3000 >\&2; \
$JS_HELPERS/print_lines out& 30|" >jobs.txt
    farm_command_redirected '>both 2>&1' 2 jobs.txt
    farm_run
    status_is 0
    # One line a block: "30 out7", then "3000 err7".
    grep -v '^jobsched: ' both | cut -d ' ' -f 1 | uniq -c >blocks
    equal "$(wc -l <blocks)" 80
    awk 'NR % 2 { want = "3000 err" substr($2, 4)
                  if ($1 " " substr($2, 1, 3) != "30 out") exit 1; next }
         $1 " " $2 != want { exit 1 }' blocks || { cat blocks && false; }
    contains both '^jobsched: 40 jobs: 40 done'
}

@test "output: messages stand between jobs, not within one" {
    seq 30 | sed "s|.*|$JS_HELPERS/print_lines job& 5000 \>\&2; exit 3|" \
        >jobs.txt
    farm_command_redirected '>both 2>&1' 2 jobs.txt
    farm_run
    status_is 1
    between "$(grep -c '^jobsched: job .* exit 3' both)" 1 30
    grep -v '^jobsched: ' both >rest
    whole rest 5000 30
    grep -n '^jobsched: ' both | cut -d : -f 1 | while read -r line; do
        # As many lines before it as whole jobs have.
        equal $(($(head -n "$line" both | grep -cv '^jobsched: ') % 5000)) 0
    done
}

@test "output: a message begins a line, whatever a job left behind" {
    echo 'printf "no newline" >&2; exit 3' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    contains err '^no newline'
    contains err '^jobsched: job 1 '
    contains err '^jobsched: 1 job: '
}

# bats test_tags=sanitize
@test "output: without a newline at its end, nothing is added" {
    printf '%s\n' 'printf one' 'printf two; printf three >&2' 'printf four' \
        >jobs.txt
    farm_whole 1 jobs.txt
    status_is 0
    equal "$(cat out)" onetwofour
    contains err '^three'
}

@test "output: binary, byte for byte, small and large" {
    local bytes
    for bytes in 1 1000 100000 3000000; do
        echo "$JS_HELPERS/spew $bytes $bytes"
    done >jobs.txt
    sh jobs.txt >want
    farm_whole 1 jobs.txt
    status_is 0
    cmp want out
    sed -i 's/$/ >\&2/' jobs.txt
    farm 1 jobs.txt --no-journal
    status_is 0
    head -c "$(wc -c <want)" err | cmp want -
}

@test "output: of a job that fails or is killed comes as well" {
    printf '%s\n' 'echo one; exit 3' 'echo two; kill -KILL $$' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    equal "$(xargs <out)" 'one two'
}

@test "output: a job that writes to the start of its file again" {
    echo 'echo long line; exec 1<>/proc/self/fd/1; echo short' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    contains out 'short'
}

# bats test_tags=sanitize
@test "output: --output DIR has a file for each job and stream" {
    seq 30 | sed "s|.*|$JS_HELPERS/print_lines job& 100; echo e& >\&2|" \
        >jobs.txt
    mkdir -p results
    head -c 100000 /dev/zero >results/3.out # of an earlier run
    farm 2 jobs.txt --output results
    status_is 0
    equal "$(cat out)" ''
    local id
    for id in $(seq 30); do
        "$JS_HELPERS/print_lines" "job$id" 100 | cmp - "results/$id.out"
        equal "$(cat "results/$id.err")" "e$id"
    done
    equal "$(find results -type f -name '*.*' ! -name '.*' | wc -l)" 60
}

@test "output: --output makes the folder, and keeps to the umask" {
    umask 027
    echo 'echo a' >jobs.txt
    farm 1 jobs.txt --output new
    status_is 0
    equal "$(cat new/1.out)" a
    equal "$(stat -c %a new new/1.out | xargs)" '750 640'
}

@test "output: --output none drops it" {
    printf '%s\n' 'echo a; echo b >&2' 'echo c; exit 3' >jobs.txt
    farm 2 jobs.txt --output none
    status_is 1
    equal "$(cat out)" ''
    lacks err '^b'
    contains err 'job 2 .*exit 3'
}

@test "output: nothing stays behind in --tmpdir" {
    mkdir tmp
    seq 20 | sed "s|.*|$JS_HELPERS/spew 400000|" >jobs.txt
    farm 2 jobs.txt --tmpdir "$PWD/tmp"
    status_is 0
    equal "$(find tmp -mindepth 1)" ''
}

@test "output: of a slow reader" {
    seq 40 | sed "s|.*|$JS_HELPERS/print_lines job& 5000|" >jobs.txt
    farm_command 2 jobs.txt
    # Some 100 kB at a time.
    "${COMMAND[@]}" 2>err | while dd bs=100k count=1 iflag=fullblock \
        2>dd.err && ! grep -q '^0+0' dd.err; do
        sleep 0.01
    done >out
    equal "${PIPESTATUS[0]}" 0
    whole out 5000 40
}

jobs_that_ran() {
    find . -maxdepth 1 -name 'ran.*' | wc -l
}

all_have_run() { # COUNT
    (($(jobs_that_ran) >= $1))
}

# In a time in which slaves that may would have run some.
no_more_run() {
    local before
    before=$(jobs_that_ran)
    turns 100 "$(rank_pid 1)" "$(rank_pid 2)"
    [[ $(jobs_that_ran) -eq $before ]]
}

write_loud_jobs() { # COUNT
    seq "$1" | sed "s|.*|$JS_HELPERS/print_lines job& 20000; touch ran.&|" \
        >jobs.txt
}

# The FIFO `pipe` is open as 7, so that it has a reader that does not read;
# from here on somebody does.
read_on() {
    exec 8<pipe 7>&-
    cat <&8 3>&- &
    READER=$!
    exec 8<&-
}

@test "output: a reader that stops reading holds up no slave" {
    # Some 14 MB: more than there is room for on the way.
    write_loud_jobs 60
    mkfifo pipe
    exec 7<>pipe
    farm_command 2 jobs.txt
    "${COMMAND[@]}" >pipe 2>err 3>&- 7>&- &
    FARM=$!
    wait_until "$PATIENCE" all_have_run 60
    claim kill -0 "$FARM"
    read_on >out
    farm_end
    status_is 0
    wait "$READER"
    whole out 20000 60
}

# bats test_tags=sanitize
@test "output: the same where no mpirun is between master and reader" {
    write_loud_jobs 60
    mkfifo pipe
    exec 7<>pipe
    farm_command_redirected '>pipe' 2 jobs.txt --joblog log
    farm_run_in_background
    wait_until "$PATIENCE" all_have_run 60
    claim kill -0 "$FARM"
    # What has not been written is not finished.
    claim test "$(wc -l <log)" -lt 61
    read_on >got
    farm_end
    status_is 0
    wait "$READER"
    whole got 20000 60
    equal "$(wc -l <log)" 61
}

@test "output: --spool-limit holds up the slaves until it is read" {
    write_loud_jobs 60
    mkfifo pipe
    exec 7<>pipe
    farm_command_redirected '>pipe' 2 jobs.txt --spool-limit 500K
    farm_run_in_background
    # A limit of two jobs a slave, two that ran into it, and what is on its
    # way to the reader; 60 would be no limit.
    wait_until "$PATIENCE" all_have_run 4
    wait_until "$PATIENCE" no_more_run
    claim test "$(jobs_that_ran)" -lt 40
    read_on >got
    farm_end
    status_is 0
    wait "$READER"
    whole got 20000 60
}

# Each job that is on record has its output in FILE: "jobN ...".
none_is_lost() { # FILE
    local id
    for id in $(sed -n 's/^[0-9a-f]* ok \([0-9]*\) .*/\1/p' jobs.txt.journal); do
        contains "$1" "^job$id( |\$)"
    done
}

# What the run itself, its journal and --status say of its end.
all_say() { # STATUS
    status_is "$1"
    contains jobs.txt.journal " end $1 "
    "$JOBSCHED" --status jobs.txt --json >told
    contains told "\"state\":\"ended\",\"status\":$1,"
}

# jobsched without an mpirun of ours, by a shell that redirects what it writes.
launched_to() { # '>FILE ...' ARGUMENT...
    status=0
    env "JS_MARK=$MARK" timeout --kill-after=10 "$(limit)" \
        sh -c "exec \"\$0\" \"\$@\" $1" "$JOBSCHED" "${@:2}" \
        2>err 3>&- || status=$?
    no_complaint
}

@test "output: a reader that goes away stops the run, and loses nothing" {
    write_loud_jobs 60
    mkfifo pipe
    farm_command_redirected '>pipe' 2 jobs.txt --joblog log
    farm_run_in_background
    head -n 1 pipe >first
    contains first '^job[0-9]+ 1$'
    farm_end
    [[ $MPI == MPICH* ]] || all_say 3
    contains err 'stopped because the reader of standard output has gone'
    equal "$(grep -c ' ok ' jobs.txt.journal)" \
        "$(awk -F '\t' '$7 == 0 && $8 == 0' log | wc -l)"
    claim test "$(grep -c ' ok ' jobs.txt.journal)" -lt 60
    # What it did not take comes when there is somebody to take it.
    mv jobs.txt.journal before
    cp before jobs.txt.journal
    farm_whole 2 jobs.txt
    status_is 0
    whole out 20000 $((60 - $(grep -c ' ok ' before)))
}

# bats test_tags=mpis
@test "output: the same below a jobsched that has started mpirun, stderr too" {
    write_loud_jobs 60
    mkfifo pipe
    head -n 1 pipe >first &
    launched_to '>pipe' -n 2 jobs.txt
    wait $!
    contains first '^job[0-9]+ 1$'
    all_say 3
    contains err 'stopped because the reader of standard output has gone'
    sed -i 's/;/ >\&2;/' jobs.txt
    head -n 1 pipe >first &
    launched_to '2>pipe' -n 2 jobs.txt --fresh
    wait $!
    all_say 3
}

@test "output: a disk that is full under stdout or stderr is exit 4, and nothing on record is lost" {
    seq 30 | sed 's/.*/echo job&; echo err& >\&2/' >jobs.txt
    launched_to '>/dev/full' -n 2 jobs.txt
    all_say 4
    contains err '^jobsched: standard output: No space left on device: .*could not be written.*\(--output DIR'
    equal "$(grep -c ' ok ' jobs.txt.journal)" 0
    launched_to '>out 2>/dev/full' -n 2 jobs.txt
    all_say 4
    equal "$(grep -c ' ok ' jobs.txt.journal)" 0
    farm_command_redirected '>/dev/full' 2 jobs.txt
    farm_run
    [[ $MPI == MPICH* ]] || all_say 4
    equal "$(grep -c ' ok ' jobs.txt.journal)" 0
    # One that has room for some of them.
    mount_tmpfs small size=64k
    fill_disk small/ballast
    truncate -s 57344 small/ballast
    rm jobs.txt.journal
    seq 30 | sed "s|.*|$JS_HELPERS/print_lines job& 60|" >jobs.txt
    launched_to '>>small/out' -n 2 jobs.txt
    all_say 4
    between "$(grep -c ' ok ' jobs.txt.journal)" 1 29
    none_is_lost small/out
    # And the rest, where there is room.
    launched_to '>rest' -n 2 jobs.txt
    all_say 0
    cat small/out rest >both
    none_is_lost both
}

@test "output: an mpirun that is killed loses nothing that is on record" {
    seq 60 | sed "s|.*|$JS_HELPERS/print_lines job& 200|" >jobs.txt
    echo "$HOLD" >>jobs.txt # or it might be done
    mkfifo pipe
    exec 7<>pipe
    COMMAND=(env "JS_MARK=$MARK" sh -c 'exec "$0" "$@" >pipe' "$JOBSCHED" -n 2
        jobs.txt --restarts 0)
    farm_run_in_background
    # As much as the pipe takes, which nobody reads.
    wait_until "$PATIENCE" has_lines jobs.txt.journal 10 ' ok '
    kill -KILL "$(mpirun_pid)"
    read_on >got
    farm_end
    wait "$READER"
    status_is 4
    none_is_lost got
    claim test "$(grep -c ' ok ' jobs.txt.journal)" -ge 10
}

@test "output: | head -1 with mpirun ends, and leaves nothing" {
    # mpirun itself ends the run when its reader has gone.
    write_loud_jobs 60
    farm_command 2 jobs.txt
    "${COMMAND[@]}" 2>err | head -n 1 >first
    contains first '^job[0-9]+ 1$'
    nothing_left
}

# ---------------------------------------------------------------- whose folder

@test "output: it must not go to the list, the journal or the joblog" {
    printf 'echo a\necho b\n' >jobs
    cp jobs before
    run -2 --separate-stderr bash -c '"$JOBSCHED" -n 1 jobs >>jobs'
    # shellcheck disable=SC2154 # of run
    equal "$stderr" 'jobsched: standard output goes to jobs, which is the job list and would be damaged: send it to another file'
    cmp jobs before
    run -0 "$JOBSCHED" -n 1 jobs
    cp jobs.journal before
    run -2 --separate-stderr bash -c '"$JOBSCHED" -n 1 jobs >>./jobs.journal'
    claim grep -q 'standard output goes to jobs.journal, which is the journal' <<<"$stderr"
    cmp jobs.journal before
    run -2 --separate-stderr bash -c '"$JOBSCHED" -n 1 jobs --fresh --joblog log >log'
    claim grep -q 'standard output goes to log, which is the joblog' <<<"$stderr"
    run -2 bash -c '"$JOBSCHED" -n 1 jobs --fresh --joblog log 2>log'
    claim grep -q 'standard error goes to log, which is the joblog' log
    run -0 bash -c '"$JOBSCHED" -n 1 jobs --fresh --joblog log >other 2>&1'
}

@test "output: a folder that another list's run has filled is refused" {
    echo 'echo a' >a.txt
    echo 'touch ran; echo b' >b.txt
    farm 1 a.txt --output results
    status_is 0
    farm 1 b.txt --output results
    status_is 2
    contains err "^jobsched: results holds the output of $PWD/a.txt: name another folder with --output, or empty this one$"
    claim test ! -e ran
    claim test ! -e b.txt.journal
    equal "$(cat results/1.out)" a
    # The list itself goes on, and over again; without a journal it is a warning.
    farm 1 a.txt --output results --fresh
    status_is 0
    farm 1 b.txt --output results --no-journal
    status_is 0
    contains err "^jobsched: warning: results holds the output of $PWD/a.txt: .*will be replaced$"
    equal "$(cat results/1.out)" b
    farm 1 a.txt --output results --fresh
    status_is 2
    rm results/*
    farm 1 a.txt --output results --fresh
    status_is 0
}

@test "output: two lists that start at once do not share a folder" {
    echo "touch started; $HOLD" >a.txt
    echo 'touch ran' >b.txt
    farm_start 1 a.txt --output results
    wait_until "$PATIENCE" exists started
    local first=$FARM
    rm -f results/[0-9]*
    farm 1 b.txt --output results
    status_is 2
    contains err "results is in use by a run of $PWD/a.txt"
    claim test ! -e ran
    touch go
    FARM=$first
    farm_end
    status_is 0
}

@test "output: what somebody else has put into a folder is left alone" {
    need_root "act as another user"
    mkdir -m 1777 shared
    echo precious >victim
    echo theirs >shared/1.out
    chown nobody shared/1.out
    echo 'echo mine' >jobs.txt
    farm 1 jobs.txt --output shared
    status_is 1
    contains err 'job 1 .*could not be started'
    equal "$(cat shared/1.out)" theirs
    # Nor does the joblog go where a link of theirs leads.
    ln -s ../victim shared/log
    chown -h nobody shared/log
    farm 1 jobs.txt --fresh --joblog shared/log
    status_is 2
    contains err 'cannot write the joblog shared/log: .*; it is a symbolic link in a folder that others can write to'
    equal "$(cat victim)" precious
    # What is open may be named.
    farm 1 jobs.txt --fresh --joblog /dev/stderr
    status_is 0
    contains err $'^1\t.*\techo mine'
}
