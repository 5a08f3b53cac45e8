# The tests that every broker is put through. Each is a function that fails at
# the first command that does; what it prints is shown if it does.
# shellcheck shell=bash

rows=(qos0 qos1 qos2 large retained will session shared five websocket tls password versions)
columns=('QoS 0' 'QoS 1' 'QoS 2' '1 MB' retained will session shared 'MQTT 5' WebSocket TLS 'wrong password' versions)

# What every connection needs.
on=(-h 127.0.0.1 -u alice -P s3cret)

# Starts mqsub, and returns when its subscriptions have been answered. What it
# prints goes to $work/$1.
listen() {
    local out=$work/$1
    shift
    rm -f "$work/ready"
    mqsub "${on[@]}" -W 20 --ready-file "$work/ready" "$@" >"$out" &
    listener=$!
    while [ ! -e "$work/ready" ]; do
        kill -0 "$listener" 2>/dev/null || wait "$listener"
        sleep 0.02
    done
}

# The newest version of MQTT that the broker speaks, and where.
newest=()
use_newest() {
    case $versions in
        *mqttv5*) newest=(-p "$five" -V mqttv5) ;;
        *) newest=(-p "$tcp" -V mqttv311) ;;
    esac
}

# A thousand lines there and back, none lost, none twice, in order.
stream() {
    local qos=$1 topic=interop/stream$1
    listen heard -p "$tcp" -q "$qos" -t "$topic" -C 1000 -F '%q %p'
    seq 1000 | mqpub "${on[@]}" -p "$tcp" -W 20 -l -q "$qos" -t "$topic"
    wait "$listener"
    seq -f "$qos %.0f" 1000 | cmp - "$work/heard"
}

test_qos0() {
    # Brokers may drop messages at QoS 0 under load: one after the other.
    listen heard -p "$tcp" -t interop/plain -C 10
    seq 10 | mqpub "${on[@]}" -p "$tcp" -W 20 -l --rate 50/s -t interop/plain
    wait "$listener"
    seq 10 | cmp - "$work/heard"
}

test_qos1() {
    stream 1
}

test_qos2() {
    stream 2
}

test_large() {
    head -c 1000000 /dev/urandom >"$work/sent"
    listen heard -p "$tcp" -q 1 -t interop/large -C 1 -N
    mqpub "${on[@]}" -p "$tcp" -W 20 -q 1 -t interop/large -f "$work/sent"
    wait "$listener"
    cmp "$work/sent" "$work/heard"
}

test_retained() {
    mqpub "${on[@]}" -p "$tcp" -W 20 -q 1 -r -t interop/retained -m kept
    test "$(mqsub "${on[@]}" -p "$tcp" -W 10 -q 1 -t interop/retained --retained-only -C 1 -F '%t %r %p')" = 'interop/retained 1 kept'
    # An empty one deletes it.
    mqpub "${on[@]}" -p "$tcp" -W 20 -q 1 -r -t interop/retained -n
    local status=0
    mqsub "${on[@]}" -p "$tcp" -W 1 -q 1 -t interop/retained || status=$?
    test "$status" -eq 27
}

test_will() {
    listen heard -p "$tcp" -q 1 -t interop/will -C 2
    local will=(--will-topic interop/will --will-payload) publisher
    # None after a normal end.
    mqpub "${on[@]}" -p "$tcp" -W 20 "${will[@]}" normal -q 1 -t interop/other -m done
    mqpub "${on[@]}" -p "$tcp" -W 20 -q 1 -t interop/will -m between
    mkfifo "$work/pipe"
    mqpub "${on[@]}" -p "$tcp" "${will[@]}" killed -l -q 1 -t interop/will-ready <"$work/pipe" &
    publisher=$!
    exec 7>"$work/pipe"
    rm "$work/pipe"
    # It is connected once it has delivered something.
    mqsub "${on[@]}" -p "$tcp" -W 20 -q 1 -t interop/will-ready -C 1 --ready-file "$work/will-ready" &
    while [ ! -e "$work/will-ready" ]; do sleep 0.02; done
    echo here >&7
    wait $!
    kill -9 "$publisher"
    wait "$listener"
    printf 'between\nkilled\n' | cmp - "$work/heard"
}

test_session() {
    local id=(-p "$tcp" -i interop-session -c -q 1 -t interop/session)
    mqsub "${on[@]}" "${id[@]}" -W 20 -E
    seq 10 | mqpub "${on[@]}" -p "$tcp" -W 20 -l -q 1 -t interop/session
    mqsub "${on[@]}" "${id[@]}" -W 10 -C 10 | cmp - <(seq 10)
    # And ends it.
    mqsub "${on[@]}" -p "$tcp" -i interop-session -W 20 -q 1 -t interop/session -E
}

test_shared() {
    use_newest
    # shellcheck disable=SC2016 # not a variable
    local group=("${newest[@]}" -q 1 -t '$share/group/interop/jobs' --idle 3) first
    listen heard "${group[@]}"
    first=$listener
    listen heard2 "${group[@]}"
    seq 100 | mqpub "${on[@]}" "${newest[@]}" -W 20 -l -q 1 -t interop/jobs
    wait "$first"
    wait "$listener"
    sort -n "$work/heard" "$work/heard2" | cmp - <(seq 100)
    test -s "$work/heard"
    test -s "$work/heard2"
}

test_five() {
    listen heard -p "$five" -V mqttv5 -q 1 -t interop/five -C 1 --json
    mqpub "${on[@]}" -p "$five" -V mqttv5 -W 20 -q 1 -t interop/five -m x \
        -D publish content-type text/plain -D publish response-topic interop/answer \
        -D publish correlation-data 42 -D publish message-expiry-interval 100 \
        -D publish payload-format-indicator 1 \
        -D publish user-property a 1 -D publish user-property a 2
    wait "$listener"
    cat "$work/heard"
    jq -e '.properties | ."content-type" == "text/plain" and ."response-topic" == "interop/answer"
        and ."correlation-data" == "42" and ."payload-format-indicator" == 1
        and (."message-expiry-interval" | . > 90 and . <= 100)
        and ."user-property" == [["a", "1"], ["a", "2"]]' "$work/heard"
}

test_websocket() {
    local way=(-p "$ws" --ws --ws-path "$ws_path")
    listen heard "${way[@]}" -q 1 -t interop/websocket -C 100
    seq 100 | mqpub "${on[@]}" "${way[@]}" -W 20 -l -q 1 -t interop/websocket
    wait "$listener"
    seq 100 | cmp - "$work/heard"
}

test_tls() {
    local way=(-p "$tls" --cafile "$work/ca.pem") status=0
    listen heard "${way[@]}" -q 1 -t interop/tls -C 100
    seq 100 | mqpub "${on[@]}" "${way[@]}" -W 20 -l -q 1 -t interop/tls
    wait "$listener"
    seq 100 | cmp - "$work/heard"
    # The system does not trust this CA.
    mqpub "${on[@]}" -p "$tls" --tls-use-os-certs -t interop/tls -m x || status=$?
    test "$status" -eq 3
}

test_password() {
    local status=0
    mqpub -h 127.0.0.1 -p "$tcp" -W 20 -u alice -P wrong -q 1 -t interop/password -m x || status=$?
    test "$status" -eq 4
}

# Those that the broker speaks work; the others end with a word, and soon.
test_versions() {
    local try port status
    for try in mqttv31 mqttv311 mqttv5; do
        port=$tcp
        [ "$try" != mqttv5 ] || port=$five
        status=0
        mqpub "${on[@]}" -p "$port" -V "$try" --connect-timeout 3 -W 10 -q 1 -t interop/version -m "$try" || status=$?
        echo "$try: status $status"
        case " $versions " in
            *" $try "*) test "$status" -eq 0 ;;
            *) test "$status" -eq 3 || test "$status" -eq 4 ;;
        esac
    done
}
