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

# ---------------------------------------------------------------- other tools

@test "from greasy: lines are numbered, and name folders and other lines" {
    mkdir -p runs/a runs/b
    printf '#!/bin/sh\nbasename "$PWD"; echo "$1" >log\n' >sim
    chmod +x sim
    PATH=$PWD:$PATH
    cat >tasks.txt <<'LIST'
# line 1 is a comment and has number 1
echo prepare
[# 2 #] [@ runs/a @] sim 1
[# -2 #] [@ $PWD/runs/b @] sim 2
[# 3-4 #] cat runs/a/log runs/b/log
LIST
    farm 2 tasks.txt --from greasy
    status_is 0
    equal "$(head -n 1 out)" prepare
    equal "$(sed -n '2,3p' out | sort | xargs)" 'a b'
    equal "$(tail -n 2 out | xargs)" '1 2'
    lacks err 'greasy.conf'
    touch greasy.conf
    farm 2 tasks.txt --from greasy
    contains err 'tasks.txt: warning: greasy.conf is not read'
    sed -i '4s/-2/1/' tasks.txt
    farm 2 tasks.txt --from greasy --fresh
    status_is 2
    contains err 'tasks.txt:4:4: line 1 is a comment, not a task'
}

@test "from launcher: every line is a job of its own, in bash" {
    printf '%s\n' 'echo 1 $LAUNCHER_JID' '# nothing' '' 'X=5; exit' \
        '[[ a == a ]] && echo "${X-unset} $LAUNCHER_JID"' >lines
    printf 'cd sub\necho last $LAUNCHER_JID' >>lines
    farm 1 lines --from launcher
    status_is 1
    equal "$(cat out)" $'1 1\nunset 4\nlast 6'
    contains err 'lines:6:1: warning: this job has a shell of its own'
    printf '\nsleep $LAUNCHER_TSK_ID\n' >>lines
    farm 1 lines --from launcher
    status_is 2
    contains err 'lines:8:7: LAUNCHER_TSK_ID is not set here: [$]JOBSCHED_SLAVE'
}

@test "from pylauncher: numbers and cores" {
    printf '# no job\n\n echo PYL_ID $JOBSCHED_CORES \n1,echo PYLTID $JOBSCHED_CORES' >lines
    farm 1 lines --from pylauncher
    status_is 0
    equal "$(cat out)" $'0 1\n1 1'
}

@test "from glost: every line that is not empty is a job" {
    printf 'echo a # first\necho a # second\n\n# nothing\nwait\n[cores=9] x || echo b' >lines
    farm 1 lines --from glost
    status_is 0
    equal "$(cat out)" $'a\na\nb'
    contains err '5 jobs: 5 done'
}

@test "from disbatch: prefix, suffix, repeat and barriers" {
    cat >tasks <<'LIST'
#DISBATCH PREFIX cd runs && echo 
#DISBATCH SUFFIX  $DISBATCH_TASKID_ZP $DISBATCH_CORES_PER_TASK ${BASH_VERSION:+bash}
17
#DISBATCH BARRIER CHECK
#DISBATCH REPEAT 2 start 100 step 50 ${DISBATCH_REPEAT_INDEX}
LIST
    farm 2 tasks --from disbatch
    status_is 1
    contains err '3 jobs: 0 done, 1 failed, 2 skipped'
    mkdir runs
    farm 2 tasks --from disbatch
    status_is 0
    equal "$(head -n 1 out)" '17 000000 1 bash'
    equal "$(tail -n 2 out | sort)" $'100 000002 1 bash\n150 000003 1 bash'
}

@test "from pmc: tasks run without a shell, after their parents" {
    printf '#!/bin/sh\necho "$PMC_TASK:$PMC_MEMORY:$PMC_CPUS:$PMC_RANK:$*"\n' >sim
    chmod +x sim
    cat >dag <<'LIST'
TASK join sim "all runs" '$HOME' *
TASK sim1 -m 500 -c 1 ./sim --seed 1
TASK sim2 -t 2 ./sim --seed 2
EDGE sim1 join
EDGE sim2 join
EDGE sim2 join
LIST
    farm 1 dag --from pmc
    status_is 0
    equal "$(cat out)" \
        $'sim1:500:1:1:--seed 1\nsim2:0:1:1:--seed 2\njoin:0:1:1:all runs $HOME *'
    # What the rescue file says counts for jobs that are new here.
    printf '\nDONE gone\nDONE sim1\nDONE sim2\nDONE sim' >dag.rescue
    farm 1 dag --from pmc
    contains err '3 done: 0 to run'
    farm 1 dag --from pmc --fresh
    status_is 0
    contains err '2 done, 1 new: 1 to run'
    equal "$(cat out)" 'join:0:1:1:all runs $HOME *'
    printf '\nnothing\n' >>dag.rescue
    farm 1 dag --from pmc
    status_is 2
    contains err 'dag.rescue:6:1: a rescue file must consist of lines with DONE'
    rm dag.rescue
    mkfifo dag.rescue
    farm 1 dag --from pmc
    status_is 2
    contains err 'cannot read dag.rescue: Invalid argument'
    rm dag.rescue
    echo 'EDGE join sim1' >>dag
    farm 1 dag --from pmc
    status_is 2
    contains err 'dag:[47]:1: these tasks wait for each other, .*: (join after sim1 after join|sim1 after join after sim1)'
}

@test "from slurm: a job for each element of an array" {
    mkdir out.d
    cat >sweep.sh <<'LIST'
#!/bin/bash
#SBATCH --job-name=sweep --array=0-20:10 -p long
#SBATCH --output=out.d/%x.%3a
[[ $1 ]] || cd "$SLURM_SUBMIT_DIR"
echo "$SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_TASK_COUNT in ${PWD##*/}"
echo oops >&2
LIST
    farm 2 sweep.sh --from slurm
    status_is 0
    contains err 'sweep.sh:1:1: warning: these options have no meaning here and are ignored: --partition$'
    lacks err 'names a shell'
    equal "$(cat out)" ''
    equal "$(cat out.d/sweep.010)" "10 of 3 in ${PWD##*/}"$'\noops'
    claim test -e out.d/sweep.000 -a -e out.d/sweep.020
    farm 2 sweep.sh --from slurm
    contains err '3 done: 0 to run'
    # The script's text is part of what a job does.
    echo 'true' >>sweep.sh
    farm 2 sweep.sh --from slurm
    contains err '3 changed: 3 to run'
    sed -i 's/0-20:10/&%4/' sweep.sh
    farm 2 sweep.sh --from slurm
    status_is 2
    contains err 'sweep.sh:2:41: --array=0-20:10%4: jobsched cannot limit'
    # Its jobs would all fail.
    sed -i 's/$/\r/' sweep.sh
    farm 2 sweep.sh --from slurm
    status_is 2
    contains err 'sweep.sh:1:1: the lines of this script end in CR LF'
}

@test "from parallel-joblog: what the log has as done does not run" {
    local T=$'\t'
    printf '%s\n' "Seq${T}Host${T}Starttime${T}JobRuntime${T}Send${T}Receive${T}Exitval${T}Signal${T}Command" \
        "2${T}:${T}1.0${T}0.1${T}0${T}0${T}1${T}0${T}echo 2 \$PARALLEL_SEQ" \
        "1${T}:${T}1.0${T}0.1${T}0${T}0${T}0${T}0${T}echo 1" \
        "3${T}:${T}1.0${T}0.1${T}0${T}0${T}0${T}9${T}echo 3" \
        "4${T}:${T}1.0${T}0.1${T}0${T}0${T}1${T}0${T}echo 4; exit 1" >log
    farm 1 log --from parallel-joblog
    status_is 1
    equal "$(cat out)" $'2 2\n3\n4'
    contains err '1 done, 3 new: 3 to run'
    run -0 "$JOBSCHED" --status log
    claim grep -q '4 jobs: 3 done, 1 failed' <<<"$output"
    farm 1 log --from parallel-joblog --no-journal
    equal "$(cat out)" $'2 2\n3\n4'
    # It would not start over.
    head -n 1 log >good
    sed -n 3p log >>good
    farm 1 good --from parallel-joblog --fresh
    contains err '1 done: 0 to run$'
    run -1 "$JOBSCHED" -n 1 --from parallel-joblog <log
    claim test "$(grep -cx '[134]\|2 2' <<<"$output")" -eq 3
    # From now on the journal counts, and knows the format.
    farm 1 log
    contains err '3 done, 1 failed: 1 to run'
}
