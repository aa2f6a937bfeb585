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
