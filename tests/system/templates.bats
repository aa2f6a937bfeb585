#!/usr/bin/env bats
# Templates in the job file: a line with for= is many jobs.

# What is quoted is for another shell.
# shellcheck disable=SC2016

load common

# The jobs of the issue: two steps for each of some files, and a last one.
make_pipeline() {
    mkdir -p data res
    touch data/a.fq data/b.fq
    cat >jobs.txt <<'JOBS'
[for=n:1..3 for=f:data/*.fq name=sim-{n}-{f/.} stdout=res/{n}.{f/.}.txt] echo sim {n} {f}
[for=n:1..3 for=f:data/*.fq name=post-{n}-{f/.} after=sim-{n}-{f/.}] cat res/{n}.{f/.}.txt; echo post {n} {f/}
[after=post-*] cat res/*.txt >merged
JOBS
}

# The same list, without templates.
make_written_out() {
    local n f
    for n in 1 2 3; do
        for f in a b; do
            echo "[name=sim-$n-$f stdout=res/$n.$f.txt] echo sim $n data/$f.fq"
        done
    done
    for n in 1 2 3; do
        for f in a b; do
            echo "[name=post-$n-$f after=sim-$n-$f] cat res/$n.$f.txt; echo post $n $f.fq"
        done
    done
    echo '[after=post-*] cat res/*.txt >merged'
}

# bats test_tags=sanitize
@test "templates: a job for each combination, with its own name, files and jobs to come after" {
    make_pipeline
    farm 2 jobs.txt
    status_is 0
    contains err '13 jobs: 13 done'
    equal "$(cat merged)" 'sim 1 data/a.fq
sim 1 data/b.fq
sim 2 data/a.fq
sim 2 data/b.fq
sim 3 data/a.fq
sim 3 data/b.fq'
    equal "$(grep -c '^post' out)" 6
}

@test "templates: one and the same list written out are the same jobs" {
    make_pipeline
    farm 2 jobs.txt
    status_is 0
    make_written_out >jobs.txt
    farm 2 jobs.txt
    status_is 0
    contains err '^jobsched: 13 done: 0 to run'
    make_pipeline
    farm 2 jobs.txt
    contains err '^jobsched: 13 done: 0 to run'
    rm jobs.txt.journal
    make_written_out >jobs.txt
    farm 2 jobs.txt
    make_pipeline
    farm 2 jobs.txt
    contains err '^jobsched: 13 done: 0 to run'
}

# Ten values, of which nine stay. FORM is the rest of the line.
check_moved_range() { # FORM
    echo "[for=n:1..10$1" >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(sort -n out | xargs)" "$(seq 10 | xargs)"
    echo "[for=n:2..11$1" >jobs.txt
    farm 2 jobs.txt
    status_is 0
    contains err '^jobsched: 9 done, 1 new, 1 gone: 1 to run$'
    equal "$(cat out)" 11
    rm jobs.txt.journal
}

@test "templates: a range that has moved by one has one new job" {
    check_moved_range '] echo {n}'
    check_moved_range '] echo "$JOBSCHED_ARG_n"'
    check_moved_range ' name=j{n} env=N={n}] echo "$N"'
}

@test "templates: a job finds its values, and every byte of them reaches the command" {
    printf '%s\n' "it's" '$HOME `id` "x"' '*' ' a  b ' >values
    echo '[for=v:@values for=i:1] printf "%s|" {v} "{v}" "$JOBSCHED_ARG_v" "$JOBSCHED_ARG_i" >"$JOBSCHED_JOB_ID"' >jobs.txt
    farm 2 jobs.txt
    status_is 0
    local line id=0
    while IFS= read -r line; do
        id=$((id + 1))
        equal "$(cat "$id")" "$line|$line|$line|1|"
    done <values
}

@test "templates: the values are read once, when the list is" {
    mkdir data
    touch data/a data/b
    echo '[for=f:data/*] touch {f}.new; echo {f}' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(sort out | xargs)" 'data/a data/b'
    # Another day there are other files, and other jobs.
    farm 1 jobs.txt
    status_is 0
    equal "$(sort out | xargs)" 'data/a.new data/b.new'
    contains err '^jobsched: 2 done, 2 new: 2 to run$'
}

@test "templates: in a stream" {
    printf '[for=n:1..3 for=w:a,b name={w}{n}] echo {n}{w}\necho last\n' >jobs.txt
    farm 2 - <jobs.txt
    status_is 0
    equal "$(sort out | xargs)" '1a 1b 2a 2b 3a 3b last'
    # Jobs are made as they are needed.
    echo '[for=n:1..4000000000] echo {n}; test {n} -lt 50' >jobs.txt
    farm 1 - --fail-fast <jobs.txt
    status_is 1
    contains out '^50$'
}

# ---------------------------------------------------------------- mistakes

@test "templates: each mistake is told where it is, and nothing has run" {
    cat >jobs.txt <<'JOBS'
[for=f:none/*] touch ran {f}
[for=n:1..4..-1] touch ran
[for=m:1G,lots mem={m}] touch ran {m}
[for=w:a+b,a-b,a@b name=x{w}] touch ran {w}
[for=n:1..2 after=nobody-{n}] touch ran
[for=n:1..2] echo `{n}`
touch ran
JOBS
    farm 2 jobs.txt
    status_is 2
    claim test ! -e ran
    contains err 'jobs.txt:1:8: no file matches "none/\*"$'
    contains err 'jobs.txt:2:8: the range "1..4..-1" has a step that leads away from its end$'
    contains err 'jobs.txt:3:20: \(m=lots\) mem=lots: must be a size such as 512M or 2G$'
    contains err 'jobs.txt:4:25: \(w=a@b\) name=xa_b: job [0-9]+ already has that name; the same name has w=a\+b$'
    contains err 'jobs.txt:5:19: \(n=1\) after=nobody-1: no job before this one has that name'
    contains err 'jobs.txt:5:19: \(n=2\) after=nobody-2: no job before this one has that name'
    contains err 'jobs.txt:6:20: \{n\} cannot be quoted within'
}

@test "templates: a name that is almost that of a loop is a warning" {
    echo '[for=sample:1..3] echo {samples} {sample}' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(grep -c 'jobs.txt:1:24: warning: {samples} is not replaced (did you mean {sample}?)' err)" 1
    contains out '^{samples} 3$'
}

@test "templates: a value in a text that another shell evaluates is a warning" {
    echo "[for=word:a,b] sh -c 'echo {word}'" >jobs.txt
    run -0 "$JOBSCHED" --check jobs.txt
    [[ $output == *"jobs.txt:1:28: warning: {word} is in a text that sh evaluates again"* ]]
    [[ $output == *"(sh -c '... \"\$1\"' _ {word}) or use \$JOBSCHED_ARG_word"* ]]
    # As it says.
    echo "[for=word:a,b] sh -c 'echo \"\$1\"' _ {word}" >jobs.txt
    run -0 "$JOBSCHED" --check jobs.txt
    [[ $output != *warning* ]]
}

# ---------------------------------------------------------------- looking

@test "templates: messages, --status, --explain and the joblog show the values" {
    need_programs jq
    echo '[for=n:1..3 for=w:a,b] echo {w}; test "$JOBSCHED_ARG_n" != 2 || test {w} = a' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    contains err 'job 4 \(line 1: n=2 w=b\) failed on '
    "$JOBSCHED" --status jobs.txt >told
    contains told '^  4  exit 1 .*  n=2 w=b  echo b;'
    "$JOBSCHED" --status jobs.txt --explain 'n=3' >told
    contains told '^job 5 \(jobs.txt:1: n=3 w=a\): done$'
    "$JOBSCHED" --status jobs.txt --explain 'n=2 w=b' --json >told
    equal "$(jq -c '.job | [.id, .args]' told)" '[4,{"n":"2","w":"b"}]'
    run -2 "$JOBSCHED" --status jobs.txt --explain 'n=7'
    [[ $output == *'has the value "n=7"'* ]]
    "$JOBSCHED" --report page.html jobs.txt
    contains page.html '"n=2 w=b"'
}
