#!/bin/sh
# Looks through every shell script and bats file of the project.
set -eu

scripts() {
    find .ci slurm tests -type f ! -name '*.bats' | LC_ALL=C sort |
        while read -r file; do
            ! head -n 1 "$file" | grep -qaE '^#!.*\b(ba)?sh\b' ||
                printf '%s\n' "$file"
        done
}

scripts | xargs shellcheck
# Its options are filled in later.
shellcheck --exclude=SC2190 src/cli/doc/jobsched.bash.in

# Tests are subshells under `set -e` (so a failing cd ends them), quote what a
# job is to expand, use functions without their optional arguments, and
# files that are named like commands.
find tests \( -name '*.bats' -o -name '*.bash' \) | LC_ALL=C sort |
    xargs -r shellcheck --severity=warning \
        --exclude=SC1007,SC2119,SC2120,SC2164,SC2238
