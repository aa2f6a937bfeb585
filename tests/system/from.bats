#!/usr/bin/env bats
# Lists in the format of another tool: --from, and what the journal keeps of it.

load common

@test "from: an unknown format is refused before anything runs" {
    echo 'touch ran' >jobs.txt
    farm 1 jobs.txt --from line
    status_is 2
    contains err 'jobsched: --from line: no such format [(]did you mean "lines"[?][)]; the formats are: lines'
    farm 1 jobs.txt --from something
    status_is 2
    contains err '--from something: no such format; the formats are: lines'
    claim test ! -e ran
    claim test ! -e jobs.txt.journal
}

@test "from: it needs a list" {
    run -2 "$JOBSCHED" --from lines --demo
    claim grep -q '[-][-]from .* needs a job file' <<<"$output"
    run -0 "$JOBSCHED" -n 1 --from lines <<<'echo piped'
    claim grep -qx piped <<<"$output"
}

@test "from: a later run reads the list as the journal says" {
    echo 'echo one' >jobs.txt
    farm 1 jobs.txt --from lines
    status_is 0
    claim grep -qE '^[0-9a-f]{8} format lines$' jobs.txt.journal
    lacks err 'the journal says'
    echo 'echo two' >>jobs.txt
    local how
    for how in --check --dry-run ''; do
        farm 1 jobs.txt $how
        status_is 0
        contains err 'the journal says that this list is read with --from lines'
    done
    equal "$(cat out)" two
    farm 1 jobs.txt --fresh
    status_is 0
    lacks err 'the journal says'
    claim test "$(grep -c ' format ' jobs.txt.journal)" -eq 0
}

# Line 2 comes after line 1, which fails at first; the folder is there.
greasy_list() {
    mkdir runs
    printf '%s\n' 'test -e go && echo first' \
        '# a comment has a number too' \
        '[# 1 #] [@ runs @] echo third' >tasks.txt
}

@test "from: the same format wherever the list is read" {
    greasy_list
    farm 1 tasks.txt --from greasy --check
    status_is 0
    contains out 'tasks.txt: 2 jobs; longest chain 2'
    touch go
    farm 1 tasks.txt --from greasy --dry-run
    status_is 0
    contains out 'job 2: .*echo third'
    rm go
    farm 1 tasks.txt --from greasy
    status_is 1
    contains err '1 failed, 1 skipped'
    # The journal says how to read it.
    run -0 "$JOBSCHED" --status tasks.txt
    claim grep -q 'test -e go' <<<"$output"
    run -0 "$JOBSCHED" --explain 3 tasks.txt
    claim grep -q 'echo third' <<<"$output"
    run -0 "$JOBSCHED" --report r.html tasks.txt
    contains r.html 'echo third'
    # Unless the user says something else.
    run -0 "$JOBSCHED" --explain 1 --from lines tasks.txt
    claim test -z "$(grep 'echo third' <<<"$output")"
    touch go
    farm 1 tasks.txt --retry-failed
    status_is 0
    equal "$(sort out | xargs)" 'first third'
    farm 1 tasks.txt
    status_is 0
    contains err '2 done: 0 to run'
    run -0 "$JOBSCHED" --plan tasks.txt
    claim grep -q '2 jobs' <<<"$output"
}

# Each of these lines would run in a shell, and does with --from lines.
@test "from: a list that is unmistakably another tool's does not run as commands" {
    local list
    mkdir bin
    for list in TASK EDGE '[#' '[@'; do
        printf '#!/bin/sh\necho "ran $*"\n' >"bin/$list"
        chmod +x "bin/$list"
    done
    PATH=$PWD/bin:$PATH
    for list in 'TASK a ./x' 'EDGE a b' 'echo ran; :\n[# 1 #] ./x' '[@ dir @] ./x' \
        'echo ran\n#DISBATCH BARRIER\necho ran' \
        '#!/bin/sh\n#SBATCH --array=1-9\necho ran'; do
        printf "%b\n" "$list" >jobs.txt
        farm 1 jobs.txt
        status_is 2
        contains err 'jobs.txt:[1-3]:1: this list looks like .*--from lines'
        lacks out ran
        claim test ! -e jobs.txt.journal
        run -2 "$JOBSCHED" --check jobs.txt
        run -2 "$JOBSCHED" --dry-run jobs.txt
        farm 1 jobs.txt --from lines
        status_is 0
        contains out ran
        # From now on the journal says how it is read.
        farm 1 jobs.txt
        status_is 0
        rm jobs.txt.journal
    done
}

@test "from: a stream is another tool's if its first line that counts says so" {
    run -2 "$JOBSCHED" -n 1 - <<<$'\n# comment\n#DISBATCH PREFIX x\necho ran'
    claim grep -q 'standard input:3:1: this list looks like a task file of disBatch' <<<"$output"
    claim test -z "$(grep -x ran <<<"$output")"
    run -0 "$JOBSCHED" -n 1 - <<<$'echo ran\n#DISBATCH BARRIER\necho ran'
    equal "$(grep -cx ran <<<"$output")" 2
}
