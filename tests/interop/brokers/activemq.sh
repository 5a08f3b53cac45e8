# ActiveMQ (Classic), in Java. Debian's package lacks its WebSocket.
# shellcheck shell=bash
install() {
    need_package activemq /usr/share/activemq/bin/activemq.jar
    need_package libmqtt-client-java /usr/share/java/mqtt-client.jar
    command -v java >/dev/null || need_package default-jre-headless /usr/bin/java
}

version() {
    # shellcheck disable=SC2016 # dpkg's own
    echo "ActiveMQ $(dpkg-query -W -f '${Version}' activemq | sed 's/+.*//')"
}

start() {
    versions='mqttv31 mqttv311'
    limits="shared: no shared subscriptions
five: no MQTT 5
websocket: not in Debian's package"
    mkdir -p "$work/lib"
    ln -s /usr/share/java/{mqtt-client,hawtdispatch,hawtdispatch-transport}.jar "$work/lib"
    openssl pkcs12 -export -in "$work/cert.pem" -inkey "$work/key.pem" -passout "pass:$password" -out "$work/keys.p12"
    cat >"$work/activemq.xml" <<CONFIG
<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" useJmx="false" persistent="false" brokerName="interop"
      dataDirectory="$work/data">
    <plugins><simpleAuthenticationPlugin><users>
      <authenticationUser username="$user" password="$password" groups="users"/>
    </users></simpleAuthenticationPlugin></plugins>
    <sslContext><sslContext keyStore="file:$work/keys.p12" keyStoreType="PKCS12" keyStorePassword="$password"/></sslContext>
    <transportConnectors>
      <transportConnector name="tls" uri="mqtt+ssl://127.0.0.1:$tls"/>
      <transportConnector name="tcp" uri="mqtt://127.0.0.1:$tcp"/>
    </transportConnectors>
  </broker>
</beans>
CONFIG
    run java -Dactivemq.home=/usr/share/activemq -Dactivemq.base="$work" \
        -jar /usr/share/activemq/bin/activemq.jar start "xbean:file:$work/activemq.xml"
}
