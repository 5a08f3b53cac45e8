# RMQTT, in Rust. shellcheck shell=bash
install() {
    need_package protobuf-compiler /usr/bin/protoc
    need_crate rmqttd rmqttd
}

version() {
    echo "RMQTT $(sed -n 's/^"rmqttd \([0-9.]*\).*/\1/p' "$cache/cargo/.crates.toml")"
}

start() {
    mkdir "$work/plugins"
    cat >"$work/plugins/rmqtt-acl.toml" <<CONFIG
rules = [["allow", { user = "$user", password = "$password" }], ["deny", "all"]]
CONFIG
    echo 'storage.type = "ram"' >"$work/plugins/rmqtt-retainer.toml"
    cat >"$work/rmqtt.toml" <<CONFIG
node.id = 1
rpc.server_addr = "127.0.0.1:$(free_port)"
plugins.dir = "$work/plugins/"
plugins.default_startups = ["rmqtt-acl", "rmqtt-retainer", "rmqtt-shared-subscription"]
plugins.disabled_default_startups = ["rmqtt-http-api"]
log.to = "console"
listener.tcp.external.addr = "127.0.0.1:$tcp"
listener.ws.external.addr = "127.0.0.1:$ws"
listener.tls.external.addr = "127.0.0.1:$tls"
listener.tls.external.cert = "$work/cert.pem"
listener.tls.external.key = "$work/key.pem"
CONFIG
    run rmqttd -f "$work/rmqtt.toml"
}
