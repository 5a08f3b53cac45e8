# ejabberd with mod_mqtt. shellcheck shell=bash
install() {
    need_package ejabberd /usr/sbin/ejabberdctl
}

version() {
    # shellcheck disable=SC2016 # dpkg's own
    echo "ejabberd $(dpkg-query -W -f '${Version}' ejabberd | sed 's/-.*//')"
}

start() {
    versions='mqttv311 mqttv5'
    limits='shared: no shared subscriptions'
    cat "$work/cert.pem" "$work/key.pem" >"$work/both.pem"
    cat >"$work/ejabberd.yml" <<CONFIG
hosts: [localhost]
loglevel: info
certfiles: [$work/both.pem]
auth_method: external
extauth_program: "$work/passwords"
listen:
  - { port: $tls, ip: "127.0.0.1", module: mod_mqtt, tls: true }
  - { port: $ws, ip: "127.0.0.1", module: ejabberd_http, request_handlers: { /mqtt: mod_mqtt } }
  - { port: $tcp, ip: "127.0.0.1", module: mod_mqtt }
modules:
  mod_mqtt: {}
CONFIG
    # Two bytes of length, then OPERATION:USER:HOST:PASSWORD; the answer has a
    # length of two, too, and is 1 or 0.
    cat >"$work/passwords" <<PROGRAM
#!/usr/bin/env python3
import sys
while head := sys.stdin.buffer.read(2):
    words = sys.stdin.buffer.read(int.from_bytes(head, "big")).decode().split(":")
    good = words[1] == "$user" and (words[0] == "isuser" or words[3:] == ["$password"])
    sys.stdout.buffer.write(bytes([0, 2, 0, good]))
    sys.stdout.buffer.flush()
PROGRAM
    chmod 755 "$work/passwords"
    # The program itself: its ejabberdctl wants to be another user. Without a
    # port for other nodes it needs no name server.
    run env HOME="$work" EJABBERD_CONFIG_PATH="$work/ejabberd.yml" EJABBERD_LOG_PATH="$work/ejabberd.log" \
        ERL_LIBS="/usr/lib/$(uname -m)-linux-gnu" \
        erl -noinput -mnesia dir "\"$work/data\"" -s ejabberd
}
