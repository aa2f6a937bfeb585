#!/usr/bin/env bats
# Templates on the command line: a command, and values after ::: or, in files,
# after ::::.

# What is quoted is for another shell.
# shellcheck disable=SC2016

load common

# What the jobs of a command line write, sorted.
gives() { # COMMAND EXPECTED
    launched "$1"
    status_is 0
    equal "$(sort out | xargs -d '\n')" "$2"
}

# bats test_tags=sanitize
@test "template: values are words, and multiply" {
    gives '$JS -n 2 echo --n {} ::: 1 2' '--n 1 --n 2'
    gives '$JS -n 2 echo {2}-{1} ::: 1 2 ::: x y' 'x-1 x-2 y-1 y-2'
    gives '$JS -n 1 echo {1}{2} ::: 1 2 3 :::+ x y' '1x 2y'
    gives '$JS -n 1 --link echo {1}{2} ::: 1 2 3 ::: x y' '1x 2y 3x'
    # No replacement string, and no command.
    gives '$JS -n 1 echo a ::: 1' 'a 1'
    gives '$JS -n 1 ::: "echo b" "  " "echo c"' 'b c'
    gives '$JS -n 1 echo ::: 1 <&-' 1
    gives '$JS -n 1 echo ::: $(true)' ''
    gives '$JS -n 1 echo ::: : -- x' '-- : x'
}

@test "template: values come from files, with columns and names" {
    printf '\xef\xbb\xbf1\r\n2\n' >a
    printf 'x\ny' >b
    printf 'n,m\n"1,5",p q\n' >c.csv
    printf '1; x\n2 ;y\n' >d
    gives '$JS -n 2 echo {1}{2} :::: a b' '1x 1y 2x 2y'
    gives '$JS -n 1 echo {1}{2} ::: 8 9 ::::+ b' '8x 9y'
    gives '$JS -n 1 --csv --header : echo {m} {n} :::: c.csv' 'p q 1,5'
    gives '$JS -n 1 --colsep ";" echo {2}{1} :::: d' 'x1 y2'
    gives 'seq 3 | $JS -n 1 echo {1}{2} ::: x y :::: -' 'x1 x2 x3 y1 y2 y3'
}

@test "template: a job finds its values in its environment" {
    gives '$JS -n 1 --header : '\''echo {1} "$JOBSCHED_ARG_1$JOBSCHED_ARG_2$JOBSCHED_ARG_f"'\'' ::: n 1 ::: f "a  b"' \
        '1 1a  ba  b'
    # What only the environment has is part of what identifies the job.
    local command='{ echo $JOBSCHED_ARG_1; } 2>{2}'
    launched "\$JS -n 1 --journal J '$command' ::: 1 2 ::: /dev/null"
    status_is 0
    launched "\$JS -n 1 --journal J '$command' ::: 2 3 ::: /dev/null"
    status_is 0
    equal "$(cat out)" 3
}

# bats test_tags=mpis
@test "template: under an mpirun of one's own" {
    farm 2 'echo {} $JOBSCHED_ARG_1' ::: 1 "a  b'c" 3
    status_is 0
    equal "$(sort out | xargs -d '\n')" "1 1 3 3 a  b'c a b'c"
    printf '%s\n' 1 2 | farm 1 'echo {1}{2}' :::: - ::: x y
    equal "$(sort out | xargs)" '1x 1y 2x 2y'
}

@test "template: any bytes reach the job as they are" {
    local value values=() n=0
    # shellcheck disable=SC1003 # it is a backslash
    for value in '' ' ' "'" '"' '\' '$HOME' '`id`' '$(id)' '*' '~' '!' '#' ';' \
        '&&' '{}' '{1}' $'a\nb' $'\n' $'\xff\x80' $'\t' '--x' '%s' "'\''"; do
        values+=("$value")
        n=$((n + 1))
        printf %s "$value" >"in.$n"
    done
    # shellcheck disable=SC2034 # for farm_run
    COMMAND=(env "JS_MARK=$MARK" timeout --kill-after=10 "$(limit)" "$JOBSCHED"
        -n 2 'printf %s {} >out.{#}; printf %s "{}" >double.{#}; printf %s'
        "'{}'" '>single.{#}' ::: "${values[@]}")
    farm_run
    status_is 0
    local i where
    for ((i = 1; i <= n; i++)); do
        for where in out double single; do
            claim cmp "in.$i" "$where.$i"
        done
    done
}

@test "template: jobs run before standard input ends" {
    mkfifo pipe
    exec 7<>pipe # so that neither end waits for the other
    launched_start '$JS -n 1 echo {1}{2} :::: - ::: x y <pipe'
    echo 1 >&7
    wait_until "$PATIENCE" has_lines out 2 '^1'
    echo 2 >&7
    wait_until "$PATIENCE" has_lines out 2 '^2'
    exec 7>&-
    farm_end
    status_is 0
    equal "$(xargs <out)" '1x 1y 2x 2y'
}

@test "template: a thousand million jobs begin at once, in constant memory" {
    launched '$JS --check true ::: $(seq 1000) ::: $(seq 1000) ::: $(seq 1000)'
    status_is 0
    equal "$(cat out)" 'command line: 1000000000 jobs'
    launched_start 'exec $JS -n 2 "echo {1} {2} {3} >>ran; :" ::: $(seq 1000) ::: $(seq 1000) ::: $(seq 1000)'
    wait_until "$PATIENCE" has_lines ran 300 '^1 1 '
    local before after master
    master=$(launched_rank 0)
    before=$(proc_status "$master" VmHWM)
    wait_until "$PATIENCE" has_lines ran 1500 '^1 '
    after=$(proc_status "$master" VmHWM)
    between "$after" "$before" "$((before + 512))"
    kill -USR1 "$(pgrep -x jobsched -P "$FARM")"
    farm_end
    status_is 3
    contains err '^jobsched: 1000000000 jobs: [0-9]+ done, 0 failed, 0 skipped, 99999[0-9]{4} left'
    contains err 'without a journal the same command starts over$'
    equal "$(echo ./*journal*)" './*journal*'
    # Each once, and from the front.
    equal "$(sort ran | uniq -d)" ''
    claim test "$(sort -n -k 1 -k 2 -k 3 ran | tail -n 1 | cut -d ' ' -f 1)" -le 2
}

@test "template: with a journal the same command goes on, and more values are new" {
    launched '$JS -n 1 --journal J "test {} != 2" ::: 1 2 3'
    status_is 1
    contains err '3 jobs: 2 done, 1 failed'
    launched '$JS -n 1 --journal J "test {} != 2" ::: 1 2 3 4'
    status_is 1
    contains err '2 jobs: 1 done, 1 failed'
    launched '$JS -n 1 --journal J --retry-failed "test {} != 2" ::: 1 2 3 4'
    status_is 1
    contains err '1 job: 0 done, 1 failed'
    run -0 "$JOBSCHED" --status --journal J
    claim grep -q '4 jobs: 3 done, 1 failed' <<<"$output"
    # The journal does not have the values.
    run -2 "$JOBSCHED" --explain 1=2 --journal J
    claim grep -q 'values are in the list, not in J; give the job' <<<"$output"
    # The format of the command line is not one for a list.
    launched '$JS -n 1 --journal J - <<<"echo listed"'
    status_is 0
    equal "$(cat out)" listed
    # A journal has as many ids as 32 bits have.
    launched '$JS --journal J true ::: $(seq 2000) ::: $(seq 2000) ::: $(seq 2000)'
    status_is 2
    contains err '^jobsched: command line: 8000000000 jobs are too many for a journal'
}

@test "template: without a journal, a run that breaks off is not started again" {
    launched_start 'exec $JS -n 1 "echo {} >>ran; $HOLD" ::: 1 2'
    wait_until "$PATIENCE" has_lines ran 1 .
    kill -KILL "$(launched_rank 0)"
    farm_end
    status_is 4
    contains err 'there is no journal, so the same command would start over'
    equal "$(cat ran)" 1
}

@test "template: with one, it continues, but not if values come through a pipe" {
    local start
    for start in '' 'seq 40 | '; do
        rm -f ran go J
        launched_start "$start\$JS -n 2 --journal J 'echo {} >>ran; test {} -lt 9 || { $HOLD; }' :::${start:+: -}$(
            [[ $start ]] || printf ' %s' $(seq 40))"
        wait_until "$PATIENCE" has_lines ran 10 .
        kill -KILL "$(launched_rank 0)"
        touch go
        farm_end
        if [[ $start ]]; then
            status_is 4
            contains err 'run the same command again to continue'
        else
            status_is 0
            equal "$(sort -nu ran | xargs)" "$(seq 40 | xargs)"
        fi
    done
}

@test "template: a dry run, and a warning about a second shell" {
    launched '$JS --dry-run echo {1} {2} ::: a b ::: "x y"'
    status_is 0
    contains out ": echo a 'x y'\$"
    contains out "^job 2: .*: echo b 'x y'\$"
    launched '$JS --check sh -c "'\''echo {}'\''" ::: 1 2'
    status_is 0
    contains out '^command line: 2 jobs$'
    contains err '^jobsched: command line: [(]1[)] warning: .* sh evaluates again'
}

@test "template: mistakes are found before anything runs" {
    printf '1,2\n3\n' >bad
    local command expected
    while IFS=@ read -r command expected; do
        launched "$command"
        status_is 2
        contains err "^jobsched: $expected"
        claim test ! -s out
    done <<'END'
$JS 'touch ran {3}' ::: 1 ::: 2@command line:1:11: [{]3[}]: the last value is [{]2[}]
$JS 'touch ran {n}' ::: 1 '{%}' :::: none@cannot read "none": No such file
$JS 'touch ran {%}' ::: 1@command line:1:11: [{]%[}] .*JOBSCHED_SLOT
$JS 'touch ran `{}`' ::: 1@command line:1:12: .*JOBSCHED_ARG_1
$JS --colsep , touch ran :::: bad@bad:2:1: this line has 1 column instead of 2
$JS --csv touch ran ::: '"a'@""a":1:1: this quote is not closed
$JS --colsep '\d' touch ran ::: a@the separator "\\d": a backslash
$JS touch ran :::: - <&-@cannot read standard input: Bad file descriptor
$JS touch ran :::: - </@cannot read standard input: Is a directory
$JS touch ran ::: 1 :::: - <&-@cannot read standard input: Bad file descriptor
$JS touch ran :::: - :::: - </dev/null@"-" is given twice
seq 2 | $JS ./touch {}@.*: jobsched ./touch [{][}] :::: -$
END
}
