# Aedes, in JavaScript. shellcheck shell=bash
install() {
    [ -x "$cache/aedes/node_modules/.bin/aedes" ] && return
    need_package npm /usr/bin/npm
    say "installing the npm package aedes-cli into $cache/aedes"
    npm install --silent --no-fund --no-audit --prefix "$cache/aedes" aedes-cli >&2 || die "aedes-cli cannot be installed"
}

version() {
    echo "Aedes $(sed -n 's/^[[:space:]]*"version": "\([0-9.]*\)".*/\1/p' "$cache/aedes/node_modules/aedes/package.json")"
}

start() {
    versions='mqttv31 mqttv311'
    ws_path=/
    limits='shared: no shared subscriptions
five: no MQTT 5'
    local aedes=$cache/aedes/node_modules/.bin/aedes
    (cd "$work" && "$aedes" --credentials users.json adduser "$user" "$password") >"$work/log" 2>&1
    run "$aedes" --host 127.0.0.1 --protos tcp tls ws --port "$tcp" --tls-port "$tls" --ws-port "$ws" \
        --key "$work/key.pem" --cert "$work/cert.pem" --no-reject-unauthorized \
        --credentials "$work/users.json" --verbose --no-pretty
}
