#!/usr/bin/env bats
# The README is a front page, and what it shows works.

load common

README=$ROOT/README.md

# The commands that it shows and that begin so, less their comments.
readme_commands() { # BEGIN
    sed -nE "s/^    (\\$ )?($1.*)\$/\\2/p" "$README" | sed 's/  *#.*//'
}

@test "readme: it has one page, and the manual has the rest" {
    claim test "$(wc -l <"$README")" -le 250
    # Every option is in the manual: see manual.bats.
    local page
    for page in 1 5 7; do
        contains "$README" "man $page jobsched"
    done
}

@test "readme: the options and the files that it names are there" {
    "$JOBSCHED" --help | grep -oE -- '(^| )--[a-z-]+' | tr -d ' ' | sort -u >options
    local word
    for word in $(grep -E 'jobsched|`--' "$README" | grep -oE -- '(^|[ `])--[a-z-]+' |
        tr -d ' `' | sort -u); do
        case $word in
        --cflags | --libs | --exclusive) continue ;; # of pkg-config, sbatch
        esac
        grep -qxF -- "$word" options || {
            echo "not an option: $word"
            return 1
        }
    done
    for word in $(grep -oE '(^|[` (])(src|tests|include|slurm|hostfiles)/[A-Za-z0-9_./]+' \
        "$README" | tr -d ' `(' | sort -u); do
        [[ $word != hostfiles/cluster ]] || continue # the user's own
        claim test -e "$ROOT/$word"
    done
    sed -n '/^\.PHONY/,/[^\\]$/p' "$ROOT/Makefile" | tr -s ' \t\\' '\n' >targets
    for word in $(grep -oE '(`|^    (\$ )?|&& )make [a-z][a-z -]*' "$README" |
        sed 's/.*make //'); do
        grep -qxF "$word" targets || {
            echo "not a target of make: $word"
            return 1
        }
    done
}

# As far as mpirun: what that runs is the manual's commands, which are run by
# build.bats, hosts.bats and slurm.bats.
@test "readme: the commands that it shows work" {
    echo '[name=mesh] true' >jobs.txt
    mkdir hostfiles
    echo 'host slots=2' >hostfiles/cluster
    farm 1 jobs.txt
    ln -s "$JOBSCHED" jobsched
    {
        readme_commands '\.\/jobsched '
        readme_commands 'seq '
    } >commands
    claim test "$(grep -c '' commands)" -ge 10
    local line
    while read -r line; do
        [[ $line == *:::* ]] || line=${line/.\/jobsched /./jobsched --show-mpirun }
        run -0 timeout "$PATIENCE" bash -c "$line"
    done <commands
    for line in HOSTS SLURM; do
        manual_shows 7 "$line"
    done >shown
    # This one is in slurm.bats as it stands.
    echo 'sbatch slurm/jobsched.sbatch jobs.txt' >>shown
    {
        readme_commands mpirun
        readme_commands sbatch
    } | sed 's|\./jobsched|jobsched|' >commands
    claim test "$(grep -c '' commands)" -ge 3
    claim test -z "$(grep -vxFf shown commands)"
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

@test "readme: the example of a template" {
    sed -n '/^    \[for=/,/^$/s/^    //p' "$README" >jobs.txt
    equal "$(grep -c '' jobs.txt)" 2
    mkdir data
    touch data/a.fq data/b.fq
    printf '#!/bin/sh\necho "$*"\n' >sim
    printf '#!/bin/sh\necho collected\n' >collect.sh
    chmod +x sim collect.sh
    farm 2 jobs.txt
    status_is 0
    equal "$(sort -n -k 2 out | sed -n '2p;$p')" $'--n 1 data/a.fq\n--n 10 data/b.fq'
    contains err '21 jobs: 21 done'
}

# ------------------------------------------------- the map of the source

@test "map: the folders, files and names in src/README.md are there" {
    local map=$ROOT/src/README.md word
    claim test "$(grep -c '' "$map")" -ge 150
    while read -r word; do
        for word in "${word/.\[ch\]/.c}" "${word/.\[ch\]/.h}"; do
            [[ $word == build/* || -e $ROOT/src/$word ]] ||
                claim test -e "$ROOT/$word"
        done
    done < <(grep -oE '`[a-z]+/[A-Za-z0-9_./]+(\[ch\])?' "$map" | tr -d '`')
    for word in $(grep -oE '\b(js_[a-z_]+|JS_[A-Z_]+)\b|`[a-z_]+\(\)' "$map" |
        tr -d '`()' | sort -u); do
        grep -rqw --include='*.[ch]' -- "$word" "$ROOT/src" || {
            echo "not in the source: $word"
            return 1
        }
    done
    # The folders, in the order of the map, are those that there are.
    claim diff <(cd "$ROOT/src" && printf '%s\n' */ | tr -d / | sort) \
        <(sed -n 's/^    base < list < /base list /p' "$map" | tr -s ' <|' '\n' | sort)
}
