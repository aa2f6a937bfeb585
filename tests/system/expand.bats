#!/usr/bin/env bats
# --expand: any list as a plain job file; and --check of what comes from a pipe.

# What is quoted is for another shell.
# shellcheck disable=SC2016

load common

# expand ARGUMENT...: what it writes is in "plain", and reads as written: once
# more it comes to the same.
expand() {
    status=0
    "$JOBSCHED" --expand "$@" >plain 2>err </dev/null || status=$?
    "$JOBSCHED" --expand plain >again
    equal "$(cat again)" "$(cat plain)"
}

# The shape of the list is that of what is written.
same_shape() { # ARGUMENT...
    local here there
    here=$("$JOBSCHED" --check "$@" 2>/dev/null | sed 's/.*: //')
    there=$("$JOBSCHED" --expand "$@" 2>/dev/null |
        "$JOBSCHED" --check - | sed 's/^standard input: //')
    # That of a template on the command line is no more than the number.
    [[ $here == *chain* ]] || there=${there%%;*}
    claim test -n "$there"
    equal "$there" "$here"
}

# bats test_tags=sanitize
@test "expand: a template in a job file, whose jobs stay the same" {
    mkdir data
    touch data/a+1.fq data/b.fq
    cat >jobs.txt <<'JOBS'
#JOBSCHED retries=1 env=A='x y'
[for=n:1..3 for=f:data/*.fq name=sim-{n}-{f/.} stdout={n}.{f/.}.txt] echo {n} {f}
wait
[for=n:1..2 after=sim-{n}-*] echo $JOBSCHED_ARG_n $A >>env.txt
[after=sim-*] true # wait
JOBS
    expand jobs.txt
    status_is 0
    equal "$(sed -n '1p;2p;7,$p' plain)" \
        "[name=sim-1-a_1 arg-used=n=1 arg-used=f=data/a+1.fq retries=1 env='A=x y' stdout=1.a+1.txt] echo 1 data/a+1.fq
[name=sim-1-b arg-used=n=1 arg-used=f=data/b.fq retries=1 env='A=x y' stdout=1.b.txt] echo 1 data/b.fq
wait
[after=sim-1-* arg=n=1 retries=1 env='A=x y'] echo \$JOBSCHED_ARG_n \$A >>env.txt
[after=sim-2-* arg=n=2 retries=1 env='A=x y'] echo \$JOBSCHED_ARG_n \$A >>env.txt
[after=sim-* retries=1 env='A=x y'] true # wait"
    same_shape jobs.txt
    # One journal knows the jobs of both, whichever ran first.
    farm 1 plain --journal J
    status_is 0
    equal "$(sort env.txt)" '1 x y
2 x y'
    farm 1 jobs.txt --journal J
    status_is 0
    contains err '^jobsched: 9 done: 0 to run'
}

@test "expand: a template on the command line" {
    expand 'echo {1} {2}' ::: a "it's" ::: 1 '' 'x]'
    status_is 0
    equal "$(sed -n '1p;5,6p' plain)" \
        "[arg-used=1=a arg-used=2=1] echo a 1
[arg-used=\"1=it's\" arg-used=2=] echo 'it'\\''s' ''
[arg-used=\"1=it's\" arg-used='2=x]'] echo 'it'\\''s' 'x]'"
    same_shape 'echo {1} {2}' ::: a "it's" ::: 1 '' 'x]'
    run -0 "$JOBSCHED" --expand --header : x '{n}' :::: - <<<$'n\n1\n2'
    equal "$output" '[arg-used=1=1 arg-used=n=1] x 1
[arg-used=1=2 arg-used=n=2] x 2'
    run -2 "$JOBSCHED" --expand 'echo {3}' ::: a
}

@test "expand: what a job file cannot hold is named and left out" {
    expand 'echo {}' ::: a $'b\nc' d
    status_is 1
    equal "$(cat plain)" '[arg-used=1=a] echo a
[arg-used=1=d] echo d'
    contains err '^jobsched: command line: [(]b.nc[)] this value contains a newline, .*: it is left out$'
    # The last line may end in a backslash, and no other.
    expand echo {} '\' ::: a b
    status_is 1
    equal "$(cat plain)" '[arg-used=1=b] echo b \'
    contains err '[(]a[)] this command ends in a backslash, .*: it is left out$'
    # In lines of their own, the second would come after the first.
    printf '[name=t] x\n[for=n:1..3 name=t-{n} after=t*] y\n' >jobs.txt
    expand jobs.txt
    status_is 1
    equal "$(cat plain)" '[name=t] x
[name=t-1 after=t* arg=n=1] y'
    contains err '^jobsched: jobs.txt:2:.*[(]n=2[)] .*it is left out$'
}

# Each with its list, and what is to be found in what is written.
@test "expand: the lists of other tools" {
    printf '# a comment\necho one\n[# 2 #] [@ /tmp @] echo "t wo"\n' >greasy
    printf '#DISBATCH PREFIX ( \n#DISBATCH SUFFIX  )\necho a\n#DISBATCH BARRIER CHECK\n#DISBATCH REPEAT 3 echo b\n' >disbatch
    printf 'echo a\n# b\n' >launcher
    printf '1,echo a\necho b\n' >pylauncher
    printf 'echo a\n  echo b \n#c\n' >glost
    printf 'TASK a+1 -c 2 /bin/echo "a b"\nTASK c /bin/echo y\nEDGE a+1 c\n' >pmc
    printf '#!/bin/sh\n#SBATCH --array=1-3\n#SBATCH --output=o-%%a\necho hi\n' >slurm
    printf 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n1\t:\t1.0\t1.0\t0\t0\t1\t0\techo 1\n' >parallel-joblog
    local -A wanted=(
        [greasy]='^[[]name=3 after=2 dir=/tmp[]] echo "t wo"$'
        [disbatch]='^wait ok$'
        [launcher]='^[[]env=LAUNCHER_JID=2[]] bash -c .# b'
        [pylauncher]="^bash -c 'echo a'"
        [glost]='^  echo b $'
        [pmc]='^[[]name=c after=a_1 env=PMC_TASK=c '
        [slurm]='SLURM_ARRAY_TASK_ID=3[] ]'
        [parallel-joblog]='^[[]name=1 env=PARALLEL_SEQ=1[]] echo 1$'
    )
    local format
    for format in "${!wanted[@]}"; do
        expand --from "$format" "$format"
        status_is 0
        contains plain "${wanted[$format]}"
        same_shape --from "$format" "$format"
    done
    # The journal knows them.
    farm 1 --from pmc pmc --journal J
    status_is 0
    "$JOBSCHED" --expand --from pmc pmc >plain
    farm 1 --from lines plain --journal J
    status_is 0
    contains err '^jobsched: 2 done: 0 to run'
}

@test "expand: what another tool has done is left out, and not waited for" {
    printf 'TASK a /bin/a\nTASK b /bin/b\nTASK c /bin/c\nEDGE a c\nEDGE b c\n' >dag
    echo 'DONE a' >dag.rescue
    expand --from pmc dag
    status_is 0
    contains err '^jobsched: dag: 1 job is done by the records of the other tool, and left out$'
    equal "$(grep -o '^[[]name=b\|name=c after=b ' plain | xargs)" '[name=b name=c after=b'
    lacks plain '/bin/a'
}

@test "expand: mistakes of the list, and of the command line" {
    printf 'a\n[core=1] b\nc\n' >jobs.txt
    status=0
    "$JOBSCHED" --expand jobs.txt >out 2>err || status=$?
    status_is 2
    equal "$(cat out)" 'a
c'
    contains err '^jobsched: jobs.txt:2:2: unknown attribute "core"'
    run -2 "$JOBSCHED" --expand
    claim grep -q 'needs a job file, or values' <<<"$output"
    run -2 "$JOBSCHED" --expand --check jobs.txt
    claim grep -q 'jobsched --check -' <<<"$output"
    run -2 "$JOBSCHED" --expand --only a jobs.txt
    run -2 "$JOBSCHED" --expand - <<<'TASK a /bin/a'
    claim grep -q 'read it with --from pmc' <<<"$output"
    # A reader that has seen enough is no mistake.
    yes 'echo a' | head -n 100000 >jobs.txt
    set -o pipefail
    "$JOBSCHED" --expand jobs.txt | head -n 1 >out
    # A full disk is one.
    run -4 bash -c '"$1" --expand jobs.txt >/dev/full' _ "$JOBSCHED"
    claim grep -q 'cannot write to standard output' <<<"$output"
}

@test "expand: a million jobs in the memory of one" {
    mkfifo pipe
    echo '[for=a:1..1000 for=b:1..1000 name=x-{a}-{b}] x {a} {b}' >jobs.txt
    "$JOBSCHED" --expand jobs.txt >pipe &
    local pid=$! peak_kib
    # It waits for its reader, so it is still there.
    {
        head -n 900000 >/dev/null
        peak_kib=$(proc_status $pid VmHWM)
        claim test "$(tail -n 1)" = \
            '[name=x-1000-1000 arg-used=a=1000 arg-used=b=1000] x 1000 1000'
    } <pipe
    wait $pid
    between "$peak_kib" 1 65536
}

@test "check: a list that comes from a pipe is checked like a file" {
    printf '[name=a] true\n[after=a] true &\n' >jobs.txt
    local how
    for how in "cat jobs.txt | $JOBSCHED --check -" "$JOBSCHED --check - <jobs.txt" \
        "$JOBSCHED --check <(cat jobs.txt)"; do
        run -0 bash -c "$how" 2>&1
        claim grep -q ': 2 jobs; longest chain 2, widest level 1' <<<"$output"
        claim grep -q ':2:.*warning: this command leaves a process' <<<"$output"
    done
    mkfifo pipe
    cat jobs.txt >pipe &
    run -0 "$JOBSCHED" --check pipe
    claim grep -q '^pipe: 2 jobs' <<<"$output"
    run -0 "$JOBSCHED" --dry-run - <jobs.txt
    claim grep -q '^job 2: .*true &' <<<"$output"
    run -2 "$JOBSCHED" --check - <<<$'[after=z] x\n[after=y] x'
    claim grep -q 'standard input: 2 errors' <<<"$output"
}
