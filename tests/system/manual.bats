#!/usr/bin/env bats
# The manual and the completion say what the program does.

load common

# In ./doc: as they are installed; their text, without line breaks, in page.1,
# page.5 and page.7; what --help says, in help.
make_manual() {
    need_programs groff
    make_with docs
    "$JOBSCHED" --help >help
    local page
    for page in 1 5 7; do
        groff -mdoc -Tascii -P-cbou -rLL=2000n "doc/jobsched.$page" \
            >"page.$page"
    done
}

# "-n, --slaves N" and so on, from the lines of $1 that begin so.
option_lines() {
    sed -nE 's/^ *((-[A-Za-z], )?--[a-z-]+( [^ ]+)?)(  .*)?$/\1/p' "$1"
}

# The options as the help names them.
option_names() {
    option_lines help | grep -oE -- '(^| )-[^ ,]+' | tr -d ' '
}

# In small letters, one a line.
words() {
    tr 'A-Z' 'a-z' | tr -d '.:' | tr -s ' \n' '\n' | grep .
}

@test "manual: the pages are without a fault" {
    need_programs mandoc groff
    make_with docs
    local page
    for page in 1 5 7; do
        mandoc -T lint -W warning "doc/jobsched.$page" >lint || claim test -s lint
        equal "$(cat lint)" ''
        groff -ww -mdoc -Tutf8 "doc/jobsched.$page" >page 2>faults
        equal "$(cat faults)" ''
        claim test -s page
        # A word that is a macro is gone from a heading without a warning.
        groff -mdoc -Tascii -P-cbou -rLL=2000n "doc/jobsched.$page" >page
        sed -n 's/^[.]S[hs] //p' "doc/jobsched.$page" >headings
        claim test -s headings
        claim test -z "$(grep -vxFf <(sed 's/^ *//' page) headings)"
    done
}

@test "manual: man finds it where it is installed" {
    need_programs man
    make_with install PREFIX="$PWD/usr"
    MANWIDTH=80 man -M usr/share/man 1 jobsched >page 2>faults
    contains page '^EXIT STATUS$'
    MANWIDTH=80 man -M usr/share/man 5 jobsched >>page 2>>faults
    contains page '^GRAMMAR$'
    MANWIDTH=80 man -M usr/share/man 7 jobsched >>page 2>>faults
    contains page '^TROUBLESHOOTING$'
    equal "$(cat faults)" ''
    equal "$(tail -n 1 page | awk '{ print $1, $2 }')" \
        "$("$JOBSCHED" --version | head -n 1)"
}

@test "manual: the options are those of --help, in the same words" {
    make_manual
    sed -n '/^OPTIONS$/,/^SIGNALS$/p' page.1 >options
    claim test "$(option_lines help | wc -l)" -gt 30
    claim diff <(option_lines help) <(option_lines options)
    local first
    first=$(grep -m 1 '^[A-Z].*:$' help)
    claim diff \
        <(sed -n "/^$first\$/,/^Exit status/p" help | sed '$d' | words) \
        <(sed -n "/^ *${first%:}\$/,\$p" options | sed '$d' | words)
}

@test "manual: what its text and its examples use is there" {
    make_manual
    local word
    for word in $(grep -hoE 'Fl -[a-z-]+' "$ROOT"/src/cli/doc/*.[157].in |
        sed 's/Fl /-/' | sort -u); do
        case $word in
        --enable-recovery | --with-ft) continue ;; # mpirun's
        esac
        option_names | grep -qxF -- "$word" || {
            echo "not an option: $word"
            return 1
        }
    done
    # The commands that begin with the program, or lead to it.
    touch hosts jobs.txt
    echo "host slots=2" >hosts
    echo '[name=mesh] true' >jobs.txt
    farm 1 jobs.txt
    manual_shows 1 EXAMPLES | grep -v '^$' >commands
    claim test "$(grep -cE '(^|\| )jobsched ' commands)" -ge 6
    while read -r word; do
        [[ $word != sbatch* ]] || continue
        run -0 timeout "$PATIENCE" bash -c "jobsched() {
            \"\$JOBSCHED\" --show-mpirun \"\$@\"; }; $word"
    done <commands
}

@test "manual: the variables that a job finds are those that it lists" {
    env | sed 's/=.*//' | LC_ALL=C sort -u >before
    echo '[gpus=1] env' >jobs.txt
    farm 1 jobs.txt --gpus 1
    status_is 0
    tr -d '\r' <out | sed -n 's/^\([A-Za-z_]*\)=.*/\1/p' | LC_ALL=C sort -u |
        LC_ALL=C comm -13 before - | grep -E '^(JOBSCHED|OMP|CUDA|ROCR)_|_MCA_hwloc_' >set
    # The others need several hosts, Slurm, or a run around this one.
    claim diff set <(manual_variables 'Set for each job' | grep -vxE \
        'JOBSCHED_NODELIST|JOBSCHED_HOSTFILE|JOBSCHED_WITHIN|JOBSCHED_ARG_.*|(OMPI|PRTE)_MCA_ras|SLURM_OVERLAP|PWD')
}

# But for those by which a launcher tells a process what it is.
@test "manual: the variables that are read are those that it lists" {
    local name
    for name in $(grep -rhoE 'getenv\("[A-Z_]+"\)' "$ROOT/src" |
        grep -oE '[A-Z_]+' | grep -vE '^(SLURM|OMPI|PRTE|OPAL|PMIX?|MPIR?|HYD[A-Z]+)_'); do
        manual_variables Read | grep -qxF "$name" || {
            echo "read, and not in the manual: $name"
            return 1
        }
    done
    for name in $(manual_variables Read); do
        claim grep -rqw "$name" "$ROOT/src" "$ROOT/slurm" --include='*.c' \
            --include='*.sbatch'
    done
}

@test "manual: the attributes of a job are those that are known" {
    sed -n '/^static const struct row rows/,/^};/s/^    {"\([a-z-]*\)".*/\1/p' \
        "$ROOT/src/list/attributes.c" | sort >known
    claim test "$(wc -l <known)" -ge 15
    claim diff known <(sed -n 's/^[.]It Cm \([a-z-]*\) Ns = .*/\1/p' \
        "$ROOT/src/cli/doc/jobsched.5.in" | sort)
}

@test "manual: the formats of lists are those that are known" {
    run -2 "$JOBSCHED" --from none jobs.txt
    sed 's/.*the formats are: //; s/, /\n/g' <<<"$output" | sort >known
    claim grep -qx lines known
    claim diff known <(sed -n '/^[.]Sh LISTS OF/,/^[.]Sh EX/s/^[.]It Cm \([a-z-]*\)$/\1/p' \
        "$ROOT/src/cli/doc/jobsched.5.in" | sort)
}

@test "manual: the examples of a job file are without a mistake" {
    make_with docs
    manual_shows 5 EXAMPLES >jobs.txt
    {
        manual_shows 5 DESCRIPTION
        cat jobs.txt
    } >all.txt
    claim test "$(grep -c '' all.txt)" -ge 15
    # Not every machine has as much as they ask for.
    sed -E 's/(cores|mem|nodes)=[0-9]+G? ?//g; s/\[\] //' all.txt >list
    # It shows each attribute alone, too, with another job of the same name.
    awk '!/^\[name=/ || !seen[$1]++' list >jobs.txt
    mkdir data
    touch data/a.fq data/b.fq
    printf '1.5,left\n2.5,right\n' >doses.csv
    run -0 timeout "$PATIENCE" "$JOBSCHED" --check jobs.txt
}

# ----------------------------------------------------------------- the guide

# Runs what the guide shows under this heading, one line after the other, in a
# shell whose jobsched is the program under test. What the lines say is in `out`.
run_guide() { # HEADING
    manual_shows 7 "$1" >script
    claim test -s script
    grep -vE "${2:-^$}" script >left
    COMMAND=(env "JS_MARK=$MARK" timeout "$PATIENCE" bash -ec
        "jobsched() { \"$JOBSCHED\" \"\$@\"; }; . ./left")
    farm_run
    status_is 0
}

write_program() { # NAME LINE
    printf '#!/bin/sh\n%s\n' "$2" >"$1"
    chmod +x "$1"
}

# Each of the two ways comes to the same, names with blanks and quotes included.
@test "guide: for those who come from xargs" {
    write_program align 'echo "<$1>" >>aligned'
    touch a.fa 'b c.fa' "d'e.fa"
    run_guide xargs
    equal "$(sed 's|./||' aligned | sort | uniq -c | sed 's/^ *//')" \
        $'4 <a.fa>\n4 <b c.fa>\n4 <d\'e.fa>'
    claim test -s align.jobs.journal -a -s align.journal
}

@test "guide: for those who come from parallel" {
    write_program model 'echo "$2$4"'
    run_guide 'GNU parallel' '^parallel '
    equal "$(sort out | xargs)" '1x 1y 2x 2y'
    # The options that it names instead.
    sed -n '/^[.]Ss GNU parallel/,/^[.]Ss make/p' "$ROOT/src/cli/doc/jobsched.7.in" |
        sed -n '/^[.]It/{n;p}' | grep -oE -- '--[a-z-]+' | sort -u >named
    claim test "$(grep -c '' named)" -ge 6
    "$JOBSCHED" --help | grep -oE -- '--[a-z-]+' >options
    claim test -z "$(grep -vxFf options named)"
}

@test "guide: for those who come from make" {
    write_program prepare 'echo data'
    write_program model 'tr a-z A-Z; echo "$1"'
    manual_shows 7 make >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(xargs <all)" 'DATA left DATA right'
    touch data
    farm 2 jobs.txt
    contains err '4 done: 0 to run'
    sed -i 's/^\(\[name=left.*\)model/\1model  /' jobs.txt
    farm 2 jobs.txt
    contains err '2 to run'
}

@test "guide: for those who come from Slurm arrays" {
    printf '%s\n' '#!/bin/bash' '#SBATCH --array=1-3' \
        'echo "$SLURM_ARRAY_TASK_ID of ${BASH_VERSION:+bash}"' >array.sh
    run_guide 'Slurm arrays'
    equal "$(sort out)" $'1 of bash\n2 of bash\n3 of bash'
}

@test "guide: a loop over parameters or files" {
    write_program count 'echo "$1 of $2"'
    write_program table 'cat "$@"'
    mkdir data res
    touch data/a.fa data/b.fa
    printf 'alpha,beta\n1,"x y"\n2,z\n' >grid.csv
    manual_shows 7 'A loop over parameters or files' >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(xargs <table.txt)" '21 of data/a.fa 31 of data/a.fa 21 of data/b.fa 31 of data/b.fa'
    equal "$(sort out)" $'1 of x y\n2 of z'
    touch data/c.fa
    farm 2 jobs.txt
    status_is 0
    contains err '2 new'
    equal "$(grep -c '' table.txt)" 6
}

@test "guide: one job's output, and one job again" {
    printf '%s\n' '[name=one] echo one' '[name=mesh] echo mesh' \
        '[after=mesh] echo after' >jobs.txt
    run_guide "One job's output"
    equal "$(head -n 1 out)" mesh
    contains out '^job 2 "mesh" \(jobs.txt:2\): done$'
    claim test -s jobs.txt.journal
    run_guide 'One job again'
    contains err '2 to run'
    equal "$(sort out | xargs)" 'after mesh mesh'
}

@test "guide: an MPI program as a job of one host" {
    cp "$JS_HELPERS/mpi_hosts" mpi_program
    need_two_cores
    manual_shows 7 'MPI programs as jobs' | grep '^\[cores=' >jobs.txt
    claim test -s jobs.txt
    # shellcheck disable=SC2034 # of farm_run
    COMMAND=(env "JS_MARK=$MARK" timeout "$PATIENCE" "$JOBSCHED" jobs.txt)
    farm_run
    status_is 0
    equal "$(cut -d ' ' -f 1 out | xargs)" '0 1'
}

@test "guide: a run that goes on after its user has logged out" {
    echo "$HOLD; echo done >result" >jobs.txt
    manual_shows 7 'After you log out' >script
    equal "$(sed 's/ .*//' script)" $'nohup\njobsched'
    sed -n "1s|jobsched|$JOBSCHED|p" script >start
    echo 'echo $! >pid' >>start
    env "JS_MARK=$MARK" bash start
    wait_until "$PATIENCE" test -s jobs.txt.journal
    kill -HUP "$(cat pid)"
    touch go
    run -0 timeout "$PATIENCE" "$JOBSCHED" --watch jobs.txt
    wait_until "$PATIENCE" is_gone "$(cat pid)"
    equal "$(cat result)" 'done'
    contains run.log '1 job: 1 done'
}

# ---------------------------------------------------------------- completion

# What bash is told for the command line "$@", the last word being completed:
# the words in $completed, one a line, sorted; what else to look for, in $wanted.
complete_line() {
    local COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    wanted=
    compopt() {
        wanted="$*"
    }
    _jobsched jobsched "${COMP_WORDS[COMP_CWORD]}" \
        "${COMP_WORDS[COMP_CWORD - 1]}"
    unset -f compopt
    completed=$(printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort)
}

load_completion() {
    make_manual
    . doc/jobsched.bash
}

@test "completion: the options are those of --help" {
    load_completion
    equal "$(complete -p jobsched)" 'complete -F _jobsched jobsched'
    complete_line jobsched -
    equal "$completed" "$(option_names | LC_ALL=C sort)"
    equal "$wanted" ''
    complete_line jobsched --hostf
    equal "$completed" --hostfile
}

@test "completion: values, files and folders behind an option" {
    load_completion
    complete_line jobsched --bind ''
    equal "$completed" $'core\nnone'
    complete_line jobsched --bind = c
    equal "$completed" core
    complete_line jobsched --bind =
    equal "$completed" $'core\nnone'
    complete_line jobsched --round ''
    equal "$completed$wanted" ''
    complete_line jobsched --joblog jo
    equal "$completed" ''
    equal "$wanted" '-o default'
    complete_line jobsched -o n
    equal "$completed" none
    equal "$wanted" '-o plusdirs -o filenames'
    # The job file, also one whose name begins like an option.
    complete_line jobsched --barrier jo
    equal "$completed" ''
    equal "$wanted" '-o default'
    complete_line jobsched -- --
    equal "$completed" ''
    equal "$wanted" '-o default'
}

@test "completion: every value that is offered is taken" {
    load_completion
    local option value count=0
    for option in $(option_names); do
        complete_line jobsched "$option" ''
        for value in $completed; do
            count=$((count + 1))
            run -0 timeout "$PATIENCE" "$JOBSCHED" "$option" "$value" --help
        done
    done
    claim test "$count" -ge 5
}

@test "completion: in a shell with a terminal" {
    make_with docs
    mkdir folder
    touch jobs.txt hosts
    {
        echo 'PS1= PS2='
        echo 'jobsched() { printf "<%s>" "$@" >>called; echo >>called; }'
        echo '. doc/jobsched.bash'
        printf 'jobsched --hostf\t ho\t --bind=n\t -o fo\t jo\t\n'
        echo exit
    } >typed
    TERM=dumb INPUTRC=/dev/null script -qec 'bash --norc --noprofile -i' \
        /dev/null <typed >screen
    equal "$(cat called)" '<--hostfile><hosts><--bind=none><-o><folder/><jobs.txt>'
}
