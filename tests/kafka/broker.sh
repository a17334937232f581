#!/usr/bin/env bash
# One node of a real Apache Kafka (KRaft) for tests: jars from Maven, loopback only, no container.
#
#   tests/kafka/broker.sh start DIR    starts a node with its data in DIR; prints its address when it is ready
#   tests/kafka/broker.sh stop DIR     asks it to end; ends it after 10 s
#   tests/kafka/broker.sh kill DIR     crashes it; `start` brings it up again with its data and its port
#
# The jars are those of `tests/setup.sh kafka`. KAFKA_PROPERTIES: more lines of configuration, of two
# equal keys the last counts.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
jars=${TOOLS:-$root/.cache/tools}/kafka/jars
# Twenty-two characters, the first no dash: the tool that formats would take it for an option.
cluster=parallax-test-cluster0

fail() {
  echo "broker.sh: $*" >&2
  exit 1
}

# Half the memory and start of a server's JVM.
jvm=(java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
  -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info
  -Dlog4j2.statusLoggerLevel=OFF -cp "$jars/*")

# Below the range that outgoing connections take their ports from.
free_port() {
  local port
  while true; do
    port=$((15000 + (RANDOM * 32768 + RANDOM) % 15000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# A killed child whose parent is gone stays a zombie for a while: that is not running.
is_running() {
  local pid state
  pid=$(cat "$1/pid" 2>/dev/null) || return 1
  state=$(awk '{ print $3 }' "/proc/$pid/stat" 2>/dev/null) || return 1
  [ -n "$state" ] && [ "$state" != Z ]
}

wait_for_end() {
  local turns=$1 directory=$2
  for ((; turns > 0; turns--)); do
    is_running "$directory" || return 0
    sleep 0.05
  done
  return 1
}

configure() {
  local directory=$1 broker controller
  broker=$(free_port)
  controller=$(free_port)
  while [ "$controller" = "$broker" ]; do controller=$(free_port); done
  cat >"$directory/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$directory/data
num.partitions=4
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Tests crash brokers and make groups rebalance: both must be over in a second, not in a minute.
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
group.consumer.heartbeat.interval.ms=500
group.consumer.min.heartbeat.interval.ms=500
group.consumer.min.session.timeout.ms=1000
# Compaction and retention within a test's patience.
log.cleaner.backoff.ms=200
log.cleaner.min.compaction.lag.ms=0
log.cleaner.dedupe.buffer.size=8388608
log.initial.task.delay.ms=500
log.retention.check.interval.ms=1000
${KAFKA_PROPERTIES:-}
EOF
  echo "127.0.0.1:$broker" >"$directory/address"
  "${jvm[@]}" kafka.tools.StorageTool format "--cluster-id=$cluster" -c "$directory/server.properties" \
    >"$directory/format.log" 2>&1 || fail "the data cannot be formatted: $(tail -n 3 "$directory/format.log")"
}

start() {
  local directory=$1
  ls "$jars"/kafka_2.13-*.jar >/dev/null 2>&1 || fail "no jars in $jars: run tests/setup.sh kafka"
  mkdir -p "$directory"
  directory=$(cd "$directory" && pwd)
  is_running "$directory" && fail "it runs already, as process $(cat "$directory/pid")"
  [ -f "$directory/address" ] || configure "$directory"
  # Emptied here: the line that says ready may stand in it from the start before.
  : >"$directory/server.log"
  setsid "${jvm[@]}" kafka.Kafka "$directory/server.properties" >>"$directory/server.log" 2>&1 </dev/null &
  echo $! >"$directory/pid"
  # Not a request to the port: if another broker has it, that one would answer.
  local turns=1800
  until grep -q 'Kafka Server started' "$directory/server.log"; do
    is_running "$directory" || fail "it ended: $(grep -m 3 -E 'ERROR|Exception' "$directory/server.log")"
    ((turns-- > 0)) || fail "it is not ready after 90 s; see $directory/server.log"
    sleep 0.05
  done
  cat "$directory/address"
}

stop() {
  is_running "$1" || return 0
  kill -TERM "$(cat "$1/pid")"
  wait_for_end 200 "$1" || crash "$1"
}

crash() {
  is_running "$1" || return 0
  kill -KILL "$(cat "$1/pid")"
  wait_for_end 200 "$1" || fail "process $(cat "$1/pid") does not end"
}

[ $# -eq 2 ] || { sed -n '2,9p' "$0" >&2; exit 2; }
case $1 in
  start) start "$2" ;;
  stop) stop "$2" ;;
  kill) crash "$2" ;;
  *) sed -n '2,9p' "$0" >&2; exit 2 ;;
esac
