function __mqsub_property_of
    set -l words (commandline -opc)
    test (count $words) -gt 2; or return 1
    contains -- $words[-2] -D --property; and test $words[-1] = $argv[1]
end
complete -c mqsub -n '__mqsub_property_of connect' -f -a 'session-expiry-interval authentication-method authentication-data request-problem-information request-response-information receive-maximum topic-alias-maximum user-property maximum-packet-size'
complete -c mqsub -n '__mqsub_property_of publish' -f -a 'payload-format-indicator message-expiry-interval content-type response-topic correlation-data topic-alias user-property'
complete -c mqsub -n '__mqsub_property_of will' -f -a 'payload-format-indicator message-expiry-interval content-type response-topic correlation-data will-delay-interval user-property'
complete -c mqsub -n '__mqsub_property_of disconnect' -f -a 'session-expiry-interval reason-string user-property'
complete -c mqsub -n '__mqsub_property_of subscribe' -f -a 'subscription-identifier user-property'
complete -c mqsub -n '__mqsub_property_of unsubscribe' -f -a 'user-property'
complete -c mqsub -s t -l topic -d 'A topic filter to subscribe to; may be given several times' -r
complete -c mqsub -s q -l qos -d 'The highest level to receive with: 0, 1 or 2' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqsub -l filter -d 'A topic filter with options of its own, such as `qos=1,no-local:home/#`; may be given several times' -r
complete -c mqsub -l share -d 'Share the messages with all others of this group: each goes to one of them' -r
complete -c mqsub -s U -l unsubscribe -d 'End the subscription to this filter, which the broker has kept; may be given several times' -r
complete -c mqsub -l retain-handling -d 'When the broker sends what it retains: always, new or never; MQTT 5' -r -f -a "always\t''
new\t''
never\t''"
complete -c mqsub -s T -l filter-out -d 'Leave out messages whose topic matches this filter; may be given several times' -r
complete -c mqsub -l random-filter -d 'Print this percentage of the messages, chosen at random; -C counts all of them' -r
complete -c mqsub -s F -l format -d 'Print each message in this form: %t topic, %p payload, %j JSON and many more; see mqsub(1)' -r -f -a "%t %p\t''
%j\t''
%J\t''
@s.@N %t %x\t''"
complete -c mqsub -l decode -d 'Print each payload as a text that stands for it: hex digits, base64, or JSON for a cbor or msgpack value' -r -f -a "hex\t''
base64\t''
cbor\t''
msgpack\t''"
complete -c mqsub -l delimiter -d 'What to print after each message, instead of a newline; \\0, \\t, \\n, \\r, \\\\ and \\xNN stand for bytes' -r -f -a "\\0\t''
\\t\t''
\\n\t''
\\r\\n\t''"
complete -c mqsub -l output-dir -d 'Write each message to a file of its own below this folder, which is made if need be' -r -f -a "(__fish_complete_directories)"
complete -c mqsub -l exec -d 'Run this program for each message, without a shell; must be the last option' -r -f -a "(__fish_complete_command)"
complete -c mqsub -l exec-jobs -d 'How many commands of --exec may run at a time, each for another topic [default: 1]' -r
complete -c mqsub -l exec-timeout -d 'End a command of --exec, and all that it has started, that takes longer; it has failed then' -r
complete -c mqsub -l exec-failure -d 'What the failure of a command of --exec does: stop or count [default: stop]' -r -f -a "stop\t''
count\t''"
complete -c mqsub -l reply-topic -d 'Where --reply publishes if a message has no response topic; with variables as in --exec' -r
complete -c mqsub -s C -l count -d 'End after this many messages' -r
complete -c mqsub -s W -l timeout -d 'End after this time, counted from the start, with status 27' -r
complete -c mqsub -l idle -d 'End when no message has come for this time since the subscription or the last one' -r
complete -c mqsub -l ready-file -d 'Make this empty file when every subscription has been acknowledged' -r -F
complete -c mqsub -l ready-fd -d 'Write a newline to this file descriptor when every subscription has been acknowledged' -r
complete -c mqsub -l on-ready -d 'Run this command by sh once, when every subscription has been acknowledged' -r -f -a "(__fish_complete_command)"
complete -c mqsub -s h -l host -d 'The broker\'s host name or address, HOST:PORT, or several with commas [default: localhost]' -r -f -a "(__fish_print_hostnames)"
complete -c mqsub -s p -l port -d 'The broker\'s port [default: 1883, with TLS 8883]' -r -f -a "1883\t''
8883\t''"
complete -c mqsub -l unix -d 'Connect to the Unix-domain socket at this path' -r -F
complete -c mqsub -s A -l bind -d 'Connect from this local address' -r
complete -c mqsub -l proxy -d 'Go through a proxy: `socks5h|http://[USER[:PASSWORD]@]HOST[:PORT]`; none for none' -r -f -a "socks5h://\t''
http://\t''
none\t''"
complete -c mqsub -s L -l url -d 'Broker, credentials and topic in one: `mqtt[s]|ws[s]://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]`' -r -f -a "mqtt://\t''
mqtts://\t''
ws://\t''
wss://\t''"
complete -c mqsub -s i -l id -d 'The client identifier [default: the broker chooses one]' -r
complete -c mqsub -s I -l id-prefix -d 'A client identifier of this prefix and the number of the process' -r
complete -c mqsub -s u -l username -d 'The user name' -r -f -a "(__fish_complete_users)"
complete -c mqsub -s P -l pw -d 'The password; better in one of the ways below, which nobody else can see' -r
complete -c mqsub -l password-file -d 'A file whose first line is the password' -r -F
complete -c mqsub -l password-fd -d 'A file descriptor whose first line is the password, such as 3 of 3<FILE' -r
complete -c mqsub -l password-command -d 'A shell command that prints the password, such as \'pass show mqtt\'' -r -f -a "(__fish_complete_command)"
complete -c mqsub -s k -l keepalive -d 'The longest silence before the broker is asked whether it is there' -r
complete -c mqsub -s M -l max-inflight -d 'How many messages to send before the first of them is acknowledged [default: 100]' -r
complete -c mqsub -s V -l protocol-version -d 'The MQTT version: 5, 311 or 31' -r -f -a "5\t''
311\t''
31\t''"
complete -c mqsub -l connect-timeout -d 'How long a connection may take to come about' -r
complete -c mqsub -l retry-for -d 'Keep trying to connect for this long, the first connection included [default: not at all before the first connection, for ever after it]' -r
complete -c mqsub -l ws-path -d 'The path of the WebSocket request' -r
complete -c mqsub -l ws-header -d 'A header of the WebSocket request; may be given several times' -r
complete -c mqsub -s D -l property -d 'A property of the packet COMMAND; turns MQTT 5 on; may be given several times' -r -f -a "connect\t''
publish\t''
will\t''
disconnect\t''
subscribe\t''
unsubscribe\t''"
complete -c mqsub -s x -l session-expiry-interval -d 'After which time without a connection the broker forgets the session, or never; turns MQTT 5 on' -r
complete -c mqsub -l will-topic -d 'The topic of the will' -r
complete -c mqsub -l will-payload -d 'The payload of the will [default: empty]' -r
complete -c mqsub -l will-payload-file -d 'A file that is the payload of the will, at most 65535 bytes' -r -F
complete -c mqsub -l will-qos -d 'How surely the broker publishes the will: 0, 1 or 2 [default: 0]' -r -f -a "0\t''
1\t''
2\t''"
complete -c mqsub -l cafile -d 'Trust the certificates in this PEM file; turns TLS on' -r -F
complete -c mqsub -l capath -d 'Trust the certificates in this directory (c_rehash); turns TLS on' -r -f -a "(__fish_complete_directories)"
complete -c mqsub -l crlfile -d 'Refuse the certificates that the revocation list in this PEM file has' -r -F
complete -c mqsub -l pin-sha256 -d 'Let only a broker in whose certificate, or public key, has this SHA-256; turns TLS on' -r
complete -c mqsub -l cert -d 'Our certificate, PEM; turns TLS on' -r -F
complete -c mqsub -l key -d 'The private key of our certificate, PEM' -r -F
complete -c mqsub -l key-passphrase-file -d 'The file whose first line is the passphrase of our private key' -r -F
complete -c mqsub -l keyform -d 'Where our private key is: pem, a file (engines are refused)' -r -f -a "pem\t''"
complete -c mqsub -l psk -d 'The pre-shared key, in hexadecimal; turns TLS on, version 1.2' -r
complete -c mqsub -l psk-identity -d 'The name that the broker knows the pre-shared key by' -r
complete -c mqsub -l tls-version -d 'The TLS version: tlsv1.2 is 1.2 and above, tlsv1.3 only that' -r -f -a "tlsv1.2\t''
tlsv1.3\t''"
complete -c mqsub -l ciphers -d 'The ciphers to allow, as OpenSSL names them, with colons between' -r
complete -c mqsub -l tls-alpn -d 'Ask for this protocol in the handshake; may be given several times, the favourite first' -r -f -a "mqtt\t''"
complete -c mqsub -l tls-keylog -d 'Append the secrets of each connection to this file, to decrypt a capture with' -r -F
complete -c mqsub -l tls-engine -d 'The OpenSSL engine that has our private key (refused: engines are not supported)' -r
complete -c mqsub -l tls-engine-kpass-sha1 -d 'The SHA-1 of the engine\'s password (refused: engines are not supported)' -r
complete -c mqsub -s o -l options -d 'Take options from this file too, as if they stood before the others' -r -F
complete -c mqsub -l config -d 'A file of profiles [default: ~/.config/mqtools/config.toml]' -r -F
complete -c mqsub -l profile -d 'Take the options of this profile too' -r
complete -c mqsub -l retain-as-published -d 'Keep the retain flag that a message was published with; MQTT 5'
complete -c mqsub -s R -l no-retained -d 'Leave out messages that were retained'
complete -c mqsub -l retained-only -d 'Take only messages that were retained, and end with the first other one'
complete -c mqsub -l remove-retained -d 'Delete from the broker each retained message that comes, but not those that -T leaves out'
complete -c mqsub -s v -l verbose -d 'Print the topic before each payload'
complete -c mqsub -l pretty -d 'Print what %j and %J stand for with a member a line, behind tabs'
complete -c mqsub -l json -d 'Print each message as a JSON object on a line of its own'
complete -c mqsub -l parse-json -d 'With --json: a payload that is JSON is also there as JSON, under the key value'
complete -c mqsub -s N -l no-newline -d 'Print no newline after each message'
complete -c mqsub -s 0 -l nul -d 'Print a NUL after each message'
complete -c mqsub -l framed -d 'Print the length of each message before it, four bytes, big end first'
complete -c mqsub -l message-rate -d 'Print each second how many messages have come, and not the messages'
complete -c mqsub -s w -l watch -d 'Show a table of the topics on the terminal, with the last value of each; q ends it'
complete -c mqsub -l reply -d 'Publish what a command of --exec writes to its stdout as the answer to its message'
complete -c mqsub -l reply-errors -d 'With --reply: answer as well if the command failed, with the user property exec-failure; MQTT 5'
complete -c mqsub -l until-retained -d 'End when every message has come that was retained, also if no other one comes'
complete -c mqsub -s E -l subscribe-only -d 'End when the broker has answered the subscriptions; print nothing'
complete -c mqsub -l ipv4 -d 'Use only IPv4 addresses'
complete -c mqsub -l ipv6 -d 'Use only IPv6 addresses'
complete -c mqsub -s S -l srv -d 'Take HOST for a domain, and ask the DNS (SRV) where its brokers are'
complete -c mqsub -s c -l disable-clean-session -d 'Take up the session that the broker has kept, and let it keep this one'
complete -c mqsub -l ask-password -d 'Ask for the password on the terminal'
complete -c mqsub -l no-reconnect -d 'End when the connection is lost'
complete -c mqsub -l nodelay -d 'Send small packets at once (always so)'
complete -c mqsub -l ws -d 'Speak MQTT inside WebSocket'
complete -c mqsub -l will-retain -d 'Let the broker keep the will for later subscribers'
complete -c mqsub -l tls-use-os-certs -d 'Trust the system\'s certificates; turns TLS on'
complete -c mqsub -l insecure -d 'Verify neither the broker\'s certificate nor its name'
complete -c mqsub -l no-tls -d 'Use no TLS, whatever else is said'
complete -c mqsub -l print-config -d 'Print each option that has a value, and where that is from; then end'
complete -c mqsub -l dry-run -d 'Say what would be done, and whether it would be accepted; then end'
complete -c mqsub -s d -l debug -d 'Tell on stderr what happens'
complete -c mqsub -l quiet -d 'Print no errors; the exit status tells'
complete -c mqsub -l help -d 'Print this help'
complete -c mqsub -l version -d 'Print the version'
