# shellcheck shell=bash disable=SC2034
# What the files in brokers/ and the table share. Each broker's file defines
#
#   install   makes sure that it is there
#   version   prints its name and version
#   start     starts it with `run`, with the user "$user" and "$password"
#   limits    what it does not do: lines "ROW: WHY"
#
# and sets what of `defaults` is different. "$work" is a folder of its own, with
# ca.pem, cert.pem and key.pem in it.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/mqtools/interop

defaults() {
    user=alice
    password=s3cret
    # Of MQTT, as in -V.
    versions='mqttv31 mqttv311 mqttv5'
    tcp=$(free_port)
    tls=$(free_port)
    ws=$(free_port)
    ws_path=/mqtt
    # Where MQTT 5 is, if it has a port of its own.
    five=$tcp
    limits=
}

# A port that nobody listens on, below those that the kernel gives to clients.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# Debian's package $1, unless there is the file $2 of it.
need_package() {
    [ -e "$2" ] && return
    say "installing Debian's package $1"
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$1" >&2 ||
        die "$1 cannot be installed"
    # Some start a service, which nobody asked for.
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet --now "$1.service" || true
    fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The program $2 of the crate $1. It is built for being tried, not for speed.
need_crate() {
    PATH=$cache/cargo/bin:$PATH
    [ -x "$cache/cargo/bin/$2" ] && return
    say "building the crate $1 into $cache/cargo, which takes minutes"
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --root "$cache/cargo" "$1" >&2 || die "$1 cannot be built"
}

# PyPI's package $1 in an environment of its own.
need_python() {
    [ -d "$cache/$1/bin" ] && return
    say "installing the Python package $1 into $cache/$1"
    { python3 -m venv "$cache/$1" && "$cache/$1/bin/pip" install --quiet "$1"; } >&2 || {
        rm -rf "${cache:?}/$1"
        die "$1 cannot be installed"
    }
}

python_version() {
    "$cache/$1/bin/pip" list --format freeze 2>/dev/null | sed -n "s/^$1==//p"
}

# Runs the broker in the background, in a process group of its own.
run() {
    (cd "$work" && exec setsid "$@") >"$work/log" 2>&1 </dev/null &
    broker=$!
}

# A broker is there when it acknowledges a message: within a minute, and while it
# lives.
await_broker() {
    local until=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$until" ]; do
        ! mqpub "${on[@]}" -p "$tcp" -W 5 -q 1 -t interop/ready -m ready 2>"$work/row" || return 0
        kill -0 "$broker" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

stop_jobs() {
    local others
    others=$(jobs -pr | grep -vx "${broker:-none}" || true)
    # shellcheck disable=SC2086 # numbers
    [ -z "$others" ] || kill -9 $others 2>/dev/null || true
}

stop_broker() {
    [ -n "$broker" ] || return 0
    kill -- "-$broker" 2>/dev/null || true
    local try
    for ((try = 0; try < 50; try++)); do
        kill -0 -- "-$broker" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 -- "-$broker" 2>/dev/null || true
    wait "$broker" 2>/dev/null || true
    broker=
}
