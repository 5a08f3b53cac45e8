# mosquitto, which the test suite uses as well. shellcheck shell=bash
install() {
    need_package mosquitto /usr/sbin/mosquitto
}

version() {
    echo "mosquitto $(mosquitto -h | sed -n '1s/^mosquitto version //p')"
}

start() {
    ws_path=/
    mosquitto_passwd -b -c "$work/passwords" "$user" "$password"
    chmod 644 "$work/passwords"
    cat >"$work/mosquitto.conf" <<CONFIG
log_dest stderr
password_file $work/passwords
listener $tls 127.0.0.1
certfile $work/cert.pem
keyfile $work/key.pem
listener $ws 127.0.0.1
protocol websockets
listener $tcp 127.0.0.1
CONFIG
    run mosquitto -c "$work/mosquitto.conf"
}
