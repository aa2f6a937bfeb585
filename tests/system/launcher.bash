# shellcheck shell=bash
# How each MPI is told the same things; all that the tests know of launchers.
# $MPIRUN starts a run, and MPI names its library as `jobsched --version` does.
# Needs $JOBSCHED.
#
#     PLAIN            N ranks on this machine, however many cores it has, and
#                      no more words than needed
#     LAUNCH           the same, and no pause before a rank is killed
#     BOUND            at most two ranks, each bound to a core
#     TAGGING          in front of each line, the rank that has said it
#     RECOVERING       a lost process does not end the others; none: no such MPI
#     DRAINING         signals to the launcher that let end what runs
#     ENDING           ... that end it, and leave time to put that on record
#     LAUNCHER_NAME    what the kernel calls the launcher
#     RANK_PARENT      ... and the parent of a rank, if that is another
#     RANK_VARIABLE    in the environment of each rank, its number

: "${MPIRUN:=mpirun}"
: "${MPICC:=mpicc}"
: "${MPI:=$("$JOBSCHED" --version | sed -n 2p)}"
export MPIRUN MPICC MPI

# shellcheck disable=SC2034 # for the tests
case $MPI in
'Open MPI '[0-4].*)
    PLAIN=(--oversubscribe --quiet)
    LAUNCH=("${PLAIN[@]}" --mca odls_base_sigkill_timeout 0)
    BOUND=(--quiet --bind-to core --host localhost:2)
    TAGGING=(--tag-output)
    RECOVERING=(--enable-recovery)
    DRAINING=(USR1 USR2)
    ENDING=(TERM INT HUP)
    LAUNCHER_NAME=${MPIRUN##*/}
    RANK_PARENT=
    RANK_VARIABLE=OMPI_COMM_WORLD_RANK
    ;;
'Open MPI '*)
    PLAIN=(--map-by :OVERSUBSCRIBE)
    LAUNCH=("${PLAIN[@]}")
    BOUND=(--bind-to core --host localhost:2)
    TAGGING=(--tag-output)
    RECOVERING=(--with-ft ulfm)
    DRAINING=(USR1 USR2)
    ENDING=(ALRM)
    LAUNCHER_NAME=prterun
    RANK_PARENT=
    RANK_VARIABLE=OMPI_COMM_WORLD_RANK
    ;;
*)
    PLAIN=()
    LAUNCH=()
    BOUND=(-bind-to core)
    TAGGING=(-prepend-rank)
    RECOVERING=()
    DRAINING=(USR1)
    ENDING=(TERM INT ALRM)
    LAUNCHER_NAME=${MPIRUN##*/}
    RANK_PARENT=hydra_pmi_proxy
    RANK_VARIABLE=PMI_RANK
    ;;
esac

# From here on farms of this test go on without a process that is lost.
recovering() {
    [[ ${#RECOVERING[@]} -gt 0 ]] ||
        skip "with $MPI the loss of a process ends the run"
    LAUNCH+=("${RECOVERING[@]}")
}

# Claims it of $status; that of MPICH is 0 now and then.
says_that_one_was_lost() {
    # shellcheck disable=SC2154 # of farm_run
    [[ $MPI == MPICH* ]] || claim test "$status" -ne 0
}

# A rank that is stopped when all others have left: Open MPI 5 leaves it behind, and
# it ends when it is continued. The other launchers end it, perhaps before this.
wake_if_left() { # PID
    [[ -z $1 || $MPI != 'Open MPI 5.'* ]] || kill -CONT "$1" 2>/dev/null || true
}

# A regular expression for what TAGGING puts before the lines of a rank.
tag_of() { # RANK
    case $MPI in
    'Open MPI '[0-4].*) echo "\\[1,$1\\]<stdout>:" ;;
    'Open MPI '*) echo "\\[1,$1\\]<stdout>: " ;;
    *) echo "\\[$1\\] " ;;
    esac
}

# Open MPI 5.0.7 writes what of stdout has no newline at its end to stderr.
keeps_streams_apart() {
    [[ $MPI != 'Open MPI 5.'* ]]
}

# FILE less what the launcher says of a lost process: MPICH's says it on stdout.
said_by_jobs() {
    grep -vE '^(=.*|YOUR APPLICATION .*|This typically .*|Please see .*|)$' "$1"
}

# Sets REACH: what has to be in a launcher's environment so that it reaches
# other hosts by a program like ssh, and its ranks each other over one network.
reach_by() { # PROGRAM NETWORK
    case $MPI in
    'Open MPI '[0-4].*)
        REACH=("OMPI_MCA_plm_rsh_agent=$1" "OMPI_MCA_oob_tcp_if_include=$2"
            "OMPI_MCA_btl_tcp_if_include=$2")
        ;;
    'Open MPI '*)
        REACH=("PRTE_MCA_plm_ssh_agent=$1" "PRTE_MCA_prte_if_include=$2"
            "OMPI_MCA_btl_tcp_if_include=$2")
        ;;
    *)
        # shellcheck disable=SC2034 # for the tests
        REACH=(HYDRA_LAUNCHER=ssh "HYDRA_LAUNCHER_EXEC=$1")
        ;;
    esac
}

# Sets PLACES: the options by which there are that many ranks on each host, with
# a hostfile in the current folder where one is needed.
places_on() { # HOST:RANKS...
    local list
    list=$(IFS=, && echo "$*")
    case $MPI in
    'Open MPI '[0-4].*)
        printf '%s\n' "$@" | sed 's/:/ slots=/' >hostfile
        PLACES=(--hostfile hostfile)
        ;;
    'Open MPI '*) PLACES=(--map-by slot --host "$list") ;;
    *)
        # shellcheck disable=SC2034 # for the tests
        PLACES=(-hosts "$list")
        ;;
    esac
}

# The same in files, for an mpirun in a job as well: that of Open MPI 5 takes its
# own variables from what it starts.
reach_by_file() { # PROGRAM NETWORK
    [[ $MPI == 'Open MPI 5.'* ]] || return 0
    export HOME=$PWD/home
    mkdir -p "$HOME/.prte"
    printf '%s\n' "plm_ssh_agent = $1" "prte_if_include = $2" \
        >"$HOME/.prte/mca-params.conf"
}

# For what is about the options or the words of one launcher; or for what
# another cannot, and why not.
need_open_mpi_4() { # [WHY]
    [[ $MPI == 'Open MPI 4.'* ]] ||
        skip "${1:-this is about Open MPI 4}, here is $MPI"
}

# For what is about both of them.
need_open_mpi() {
    [[ $MPI == 'Open MPI '* ]] || skip "this is about Open MPI, here is $MPI"
}
