#!/usr/bin/env bats
# What "Where do I change" in src/README.md says of a new attribute and a new option, done: here
# both are how nice a job is.

load ../common

# Puts the text (standard input) in front of the first line that has this; the same with
# behind_line. An anchor that is gone is a change that this test has to follow.
in_front_of() { # FILE TEXT
    awk -v anchor="$2" -v new="$(cat)" '
        !is_done && index($0, anchor) { print new; is_done = 1 }
        { print }
        END { exit !is_done }' "$1" >changed || {
        echo "$1 has no line with: $2" >&2
        return 1
    }
    cp changed "$1"
}

behind_line() { # FILE TEXT
    awk -v anchor="$2" -v new="$(cat)" '
        { print }
        !is_done && index($0, anchor) { print new; is_done = 1 }
        END { exit !is_done }' "$1" >changed || {
        echo "$1 has no line with: $2" >&2
        return 1
    }
    cp changed "$1"
}

copy_tree() { # TO
    mkdir "$1"
    cp -r "$ROOT/Makefile" "$ROOT/include" "$ROOT/src" "$ROOT/tests" "$1"
}

# How many files below src/ and include/ are not the same in both.
files_between() { # TREE TREE
    {
        diff -rq "$1/src" "$2/src"
        diff -rq "$1/include" "$2/include"
    } | grep -c .
}

# The file of the runner that calls js_spawn().
runner_file() {
    grep -l '= js_spawn(&\|return js_spawn(&' src/runner/*.c
}

add_attribute() {
    sed -i "s/^    X('r', stderr_path)\$/& X('c', nice)/" src/list/attributes.h
    in_front_of src/list/attributes.c 'static int take_env(' <<'CODE'
static int take_nice(struct reader *reader, const struct row *row)
{
    uint64_t nice;
    if (js_parse_count(reader->value, &nice) < 0 || nice > (uint64_t)row->most)
        return refuse_value(reader, row, "must be a whole number from 0 to 19");
    return take_string(reader, row);
}

CODE
    behind_line src/list/attributes.c '{"stderr", ' <<'CODE'
    {"nice", take_nice, AT(nice), .most = 19},
CODE
    in_front_of src/cli/doc/jobsched.5.in '.It Cm dir Ns' <<'TEXT'
.It Cm nice Ns = Ns Ar N
How nice the job is, from 0 to 19.
TEXT
    sed -i 's/^    int rc = js_spawn(&spec, &start->pid, &start->failure);$/&\
    const char *nice = start->details->nice;\
    if (rc == 0 \&\& nice)\
        setpriority(PRIO_PROCESS, (id_t)start->pid, (int)strtol(nice, NULL, 10));/; 0,/^#include <errno.h>/s//#include <errno.h>\n#include <sys\/resource.h>/' "$(runner_file)"
}

add_option() {
    in_front_of include/jobsched.h 'bool allow_leftovers;' <<'CODE'
    uint32_t nice;
CODE
    behind_line src/cli/options.c '{.help = "Jobs that fail or hang:"}' <<'CODE'
    {"nice", "N", 0, JS_OF_RUN, "how nice jobs are", COUNT32(config.nice, 0, 19)},
CODE
    sed -i 's/^    X(bool, bind, true) /    X(uint32_t, nice, 0) X(bool, bind, true) /' src/list/settings.h
    sed -i 's/^    if (rc == 0 && nice)$/    if (rc == 0 \&\& !nice)\
        setpriority(PRIO_PROCESS, (id_t)start->pid,\
                    (int)config->settings.nice);\
&/' "$(runner_file)"
}

@test "adding: an attribute that the process gets touches four files, an option that reaches the runner four" {
    copy_tree before
    copy_tree attribute
    (cd attribute && add_attribute)
    cp -r attribute both
    (cd both && add_option)
    diff -ru before both >patch || equal $? 1 # they differ; 2 is trouble
    equal "$(files_between before attribute)" 4
    equal "$(files_between attribute both)" 4
    env -u JOBSCHED make -C both DEVELOPER=1 -j2 jobsched >out 2>err || {
        cat err
        false
    }
    # A job sees it as soon as it is set, which is after its start.
    cat >jobs.txt <<'JOBS'
until [ "$(nice)" -eq 3 ]; do sleep 0.05; done; echo three
[nice=7] until [ "$(nice)" -eq 7 ]; do sleep 0.05; done; echo seven
JOBS
    JOBSCHED=$PWD/both/jobsched farm 2 --nice 3 jobs.txt
    status_is 0
    equal "$(sort out | xargs)" 'seven three'
    both/jobsched --help >help
    contains help '--nice N'
    echo '[nice=20] true' >jobs.txt
    run ! both/jobsched --check jobs.txt
    [[ $output == *"nice=20: must be a whole number from 0 to 19"* ]]
}
