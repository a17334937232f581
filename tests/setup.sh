#!/usr/bin/env bash
# Installs what the end-to-end tests and the benchmarks need beside Rust: real servers in two
# versions each, real event bodies, a browser, and the peers of the benchmarks.
#
#   tests/setup.sh            everything
#   tests/setup.sh apt        only these parts: apt httpbin zipkin flume kafka hdr webhooks sdks h2spec gates schemas
#
# Everything but Debian's packages goes to .cache/tools (or $TOOLS), which git ignores. A part that is
# there is left alone, so a second run takes a second. A part that fails does not stop the others; the
# tests that need it say so, and the exit code is 1.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
tools=${TOOLS:-$root/.cache/tools}
mkdir -p "$tools"
failed=()

# part NAME MARKER COMMAND…: runs COMMAND unless MARKER (a file) exists; the marker is made at the end.
part() {
  local name=$1 marker=$tools/$2 started=$SECONDS
  shift 2
  if [ -e "$marker" ]; then
    echo "setup: $name is there"
    return
  fi
  echo "setup: $name …"
  if (set -e; cd "$tools"; "$@") >"$tools/$name.log" 2>&1; then
    touch "$marker"
    echo "setup: $name installed in $((SECONDS - started)) s"
  else
    failed+=("$name")
    echo "setup: $name FAILED after $((SECONDS - started)) s; the end of $tools/$name.log:"
    tail -n 5 "$tools/$name.log" | sed 's/^/setup:   /'
  fi
}

# retry COMMAND…: three tries, for networks that hiccup.
retry() {
  "$@" || { sleep 5; "$@"; } || { sleep 15; "$@"; }
}

# One call for all Debian packages; none where all commands are there already.
debian() {
  local packages=()
  command -v chromium >/dev/null || packages+=(chromium)
  command -v nginx >/dev/null || packages+=(nginx-light)
  command -v wrk >/dev/null || packages+=(wrk)
  command -v java >/dev/null || packages+=(openjdk-17-jre-headless)
  command -v mvn >/dev/null || packages+=(maven)
  command -v kcat >/dev/null || packages+=(kcat)
  command -v npm >/dev/null || packages+=(nodejs npm)
  command -v go >/dev/null || packages+=(golang-go)
  python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
  if [ ${#packages[@]} -eq 0 ]; then
    echo "setup: Debian's packages are there"
    return
  fi
  local sudo=() started=$SECONDS
  [ "$(id -u)" = 0 ] || sudo=(sudo -n)
  echo "setup: apt-get install ${packages[*]} …"
  # Debian starts a server that it installs; nginx is wanted as a program, not as a service.
  if { retry "${sudo[@]}" apt-get -q update &&
    retry "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get -q install -y --no-install-recommends "${packages[@]}"; } >"$tools/apt.log" 2>&1; then
    echo "setup: Debian's packages installed in $((SECONDS - started)) s"
  else
    failed+=(apt)
    echo "setup: apt FAILED; the end of $tools/apt.log:"
    tail -n 5 "$tools/apt.log" | sed 's/^/setup:   /'
  fi
}

# httpbin 0.7.0 predates what its dependencies became; these are the last versions it runs on.
httpbin_old() {
  python3 -m venv httpbin-0.7.0
  retry httpbin-0.7.0/bin/pip -q install httpbin==0.7.0 gunicorn \
    'werkzeug<2.1' 'flask<2.1' 'markupsafe<2.1' 'jinja2<3.1' 'itsdangerous<2.1'
}

httpbin_new() {
  python3 -m venv httpbin-0.10.4
  retry httpbin-0.10.4/bin/pip -q install httpbin==0.10.4 gunicorn
}

# Maven fetches the runnable jar of one Zipkin version.
zipkin() {
  retry mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    "-Dartifact=io.zipkin:zipkin-server:$1:jar:exec" "-DoutputDirectory=$PWD/zipkin"
}

# Maven fetches the jars of one Flume version: the node alone, which brings its HTTP source and its file sink.
flume() {
  mkdir -p "flume-$1"
  cat >"flume-$1/pom.xml" <<EOF
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>parallax.test</groupId><artifactId>flume</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.flume</groupId><artifactId>flume-ng-node</artifactId><version>$1</version>
    </dependency>
  </dependencies>
</project>
EOF
  retry mvn -q -B -f "flume-$1/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$PWD/flume-$1/jars"
}

# The jars of one Apache Kafka; tests/kafka/broker.sh starts it.
kafka() {
  mkdir -p kafka
  retry mvn -q -B -f "$root/tests/kafka/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$PWD/kafka/jars"
}

# The library whose files `load run --hlog` writes.
hdr() {
  retry mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact=org.hdrhistogram:HdrHistogram:2.2.2 "-DoutputDirectory=$PWD/hdr"
}

# The conformance test of HTTP/2, for the proxy.
h2spec() {
  mkdir -p h2spec
  GOBIN=$PWD/h2spec retry go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
}

# The recorded bodies of GitHub's webhooks.
webhooks() {
  mkdir -p webhooks
  cd webhooks
  [ -e package.json ] || echo '{"private": true}' >package.json
  retry npm install --no-audit --no-fund --ignore-scripts @octokit/webhooks-examples@7.6.1
}

# The vendors' own clients, for the tests of the profiles; both registries at once.
sdks_python() {
  python3 -m venv sdks/python
  retry sdks/python/bin/pip -q install --disable-pip-version-check \
    statsig==0.72.1 statsig-python-core==0.24.2 segment-analytics-python==2.4.0 \
    rudder-sdk-python==2.1.9 snowplow-tracker==1.1.0 posthog==7.91.1 amplitude-analytics==1.3.0 \
    mixpanel==5.4.1 opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2 \
    cloudevents==1.12.0
}

sdks_node() {
  mkdir -p sdks/node
  cd sdks/node
  [ -e package.json ] || echo '{"private": true}' >package.json
  retry npm install --no-audit --no-fund --ignore-scripts \
    statsig-node@6.5.2 @statsig/statsig-node-core@0.23.2 @statsig/js-client@3.33.5 \
    @segment/analytics-node@3.1.0 @rudderstack/rudder-sdk-node@3.0.13 @snowplow/node-tracker@4.8.0 \
    posthog-node@5.70.0 @amplitude/analytics-node@1.5.73 mixpanel@0.24.0 cloudevents@10.0.0 \
    @opentelemetry/api@1.9.1 @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/resources@2.12.1 \
    @opentelemetry/exporter-trace-otlp-http@0.223.1 @opentelemetry/exporter-trace-otlp-proto@0.223.1
}

# The gates' own Go code: downloads the modules of tests/gates, and builds once, so that tests start warm.
gates() {
  cd "$root/tests/gates"
  # Debian's Go may be older than the modules ask for; it then fetches the one they name.
  export GOTOOLCHAIN=auto
  retry go mod download
  # Only the schema of its Application is read.
  retry go mod download github.com/argoproj/argo-cd/v3@v3.5.7
  mkdir -p "$tools/gates"
  go build -o "$tools/gates/gates" .
}

# GitHub's and GitLab's published schemas come with this package.
schemas() {
  python3 -m venv schemas
  retry schemas/bin/pip -q install check-jsonschema==0.33.3
}

[ $# -gt 0 ] || set -- apt httpbin zipkin flume kafka hdr webhooks sdks h2spec gates schemas
for wanted in "$@"; do
  case $wanted in
    apt) debian ;;
    httpbin)
      part httpbin-0.7.0 httpbin-0.7.0/.installed httpbin_old
      part httpbin-0.10.4 httpbin-0.10.4/.installed httpbin_new
      ;;
    zipkin)
      part zipkin-2.23.19 zipkin/.2.23.19 zipkin 2.23.19
      part zipkin-3.5.1 zipkin/.3.5.1 zipkin 3.5.1
      ;;
    flume)
      part flume-1.9.0 flume-1.9.0/.installed flume 1.9.0
      part flume-1.11.0 flume-1.11.0/.installed flume 1.11.0
      ;;
    kafka) part kafka kafka/.installed kafka ;;
    hdr) part hdr hdr/.installed hdr ;;
    webhooks) part webhooks webhooks/.installed webhooks ;;
    gates) part gates gates/.formats gates ;;
    schemas) part schemas schemas/.installed schemas ;;
    h2spec) part h2spec h2spec/.installed h2spec ;;
    sdks)
      part sdks-node sdks/node/.installed sdks_node &
      part sdks-python sdks/python/.installed sdks_python
      # What a part in the background adds to the list of failures is lost; its marker tells.
      wait
      [ -e "$tools/sdks/node/.installed" ] || failed+=(sdks-node)
      ;;
    *)
      echo "setup: there is no part called $wanted; the parts are apt httpbin zipkin flume kafka hdr webhooks sdks h2spec gates schemas" >&2
      exit 2
      ;;
  esac
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "setup: FAILED: ${failed[*]}"
  exit 1
fi
