#!/usr/bin/env bats
# A program of one's own around the library.

load common

# Needs <jobsched.h> and libjobsched.a, and what these are built on.
build_example() {
    local build=${JS_HELPERS%/helpers}
    local flags
    # The library's own instrumentation, where it has one.
    flags=$(grep_any -oE -- '-fsanitize=[^ ]*|--coverage' "$build/flags")
    mkdir include
    cp "$ROOT/include/jobsched.h" include
    # shellcheck disable=SC2046,SC2086
    $MPICC -std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude $flags \
        "$ROOT/tests/system/helpers/embed/example.c" \
        "$build/libjobsched.a" $(pkg-config --libs hwloc zlib) -o example
    JOBSCHED=$PWD/example
}

# bats test_tags=mpis
@test "embed: a program runs jobs with the public header and the library" {
    build_example
    printf '%s\n' 'echo hello' 'exit 3' 'echo hello' >jobs.txt
    farm 2 jobs.txt
    status_is 1
    equal "$(grep -c '^hello' out)" 2
    contains report 'example: status 1, 2 done, 1 failed, 0 left, 2 slaves'
    contains report 'example: summary: 3 jobs: 2 done, 1 failed'
    # What is printed is the program's business, not the library's.
    lacks err 'jobsched: 3 jobs'
    equal "$(grep -c '^example: status' report)" 1
}

@test "embed: what cannot run comes back as a result" {
    build_example
    farm 2 nowhere.txt
    status_is 2
    contains report 'example: status 2, 0 done'
    contains report 'example: error: cannot read the job list nowhere\.txt.*No such file'
    # mpirun of Open MPI 5 comments on the status.
    [[ $MPI == 'Open MPI 5.'* ]] || equal "$(cat err)" ''
    lacks err 'nowhere'
    run -2 timeout "$PATIENCE" "$JOBSCHED" jobs.txt
    contains report 'example: error: .*mpirun -np'
}

@test "embed: the public header needs nothing else, in C and in C++" {
    local language
    for language in c c++; do
        echo '#include "jobsched.h"' | "${CC:-cc}" -x "$language" \
            -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -I"$ROOT/include" - || {
            [[ $language == c++ ]] && ! "${CC:-cc}" -x c++ -fsyntax-only \
                /dev/null 2>/dev/null
        }
    done
}
