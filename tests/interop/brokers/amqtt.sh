# aMQTT, in Python. shellcheck shell=bash
install() {
    need_python amqtt
}

version() {
    echo "aMQTT $(python_version amqtt)"
}

start() {
    versions='mqttv311'
    limits='shared: no shared subscriptions
five: no MQTT 5, a CONNECT of which it never answers'
    ws_path=/
    printf '%s:%s\n' "$user" "$(openssl passwd -6 "$password")" >"$work/passwords"
    cat >"$work/amqtt.yaml" <<CONFIG
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:$tcp
  tls:
    type: tcp
    bind: 127.0.0.1:$tls
    ssl: true
    certfile: $work/cert.pem
    keyfile: $work/key.pem
  ws:
    type: ws
    bind: 127.0.0.1:$ws
plugins:
  amqtt.plugins.authentication.FileAuthPlugin:
    password_file: $work/passwords
CONFIG
    run "$cache/amqtt/bin/amqtt" -c "$work/amqtt.yaml"
}
