#!/usr/bin/env bats
# The README says what is.

load common

README=$BATS_TEST_DIRNAME/../../README.md

@test "readme: the options are those of --help" {
    "$JOBSCHED" --help >help
    sed -n '/^    \$ .\/jobsched --help$/,/^## /p' "$README" |
        sed -e 1d -e '/^## /d' -e 's/^    //' | sed -e '${/^$/d;}' >told
    claim diff told help
}

# The example with attributes runs as it stands, with scripts of these names.
@test "readme: the example of a job file" {
    sed -n '/^    #JOBSCHED /,/merge\.sh$/p' "$README" | sed 's/^    //' >jobs.txt
    equal "$(grep -c '' jobs.txt)" 7
    mkdir -p runs/2
    printf '#!/bin/sh\necho "$(basename "$0")$1 $JOBSCHED_JOB_NAME$LEVEL"\n' \
        >prepare.sh
    chmod +x prepare.sh
    cp prepare.sh mesh.sh
    cp prepare.sh solve.sh
    cp prepare.sh merge.sh
    cp solve.sh runs/2
    farm 2 jobs.txt
    if [[ $(cores_here) -lt 2 ]]; then
        status_is 2
        return
    fi
    status_is 0
    equal "$(sed 's/ *$//' out | sort)" $'mesh.sh mesh\nprepare.sh\nsolve.sh 2\nsolve.sh1'
    equal "$(sed 's/ *$//' result.txt)" merge.sh
    contains err '5 jobs: 5 done'
}
