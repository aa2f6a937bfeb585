# What the README's first chapter promises of the tree itself.

load common

TREE=$BATS_TEST_DIRNAME/../..

@test "build: hostfiles/localhost lets three ranks run on any machine" {
    need_open_mpi_4
    make_tree localhost localhost
    printf 'echo %d\n' 1 2 >jobs.txt
    local command
    command=$(documented localhost mpirun)
    COMMAND=(env "JS_MARK=$MARK" timeout 60 sh -c "$command")
    farm_run
    status_is 0
    equal "$(sort out | xargs)" '1 2'
    contains err '2 jobs: 2 done, .*2 slots'
    # Without -np as many ranks as slots.
    # shellcheck disable=SC2034 # of farm_run
    COMMAND=(env "JS_MARK=$MARK" timeout 60
        sh -c "${command/ -np 3/} --fresh")
    farm_run
    status_is 0
    contains err '2 jobs: 2 done, .*2 slots'
}

# With the program and the library under test; nothing is built.
make_with() { # ARGUMENT...
    local program library
    program=$(realpath --relative-to="$TREE" "$JOBSCHED")
    library=$(realpath --relative-to="$TREE" \
        "${JS_HELPERS%/helpers}/libjobsched.a")
    env -i PATH="$PATH" HOME="$HOME" JS_MARK="$MARK" make -C "$TREE" \
        --no-print-directory JOBSCHED="$program" LIBRARY="$library" \
        -o "$program" -o "$library" "$@" >out 2>err 3>&-
}

# As root, too, whatever the caller has set for Open MPI.
@test "build: make run ARGS=... is a short demonstration" {
    make_with run ARGS='--jobs 4 --duration 0.1s'
    equal "$(grep -c '^Finished job: ' out)" 4
    contains err '4 jobs: 4 done, 0 failed, .*2 slots'
    nothing_left
}

@test "build: make install puts program, library and header below DESTDIR" {
    make_with install DESTDIR="$PWD/dest" PREFIX=/usr
    local want='644 usr/include/jobsched.h 644 usr/lib/libjobsched.a'
    want+=' 644 usr/lib/pkgconfig/jobsched.pc 755 usr/bin/jobsched'
    equal "$(cd dest && find . -type f -printf '%m %P\n' | sort | xargs)" "$want"
    cmp dest/usr/bin/jobsched "$JOBSCHED"
    cmp dest/usr/include/jobsched.h "$ROOT/include/jobsched.h"
    contains <(dest/usr/bin/jobsched --version) '^jobsched [0-9]'
    # What is there is enough to build a program with.
    local flags
    flags=$(grep -oE -- '-fsanitize=[^ ]*|--coverage' \
        "${JS_HELPERS%/helpers}/flags") || true
    # shellcheck disable=SC2046,SC2086
    $MPICC -std=c11 $flags "$ROOT/tests/system/helpers/embed/example.c" \
        $(PKG_CONFIG_PATH=$PWD/dest/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$PWD/dest \
            PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
            pkg-config --cflags --libs jobsched) -o example
}

@test "build: make deps on another system names the packages and stops" {
    mkdir bin
    find /usr/bin/ -maxdepth 1 ! -type d -exec ln -s -t bin {} +
    rm -f bin/apt-get bin/sudo
    run env PATH="$PWD/bin" make -C "$TREE" --no-print-directory deps \
        MPIRUN=no-such-program
    [[ $status -ne 0 ]]
    [[ $output == *"no apt-get"*openmpi-bin* ]]
}

# A tree of its own, so that the build folder is, too.
link_tree() {
    mkdir tree bin
    ln -s -t tree "$TREE"/{Makefile,src,include,tests}
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
