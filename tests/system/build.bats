# What README and manual promise of the tree itself.

load common

@test "build: hostfiles/localhost lets three ranks run on any machine" {
    need_open_mpi_4
    make_tree localhost localhost
    printf 'echo %d\n' 1 2 >jobs.txt
    local command
    command=$(documented localhost mpirun)
    COMMAND=(env "JS_MARK=$MARK" timeout "$PATIENCE" sh -c "$command")
    farm_run
    status_is 0
    equal "$(sort out | xargs)" '1 2'
    contains err '2 jobs: 2 done, .*2 slots'
    # Without -np as many ranks as slots.
    # shellcheck disable=SC2034 # of farm_run
    COMMAND=(env "JS_MARK=$MARK" timeout "$PATIENCE"
        sh -c "${command/ -np 3/} --fresh")
    farm_run
    status_is 0
    contains err '2 jobs: 2 done, .*2 slots'
}

# As root, too, whatever the caller has set for Open MPI.
@test "build: make run ARGS=... is a short demonstration" {
    make_with run ARGS='--jobs 4 --duration 0.1s'
    equal "$(grep -c '^Finished job: ' out)" 4
    contains err '4 jobs: 4 done, 0 failed, .*2 slots'
    nothing_left
}

# What make has installed below $1: MODE PATH of each file.
installed() {
    (cd "$1" && find . ! -type d -printf '%m %P\n' | LC_ALL=C sort -k 2)
}

@test "build: make install puts all there is below DESTDIR, whatever the umask" {
    (umask 077 && make_with install DESTDIR="$PWD/a stage" PREFIX="$PWD/usr")
    equal "$(installed "a stage$PWD/usr")" "755 bin/jobsched
644 include/jobsched.h
644 lib/libjobsched.a
644 lib/pkgconfig/jobsched.pc
644 share/bash-completion/completions/jobsched
644 share/doc/jobsched/LICENSE
644 share/doc/jobsched/README.md
644 share/jobsched/cluster.example
755 share/jobsched/jobsched.sbatch
644 share/jobsched/localhost
644 share/man/man1/jobsched.1
644 share/man/man5/jobsched.5
644 share/man/man7/jobsched.7"
    claim test ! -e usr
    equal "$(find 'a stage' ! -type d ! -path "a stage$PWD/usr/*")" ''
    equal "$(find "a stage$PWD/usr" -type d ! -perm -755)" ''
    cmp "a stage$PWD/usr/bin/jobsched" "$JOBSCHED"
    cmp "a stage$PWD/usr/include/jobsched.h" "$ROOT/include/jobsched.h"
    contains <("a stage$PWD/usr/bin/jobsched" --version) '^jobsched [0-9]'
}

@test "build: make install puts things where GNU's variables say" {
    make_with install DESTDIR="$PWD/stage" prefix=/opt/js libdir=/opt/js/lib64 \
        mandir=/man bindir=/programs includedir=/h datadir=/data docdir=/text \
        completiondir=/bash
    equal "$(installed stage | cut -d ' ' -f 2 | xargs)" "bash/jobsched \
data/jobsched/cluster.example data/jobsched/jobsched.sbatch \
data/jobsched/localhost h/jobsched.h man/man1/jobsched.1 man/man5/jobsched.5 \
man/man7/jobsched.7 opt/js/lib64/libjobsched.a opt/js/lib64/pkgconfig/jobsched.pc \
programs/jobsched text/LICENSE text/README.md"
    contains stage/opt/js/lib64/pkgconfig/jobsched.pc '^Libs: -L/opt/js/lib64 '
    contains stage/opt/js/lib64/pkgconfig/jobsched.pc '^Cflags: -I/h$'
}

@test "build: make uninstall leaves what is not its own, and nothing else" {
    make_with install DESTDIR="$PWD/stage" PREFIX=/usr
    make_with uninstall DESTDIR="$PWD/stage" PREFIX=/usr
    equal "$(installed stage)" ''
    equal "$(find stage -name '*jobsched*')" ''
    make_with install DESTDIR="$PWD/stage" PREFIX=/usr
    touch stage/usr/share/jobsched/hosts stage/usr/bin/other
    make_with uninstall DESTDIR="$PWD/stage" PREFIX=/usr
    make_with uninstall DESTDIR="$PWD/stage" PREFIX=/usr # there is nothing
    equal "$(cd stage && find . ! -type d | sort | xargs)" \
        './usr/bin/other ./usr/share/jobsched/hosts'
}

# Compiles $1 to $2 with what pkg-config knows below $3.
build_installed() {
    local flags
    flags=$(grep_any -oE -- '-fsanitize=[^ ]*|--coverage' \
        "${JS_HELPERS%/helpers}/flags")
    # shellcheck disable=SC2046,SC2086
    $MPICC -std=c11 $flags "$1" $(PKG_CONFIG_PATH=$3/lib/pkgconfig \
        pkg-config --cflags --libs jobsched) -o "$2"
}

@test "build: what is installed builds a program and runs, in its own prefix" {
    make_with install PREFIX="$PWD/usr"
    build_installed "$ROOT/tests/system/helpers/embed/example.c" example \
        "$PWD/usr"
    printf '%s\n' 'echo hello' 'echo hello' >jobs.txt
    JOBSCHED=$PWD/example
    farm 1 jobs.txt
    status_is 0
    contains report 'example: status 0, 2 done'
    # The batch script takes the program from PATH.
    PATH=$PWD/usr/bin:$PATH run -2 usr/share/jobsched/jobsched.sbatch jobs.txt
    [[ $output == *'not in a Slurm job'* ]]
}

@test "build: make deps on another system names the packages and stops" {
    mkdir bin
    find /usr/bin/ -maxdepth 1 ! -type d -exec ln -s -t bin {} +
    rm -f bin/apt-get bin/sudo
    run env PATH="$PWD/bin" make -C "$ROOT" --no-print-directory deps \
        MPIRUN=no-such-program
    [[ $status -ne 0 ]]
    [[ $output == *"no apt-get"*openmpi-bin* ]]
}

@test "build: make deps without the rights for it says what an administrator types" {
    mkdir bin
    printf '#!/bin/sh\nexit 1\n' | tee bin/apt-get >bin/sudo
    chmod +x bin/apt-get bin/sudo
    run env PATH="$PWD/bin:$PATH" make -C "$ROOT" --no-print-directory deps \
        MPIRUN=no-such-program
    [[ $status -ne 0 ]]
    [[ $output == *$'\n    apt-get update && apt-get install --yes --no-install-recommends openmpi-bin\n'* ]]
}

@test "build: without a compiler or MPI make says make deps, and nothing else" {
    link_tree
    run env PATH="$PATH" make -C tree -j2 --no-print-directory CC=no-such-cc \
        MPICC=no-such-mpicc
    [[ $status -ne 0 ]]
    equal "$(grep -c 'make: building needs .*(MPICC is no-such-mpicc; .* gcc .*libopenmpi-dev.*): make deps$' <<<"$output")" 1
    equal "$(grep -cE 'not found|No such file|  [A-Z]+ ' <<<"$output")" 0
}

# A tree of its own, so that the build folder is, too.
link_tree() {
    mkdir tree bin
    ln -s -t tree "$ROOT"/{Makefile,src,include,tests}
}

# A tree in which nothing is built: all that tests need are the scripts unit and
# bats.
make_check() { # ARGUMENT...
    touch -d 'next week' tree/{unit,js,lib}
    chmod +x tree/{unit,bats}
    status=0
    env -i PATH="$PATH" make -C tree --no-print-directory UNIT=./unit \
        JOBSCHED=js LIBRARY=lib LIB_OBJECTS= CLI_OBJECTS= UNIT_OBJECTS= \
        HELPERS= COST= BATS=./bats SYSTEM_FILES='one two three' \
        LONGEST= UNIT_SUITES='adding summing' PAGE_SUITE= \
        "$@" >out 2>err 3>&- || status=$?
}

# What bats leaves, a case for each file of tests.
write_bats() {
    cat >tree/bats <<'BATS'
#!/bin/sh
while [ "$1" != --output ]; do shift; done
case $2 in
*/one) echo 'ok 1 one: good'; echo 'not ok 2 one: bad'; false ;;
*/two) echo 'ok 1 two: x # skip no such thing here'; echo 'ok 2 two: y' ;;
*/three) echo 'ok 1 three: z # skip no such thing here'; kill -KILL $$ ;;
*/alone) echo 'ok 1 two: measured' ;;
esac >"$2/report.tap"
BATS
}

# Two suites, of which summing goes on with what this script says.
write_unit() { # LINE...
    printf '%s\n' '#!/bin/sh' 'echo "Suite: $1"' \
        'echo "  Test: one and one ...passed"' \
        'test "$1" = summing || exit 0' "$@" >tree/unit
}

@test "build: a failed unit test keeps no other from running, and all is said at the end" {
    link_tree
    write_bats
    write_unit 'echo "  Test: one and two ...FAILED"' 'exit 1'
    local jobs
    for jobs in -j1 -j4 CHECK_JOBS=1; do
        make_check $jobs check
        claim test "$status" -ne 0
        equal "$(sed -n '/^not installed/d; /^2 unit/,$p' out)" "\
2 unit tests and 3 system tests passed, 3 failed, 2 were skipped
skipped:
  2 of three, two: no such thing here
failed:
  unit tests, summing: one and two
  one: bad
  system tests, three: exit status 137"
        lacks err 'jobserver|warning: -j'
    done
}

@test "build: unit tests that break off, and a bats that is not there, are failures" {
    link_tree
    write_bats
    write_unit 'kill -SEGV $$'
    make_check check BATS=./none
    claim test "$status" -ne 0
    contains out '^2 unit tests and 0 system tests passed, 2 failed'
    contains out '^  unit tests, suite summing: exit status 139$'
    contains out '^  system tests: there is no ./none$'
    write_unit
    printf '%s\n' '#!/bin/sh' 'while [ "$1" != --output ]; do shift; done' \
        'echo "ok 1 a: b" >"$2/report.tap"' >tree/bats
    make_check check
    status_is 0
    contains out '^2 unit tests and 4 system tests passed, 0 failed, 0 were skipped$'
    # A suite or a file that is asked for by name.
    make_check check-unit-adding
    status_is 0
    contains out '^  Test: one and one \.\.\.passed'
    local name
    for name in check-unit-nothing check-system-nothing check-long-nothing; do
        make_check "$name"
        status_is 2
        contains err "No rule to make target '$name'"
    done
    # A tag that no test carries.
    echo '#!/bin/sh' >tree/bats
    make_check ONLY=no-such-tag check-system
    claim test "$status" -ne 0
    contains out '^no test was there to run'
}

# Each of these waits for the others.
@test "build: make check runs side by side by itself" {
    link_tree
    cat >tree/bats <<'BATS'
#!/bin/sh
while [ "$1" != --output ]; do shift; done
case $2 in *alone) test -e all; exit ;; esac
touch "at.${2##*/}"
until test -e at.one -a -e at.two -a -e at.three; do sleep 0.02; done
touch all
echo 'ok 1 a: b' >"$2/report.tap"
BATS
    write_unit
    make_check CHECK_JOBS=3 check
    status_is 0
    rm tree/at.* tree/all
    make_check CHECK_JOBS=3 -j1 check
    status_is 0
    rm tree/at.* tree/all
    make_check CHECK_JOBS=3 -j2 check
    status_is 0
}

@test "build: make help names every target that is for people" {
    run -0 make -C "$ROOT" --no-print-directory help
    local help=$output target
    for target in all check check-long check-loaded check-system check-unit \
        coverage deps deps-check lint install run valgrind; do
        claim grep -qE "^  $target +[^ ]" <<<"$help"
        claim grep -qE "^$target:" "$ROOT/Makefile"
    done
    equal "$(sed -n 's/^  \([a-z-]*\) .*/\1/p' <<<"$help" | while read -r target; do
        grep -qE "^$target:" "$ROOT/Makefile" || echo "$target"
    done)" ''
    contains <(echo "$help") '^  ONLY=TAG  '
}

@test "build: what the Makefile, .ci/run or a script of tests names is there" {
    run -0 "$ROOT/tests/lint/names.sh"
    # One thing after another is moved away.
    local gone
    mkdir tree
    cp -a "$ROOT"/{Makefile,src,include,tests,slurm,hostfiles,.ci} tree
    run -0 tree/tests/lint/names.sh
    for gone in src/base src/mpi src/cli/page tests/system/launcher.bash \
        tests/unit/test_wire.c tests/fuzz .ci; do
        mv "tree/$gone" gone
        run -1 tree/tests/lint/names.sh
        [[ $output == *"$gone"* || $output == *'there is no suite wire'* ]]
        mv gone "tree/$gone"
    done
    # Nor does make leave it out.
    mv tree/src/mpi gone
    run -2 make -C tree -n all
    [[ $output == *'nothing matches src/mpi/'* ]]
    mv gone tree/src/mpi
    run -2 make -C tree -n valgrind VALGRIND_SUITES='wire wires'
    [[ $output == *'VALGRIND_SUITES: there is no wires'* ]]
}

# Whatever ends it.
@test "build: what spins beside loaded tests ends with them" {
    local how
    for how in true TERM KILL; do
        rm -f began
        if [[ $how == true ]]; then
            SPINNING=3 JS_MARK=$MARK run -0 "$ROOT/tests/loaded" \
                sh -c 'test $JS_PATIENCE -gt 1'
        else
            SPINNING=3 JS_MARK=$MARK "$ROOT/tests/loaded" \
                sh -c 'echo $$ >began; exec sleep 1000' 3>&- &
            local pid=$!
            wait_until "$PATIENCE" test -s began
            equal "$(marked | wc -l)" 5
            kill "-$how" "$(cat began)" "$pid"
            wait "$pid" || true # its status is that of the signal
        fi
        nothing_left
    done
}

# nohup, a shell without job control and some parents turn signals off, for all
# below them.
@test "build: tests have the signals of a terminal wherever make was started" {
    run -0 env --ignore-signal=HUP,INT,QUIT,PIPE "$ROOT/tests/as-usual" \
        grep SigIgn /proc/self/status
    # Those of a shell's kill; two more belong to the C library.
    equal "$((0x${output#*$'\t'} & 0x7fffffff))" 0
    # What is to outlive the terminal does.
    run -0 env --ignore-signal=HUP "$ROOT/tests/as-usual" sh -c \
        'ps -o sid= -p $$ | xargs test $$ -eq'
    run -123 env --default-signal "$ROOT/tests/as-usual" sh -c \
        'ps -o sid= -p $$ | xargs test $$ -eq'
    run -7 env --ignore-signal=HUP "$ROOT/tests/as-usual" sh -c 'exit 7'
}

@test "build: make -j deps-fuzz fuzz installs before it compiles" {
    link_tree
    # What apt-get brings after a while: a compiler whose programs do nothing.
    cat >late-cc <<'COMPILER'
#!/bin/sh
while [ $# -gt 1 ]; do
    test "$1" != -o || echo '#!/bin/sh' | install -m 755 /dev/stdin "$2"
    shift
done
COMPILER
    cat >bin/apt-get <<APT
#!/bin/sh
test "\$1" = install || exit 0
sleep 0.5
install -m 755 '$PWD/late-cc' '$PWD/bin/late-cc'
APT
    chmod +x bin/apt-get
    printf '#!/bin/sh\nexec "$@"\n' >bin/sudo
    chmod +x bin/sudo
    run env PATH="$PWD/bin:$PATH" make -C tree -j4 --no-print-directory \
        deps-fuzz fuzz FUZZ_CC=late-cc FUZZ_TIME=0
    [[ $status -eq 0 ]]
    claim exists tree/build/fuzz/corpus/wire
}
