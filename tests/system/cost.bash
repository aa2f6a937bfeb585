# shellcheck shell=bash
# Instructions of the master, counted.

# The count is of the master at work; it excludes reading the list, and the link
# that answers in place of the slaves.
dispatching() { # FILE
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect=js_master_run --toggle-collect=js_source_next \
        --toggle-collect=send_job --toggle-collect=post --toggle-collect=receive \
        --toggle-collect=wait_link "$JS_BENCH/lib_master" "$1" 2>counted
    awk '/Collected/ { print $NF }' counted
}

# Of so many jobs, each after the one a hundred lines above.
check_dependencies() { # JOBS
    need_programs valgrind
    local plain after
    seq "$1" | sed 's/.*/[name=j&] true/' >plain
    awk -F '[]j]' '$2 > 100 { sub("]", " after=j" $2 - 100 "]") } 1' plain \
        >after
    plain=$(dispatching plain)
    after=$(dispatching after)
    between "$plain" $(($1 * 1000)) $(($1 * 4000))
    between "$after" "$plain" $((plain + $1 * 300))
}
