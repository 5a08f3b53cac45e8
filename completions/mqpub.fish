function __mqpub_property_of
    set -l words (commandline -opc)
    test (count $words) -gt 2; or return 1
    contains -- $words[-2] -D --property; and test $words[-1] = $argv[1]
end
complete -c mqpub -n '__mqpub_property_of connect' -f -a 'session-expiry-interval authentication-method authentication-data request-problem-information request-response-information receive-maximum topic-alias-maximum user-property maximum-packet-size'
complete -c mqpub -n '__mqpub_property_of publish' -f -a 'payload-format-indicator message-expiry-interval content-type response-topic correlation-data topic-alias user-property'
complete -c mqpub -n '__mqpub_property_of will' -f -a 'payload-format-indicator message-expiry-interval content-type response-topic correlation-data will-delay-interval user-property'
complete -c mqpub -n '__mqpub_property_of disconnect' -f -a 'session-expiry-interval reason-string user-property'
complete -c mqpub -n '__mqpub_property_of subscribe' -f -a 'subscription-identifier user-property'
complete -c mqpub -n '__mqpub_property_of unsubscribe' -f -a 'user-property'
complete -c mqpub -s t -l topic -d 'The topic to publish to; several times, each message goes to each topic' -r
complete -c mqpub -s m -l message -d 'The payload' -r
complete -c mqpub -s f -l file -d 'A file that is the payload, whole; - is stdin; several times, a message a file, in order' -r -F
complete -c mqpub -s q -l qos -d 'How surely: 0 at most once, 1 at least once, 2 exactly once' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqpub -l delimiter -d 'What ends a message on stdin, instead of a newline; \\0, \\t, \\n, \\r, \\\\ and \\xNN stand for bytes' -r -f -a "\\0\t''
\\t\t''
\\n\t''
\\r\\n\t''"
complete -c mqpub -l key-separator -d 'Each message on stdin follows its topic and this string; escapes as in --delimiter' -r -f -a "\\0\t''
\\t\t''
\\n\t''
\\r\\n\t''"
complete -c mqpub -l encode -d 'Make each payload of a text that stands for it: hex digits, base64, or the JSON of a cbor or msgpack value' -r -f -a "hex\t''
base64\t''
cbor\t''
msgpack\t''"
complete -c mqpub -l max-payload -d 'The longest payload to accept, such as 4096, 64k or 2M [default: 268435455 bytes]' -r
complete -c mqpub -l repeat -d 'Publish this many times' -r
complete -c mqpub -l repeat-delay -d 'Wait this long after each delivery before it is repeated [default: 0]' -r
complete -c mqpub -l every -d 'Repeat at this interval, counted from the first time' -r
complete -c mqpub -l rate -d 'Publish no faster than this: 50/s, 3/m, 1000/h, 1/10s; a bare number is for a second' -r
complete -c mqpub -s W -l timeout -d 'End after this time, counted from the start, with status 27' -r
complete -c mqpub -l speed -d 'How fast to play back: 1x, 2.5x, 0.5x, or max [default: 1x]' -r -f -a "1x\t''
2x\t''
10x\t''
max\t''"
complete -c mqpub -l loop -d 'Play back this many times; stdin must be a file' -r
complete -c mqpub -l topic-prefix -d 'Put this before the topic of each record' -r
complete -c mqpub -s e -l response-topic -d 'Have the replies come to this topic' -r
complete -c mqpub -l max-requests -d 'How many requests may wait for their replies at once [default: 100]' -r
complete -c mqpub -s C -l count -d 'Wait for this many replies to each request [default: 1]' -r
complete -c mqpub -l idle -d 'Wait no longer than this for the next reply to a request; without -C, take all that come until then' -r
complete -c mqpub -s F -l format -d 'Print each reply in this form: %t topic, %p payload, %j JSON and many more; see mqsub(1)' -r -f -a "%t %p\t''
%j\t''
%J\t''
@s.@N %t %x\t''"
complete -c mqpub -l retain-handling -d 'Take what the broker retains under the response topic for a reply: always, new or never; MQTT 5' -r -f -a "always\t''
new\t''
never\t''"
complete -c mqpub -l spool -d 'Keep each message in this folder until it is delivered, by this run or another' -r -f -a "(__fish_complete_directories)"
complete -c mqpub -l spool-sync -d 'When messages are forced to the disk: always (each by itself), batch (those read at once together), none (when the system likes) [default: batch]' -r -f -a "always\t''
batch\t''
none\t''"
complete -c mqpub -l spool-limit -d 'How much the spool may hold, such as 500k, 100M or 2G, or how long it keeps a message, such as 12h or 7d' -r
complete -c mqpub -l spool-full -d 'When the spool is full: refuse (a new message; a stream waits) or drop-oldest (and count them) [default: refuse]' -r -f -a "refuse\t''
drop-oldest\t''"
complete -c mqpub -l check-prefix -d 'The topic below which --check has its own [default: mqtools/check]' -r
complete -c mqpub -l check-wait -d 'How long --check waits for each answer of the broker [default: 5]' -r
complete -c mqpub -l warn -d 'With --nagios: a warning if it took longer to connect, to subscribe, and to get a message of each QoS back' -r
complete -c mqpub -l crit -d 'With --nagios: critical if that took longer' -r
complete -c mqpub -l connections -d 'How many connections --bench has, each in a process of its own [default: 1]' -r
complete -c mqpub -l for -d 'How long --bench publishes [default: 10]' -r
complete -c mqpub -l size -d 'How large the payloads of --bench are, at least 16 bytes [default: 64]' -r
complete -c mqpub -s h -l host -d 'The broker\'s host name or address, HOST:PORT, or several with commas [default: localhost]' -r -f -a "(__fish_print_hostnames)"
complete -c mqpub -s p -l port -d 'The broker\'s port [default: 1883, with TLS 8883]' -r -f -a "1883\t''
8883\t''"
complete -c mqpub -l unix -d 'Connect to the Unix-domain socket at this path' -r -F
complete -c mqpub -s A -l bind -d 'Connect from this local address' -r
complete -c mqpub -l proxy -d 'Go through a proxy: `socks5h|http://[USER[:PASSWORD]@]HOST[:PORT]`; none for none' -r -f -a "socks5h://\t''
http://\t''
none\t''"
complete -c mqpub -s L -l url -d 'Broker, credentials and topic in one: `mqtt[s]|ws[s]://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]`' -r -f -a "mqtt://\t''
mqtts://\t''
ws://\t''
wss://\t''"
complete -c mqpub -s i -l id -d 'The client identifier [default: the broker chooses one]' -r
complete -c mqpub -s I -l id-prefix -d 'A client identifier of this prefix and the number of the process' -r
complete -c mqpub -s u -l username -d 'The user name' -r -f -a "(__fish_complete_users)"
complete -c mqpub -s P -l pw -d 'The password; better in one of the ways below, which nobody else can see' -r
complete -c mqpub -l password-file -d 'A file whose first line is the password' -r -F
complete -c mqpub -l password-fd -d 'A file descriptor whose first line is the password, such as 3 of 3<FILE' -r
complete -c mqpub -l password-command -d 'A shell command that prints the password, such as \'pass show mqtt\'' -r -f -a "(__fish_complete_command)"
complete -c mqpub -s k -l keepalive -d 'The longest silence before the broker is asked whether it is there' -r
complete -c mqpub -s M -l max-inflight -d 'How many messages to send before the first of them is acknowledged [default: 100]' -r
complete -c mqpub -s V -l protocol-version -d 'The MQTT version: 5, 311 or 31' -r -f -a "5\t''
311\t''
31\t''"
complete -c mqpub -l connect-timeout -d 'How long a connection may take to come about' -r
complete -c mqpub -l retry-for -d 'Keep trying to connect for this long, the first connection included [default: not at all before the first connection, for ever after it]' -r
complete -c mqpub -l ws-path -d 'The path of the WebSocket request' -r
complete -c mqpub -l ws-header -d 'A header of the WebSocket request; may be given several times' -r
complete -c mqpub -s D -l property -d 'A property of the packet COMMAND; turns MQTT 5 on; may be given several times' -r -f -a "connect\t''
publish\t''
will\t''
disconnect\t''
subscribe\t''
unsubscribe\t''"
complete -c mqpub -s x -l session-expiry-interval -d 'After which time without a connection the broker forgets the session, or never; turns MQTT 5 on' -r
complete -c mqpub -l will-topic -d 'The topic of the will' -r
complete -c mqpub -l will-payload -d 'The payload of the will [default: empty]' -r
complete -c mqpub -l will-payload-file -d 'A file that is the payload of the will, at most 65535 bytes' -r -F
complete -c mqpub -l will-qos -d 'How surely the broker publishes the will: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqpub -l cafile -d 'Trust the certificates in this PEM file; turns TLS on' -r -F
complete -c mqpub -l capath -d 'Trust the certificates in this directory (c_rehash); turns TLS on' -r -f -a "(__fish_complete_directories)"
complete -c mqpub -l crlfile -d 'Refuse the certificates that the revocation list in this PEM file has' -r -F
complete -c mqpub -l pin-sha256 -d 'Let only a broker in whose certificate, or public key, has this SHA-256; turns TLS on' -r
complete -c mqpub -l cert -d 'Our certificate, PEM; turns TLS on' -r -F
complete -c mqpub -l key -d 'The private key of our certificate, PEM' -r -F
complete -c mqpub -l key-passphrase-file -d 'The file whose first line is the passphrase of our private key' -r -F
complete -c mqpub -l keyform -d 'Where our private key is: pem, a file (engines are refused)' -r -f -a "pem\t''"
complete -c mqpub -l psk -d 'The pre-shared key, in hexadecimal; turns TLS on, version 1.2' -r
complete -c mqpub -l psk-identity -d 'The name that the broker knows the pre-shared key by' -r
complete -c mqpub -l tls-version -d 'The TLS version: tlsv1.2 is 1.2 and above, tlsv1.3 only that' -r -f -a "tlsv1.2\t''
tlsv1.3\t''"
complete -c mqpub -l ciphers -d 'The ciphers to allow, as OpenSSL names them, with colons between' -r
complete -c mqpub -l tls-alpn -d 'Ask for this protocol in the handshake; may be given several times, the favourite first' -r -f -a "mqtt\t''"
complete -c mqpub -l tls-keylog -d 'Append the secrets of each connection to this file, to decrypt a capture with' -r -F
complete -c mqpub -l tls-engine -d 'The OpenSSL engine that has our private key (refused: engines are not supported)' -r
complete -c mqpub -l tls-engine-kpass-sha1 -d 'The SHA-1 of the engine\'s password (refused: engines are not supported)' -r
complete -c mqpub -s o -l options -d 'Take options from this file too, as if they stood before the others' -r -F
complete -c mqpub -l config -d 'A file of profiles [default: ~/.config/mqtools/config.toml]' -r -F
complete -c mqpub -l profile -d 'Take the options of this profile too' -r
complete -c mqpub -s l -l stdin-line -d 'Each line of stdin is a message'
complete -c mqpub -s s -l stdin-file -d 'All of stdin is the payload'
complete -c mqpub -s n -l null-message -d 'An empty payload'
complete -c mqpub -s r -l retain -d 'Let the broker keep the message for later subscribers'
complete -c mqpub -s 0 -l nul -d 'A NUL ends each message on stdin'
complete -c mqpub -l framed -d 'Each message on stdin follows its length, four bytes, big end first'
complete -c mqpub -l json -d 'Each line of stdin is a record as mqsub --json writes them; -t, -q and -r are for what it does not say'
complete -c mqpub -l template -d 'The topics of -t and the text of -m have variables, such as `{counter}`'
complete -c mqpub -l keep-going -d 'Go on after a message that is refused or a record that is wrong; count them'
complete -c mqpub -l replay -d 'Publish the records of --json as far apart as their times are'
complete -c mqpub -l request -d 'Each message is a request: wait for the reply to it, and print that; MQTT 5, unless -V is given'
complete -c mqpub -s v -l verbose -d 'Print the topic before each reply'
complete -c mqpub -l pretty -d 'Print what %j and %J stand for with a member a line, behind tabs'
complete -c mqpub -s N -l no-newline -d 'Print no newline after each reply'
complete -c mqpub -l reply-json -d 'Print each reply as a JSON object on a line of its own, with the number of its request and the latency'
complete -c mqpub -l latency -d 'Tell at the end how long the replies took: least, median, 99th percentile and most; so does --stats'
complete -c mqpub -s R -l no-retained -d 'Take no retained message for a reply; it is so unless --retain-handling is given'
complete -c mqpub -l retain-as-published -d 'Keep the retain flag that a reply was published with; MQTT 5'
complete -c mqpub -l tee -d 'Pass each record of a stream on to stdout, as it was read, once it is delivered'
complete -c mqpub -l stats -d 'Tell at the end how many messages were delivered, in which time'
complete -c mqpub -l progress -d 'Show the progress on stderr, in one line'
complete -c mqpub -l spool-required-delivery -d 'End with status 5 when a message could only be queued'
complete -c mqpub -l spool-drain -d 'Deliver what is in the spool, and nothing else'
complete -c mqpub -l spool-status -d 'Print how many messages are in the spool, their size and the oldest one\'s age; with --json as JSON'
complete -c mqpub -l check -d 'Try the broker out: subscribe, publish and get back at each QoS, retained and will included; tell how long each step took'
complete -c mqpub -l nagios -d 'With --check: one line with figures, and the status that monitors expect of a plugin: 0, 1, 2 or 3'
complete -c mqpub -l bench -d 'Measure the broker: publish to a topic of chance, take it all back, and print as JSON how much, how fast, and what was lost'
complete -c mqpub -l ipv4 -d 'Use only IPv4 addresses'
complete -c mqpub -l ipv6 -d 'Use only IPv6 addresses'
complete -c mqpub -s S -l srv -d 'Take HOST for a domain, and ask the DNS (SRV) where its brokers are'
complete -c mqpub -s c -l disable-clean-session -d 'Take up the session that the broker has kept, and let it keep this one'
complete -c mqpub -l ask-password -d 'Ask for the password on the terminal'
complete -c mqpub -l no-reconnect -d 'End when the connection is lost'
complete -c mqpub -l nodelay -d 'Send small packets at once (always so)'
complete -c mqpub -l ws -d 'Speak MQTT inside WebSocket'
complete -c mqpub -l will-retain -d 'Let the broker keep the will for later subscribers'
complete -c mqpub -l tls-use-os-certs -d 'Trust the system\'s certificates; turns TLS on'
complete -c mqpub -l insecure -d 'Verify neither the broker\'s certificate nor its name'
complete -c mqpub -l no-tls -d 'Use no TLS, whatever else is said'
complete -c mqpub -l print-config -d 'Print each option that has a value, and where that is from; then end'
complete -c mqpub -l dry-run -d 'Say what would be done, and whether it would be accepted; then end'
complete -c mqpub -s d -l debug -d 'Tell on stderr what happens'
complete -c mqpub -l quiet -d 'Print no errors; the exit status tells'
complete -c mqpub -l help -d 'Print this help'
complete -c mqpub -l version -d 'Print the version'
