# shellcheck shell=bash
# How each MPI is told the same things; all that the tests know of launchers.
# $MPIRUN starts a run, and MPI names its library as `jobsched --version` does.
# Needs $JOBSCHED.
#
#     PLAIN            N ranks on this machine, however many cores it has, and
#                      no more words than needed
#     LAUNCH           the same, and no pause before a rank is killed
#     BOUND            at most two ranks, each bound to a core
#     RECOVERING       a lost process does not end the others; none: no such MPI
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
    RECOVERING=(--enable-recovery)
    LAUNCHER_NAME=${MPIRUN##*/}
    RANK_PARENT=
    RANK_VARIABLE=OMPI_COMM_WORLD_RANK
    ;;
'Open MPI '*)
    PLAIN=(--map-by :OVERSUBSCRIBE --quiet)
    LAUNCH=("${PLAIN[@]}" --prtemca odls_base_sigkill_timeout 0)
    BOUND=(--quiet --bind-to core --host localhost:2)
    RECOVERING=(--with-ft ulfm)
    LAUNCHER_NAME=prterun
    RANK_PARENT=
    RANK_VARIABLE=OMPI_COMM_WORLD_RANK
    ;;
*)
    PLAIN=()
    LAUNCH=()
    BOUND=(-bind-to core)
    RECOVERING=()
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

# For what is about the options or the words of one launcher.
need_open_mpi_4() {
    [[ $MPI == 'Open MPI 4.'* ]] || skip "this is about Open MPI 4, here is $MPI"
}
