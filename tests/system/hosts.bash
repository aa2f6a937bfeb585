# shellcheck shell=bash
# Hosts on one machine: each has its own network, host name, /dev/shm and
# folder for temporary files. They share the process ids, so that a test sees
# everything. Needs root.

# hosts_up N [LETTER]: HOSTS is their names, h1 h2 ...; stands until hosts_down.
hosts_up() {
    local letter=${2:-h}
    need_root "make hosts of network namespaces"
    command -v ip >/dev/null || skip "no ip here (iproute2) to make hosts with"
    HOSTS_DIR=$BATS_TEST_TMPDIR/hosts
    HOSTS_ID=$((BASHPID % 10000))
    BRIDGE=js$HOSTS_ID
    HOSTS=()
    mkdir -p "$HOSTS_DIR"
    ip link add "$BRIDGE" type bridge 2>"$HOSTS_DIR/err" ||
        skip "this machine makes no networks: $(cat "$HOSTS_DIR/err")"
    ip link set "$BRIDGE" up
    echo '127.0.0.1 localhost' >"$HOSTS_DIR/hosts"
    local i
    for ((i = 1; i <= $1; i++)); do
        HOSTS+=("$letter$i")
        echo "10.77.0.$((10 + i)) $letter$i" >>"$HOSTS_DIR/hosts"
    done
    for ((i = 1; i <= $1; i++)); do
        host_up "$i" "$letter$i"
    done
    write_rsh
}

# A process without end keeps the namespaces that are not the network's.
host_up() { # NUMBER NAME
    local ns=$BRIDGE-$1 veth=js${HOSTS_ID}v$1 name=$2
    ip netns add "$ns"
    ip link add "$veth" type veth peer name eth0 netns "$ns"
    ip link set "$veth" master "$BRIDGE" up
    ip -n "$ns" addr add "10.77.0.$((10 + $1))/24" dev eth0
    ip -n "$ns" link set lo up
    ip -n "$ns" link set eth0 up
    mkdir -p "$HOSTS_DIR/tmp.$name"
    ip netns exec "$ns" unshare --uts --mount --propagation private sh -c "
        hostname $name && mount -t tmpfs none /dev/shm &&
        mount --bind '$HOSTS_DIR/hosts' /etc/hosts && echo \$\$ >'$HOSTS_DIR/$name.pid'
        exec sleep infinity" </dev/null >/dev/null 2>&1 3>&- &
    disown # its end is no news
    wait_until "$PATIENCE" test -s "$HOSTS_DIR/$name.pid"
}

hosts_down() {
    local i
    [[ -n ${BRIDGE-} ]] || return 0
    for ((i = 1; i <= ${#HOSTS[@]}; i++)); do
        local pid=$HOSTS_DIR/${HOSTS[i - 1]}.pid
        [[ -s $pid ]] && kill -KILL "$(cat "$pid")"
        ip link del "js${HOSTS_ID}v$i"
        ip netns del "$BRIDGE-$i"
    done
    ip link del "$BRIDGE"
    BRIDGE=
}

# The program by which mpirun starts what it needs on a host: as ssh, with
# options, then the host, then a command for its shell. A host has all CPUs, or
# those in the file HOST.cpus.
write_rsh() {
    cat >"$HOSTS_DIR/rsh" <<RSH
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do shift; done
host=\$1
shift
command="\$*"
[ ! -s '$HOSTS_DIR'/"\$host".cpus ] ||
    set -- taskset -c "\$(cat '$HOSTS_DIR'/"\$host".cpus)" sh -c "\$command"
[ -s '$HOSTS_DIR'/"\$host".cpus ] || set -- sh -c "\$command"
exec nsenter -t "\$(cat '$HOSTS_DIR'/"\$host".pid)" --net --uts --mount \\
    --wd="\$PWD" env TMPDIR='$HOSTS_DIR'/tmp."\$host" "\$@"
RSH
    chmod +x "$HOSTS_DIR/rsh"
}

# on_host HOST COMMAND...: becomes COMMAND there.
on_host() {
    local host=$1
    shift
    # shellcheck disable=SC2034 # of farm_run_in_background
    COMMAND=(nsenter -t "$(cat "$HOSTS_DIR/$host.pid")" --net --uts --mount
        "--wd=$PWD" env "TMPDIR=$HOSTS_DIR/tmp.$host" "$@")
}

# As farm_command, with mpirun on h1: the master there, and SLOTS slaves on each
# host.
hosts_command() { # SLOTS ARGUMENT...
    local slots=$1 host option
    local -a places=("h1:$(($1 + 1))") options=()
    shift
    for host in "${HOSTS[@]:1}"; do places+=("$host:$slots"); done
    places_on "${places[@]}"
    reach_by "$HOSTS_DIR/rsh" 10.77.0.0/24
    # Those of one machine have another place.
    for option in "${LAUNCH[@]}"; do
        [[ $option == --map-by || $option == :OVERSUBSCRIBE ]] ||
            options+=("$option")
    done
    on_host h1 env "${REACH[@]}" "JS_MARK=$MARK" timeout --kill-after=10 \
        "$(limit)" "$MPIRUN" "${options[@]}" "${PLACES[@]}" \
        -np $((slots * ${#HOSTS[@]} + 1)) "$JOBSCHED" "$@"
}

# jobsched alone, on h1, with an agent that reaches the other hosts.
launch_on_hosts() { # ARGUMENT...
    reach_by "$HOSTS_DIR/rsh" 10.77.0.0/24
    on_host h1 env "JS_MARK=$MARK" "${REACH[@]}" \
        timeout --kill-after=10 "$(limit)" "$JOBSCHED" "$@"
}

# The link of a host goes down.
cut_off() { # HOST
    ip link set "js${HOSTS_ID}v${1#?}" down
}

is_on_host() { # PID HOST
    [[ $(readlink "/proc/$1/ns/uts") == \
        "$(readlink "/proc/$(cat "$HOSTS_DIR/$2.pid")/ns/uts")" ]]
}

# The processes of that name on a host.
named_on() { # NAME HOST
    local pid
    for pid in $(marked); do
        [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$1" ]] &&
            is_on_host "$pid" "$2" && echo "$pid"
    done
    return 0
}

# Those of the program that are ranks.
ranks_on() { # HOST
    named_on jobsched "$1"
}

# Open MPI's daemon, without which nobody there is reached.
orted_on() { # HOST
    named_on orted "$1"
    named_on prted "$1"
}
