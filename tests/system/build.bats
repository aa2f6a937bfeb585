# What the README's first chapter promises of the tree itself.

load common

TREE=$BATS_TEST_DIRNAME/../..

@test "build: hostfiles/localhost lets three ranks run on any machine" {
    COMMAND=(mpirun --hostfile "$TREE/hostfiles/localhost"
        -np 3 "$JOBSCHED" --jobs 4 --duration 0)
    run timeout 60 "${COMMAND[@]}"
    [[ $status -eq 0 ]]
    [[ $output == *"4 jobs: 4 done"*"2 slots"* ]]
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
