# RabbitMQ with its MQTT plugins. shellcheck shell=bash
install() {
    need_package rabbitmq-server /usr/lib/rabbitmq/bin/rabbitmq-server
}

version() {
    # shellcheck disable=SC2016 # dpkg's own
    echo "RabbitMQ $(dpkg-query -W -f '${Version}' rabbitmq-server | sed 's/-.*//')"
}

start() {
    versions='mqttv31 mqttv311'
    limits='qos2: acknowledges a message at QoS 2 as if it were at QoS 1, and grants QoS 1 for 2
shared: no shared subscriptions
five: no MQTT 5'
    ws_path=/ws
    echo '[rabbitmq_mqtt,rabbitmq_web_mqtt].' >"$work/plugins"
    cat >"$work/rabbitmq.conf" <<CONFIG
listeners.tcp = none
default_user = $user
default_pass = $password
mqtt.allow_anonymous = false
mqtt.listeners.tcp.1 = 127.0.0.1:$tcp
mqtt.listeners.ssl.1 = 127.0.0.1:$tls
web_mqtt.tcp.ip = 127.0.0.1
web_mqtt.tcp.port = $ws
ssl_options.cacertfile = $work/ca.pem
ssl_options.certfile = $work/cert.pem
ssl_options.keyfile = $work/key.pem
ssl_options.verify = verify_none
log.console = true
CONFIG
    local epmd
    epmd=$(free_port)
    # A name server of its own: the usual one would go on running.
    # shellcheck disable=SC2016 # in the other shell
    run env HOME="$work" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME=interop@localhost RABBITMQ_DIST_PORT="$(free_port)" \
        RABBITMQ_MNESIA_BASE="$work/data" RABBITMQ_LOG_BASE="$work/logs" RABBITMQ_LOGS=- \
        RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$work/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$work/plugins" \
        sh -c 'epmd & exec /usr/lib/rabbitmq/bin/rabbitmq-server'
}
