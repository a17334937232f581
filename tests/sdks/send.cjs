// Sends events with a vendor's own Node client and prints, as JSON, the ids that the client told.
//
//     NODE_PATH=…/node_modules node send.cjs SDK BASE COUNT
//
// Each event carries a mark, `SDK-N`, by which a test finds it; clients that tell no ids are checked by
// these marks alone. One function for each client.

const [sdk, base, count] = process.argv.slice(2);
const marks = [...Array(Number(count)).keys()].map((number) => `${sdk}-${number}`);

const clients = {
  async statsig() {
    const statsig = require("statsig-node").default ?? require("statsig-node");
    const api = `${base}/v1`;
    await statsig.initialize("secret-local", {
      api,
      apiForDownloadConfigSpecs: api,
      apiForGetIdLists: api,
    });
    marks.forEach((mark, number) =>
      statsig.logEvent({ userID: `user-${number}` }, "purchase", number + 0.5, { mark }),
    );
    await statsig.flush();
    await statsig.shutdownAsync();
    return [];
  },

  async statsig_core() {
    const { Statsig, StatsigUser } = require("@statsig/statsig-node-core");
    const statsig = new Statsig("secret-local", {
      specsUrl: `${base}/v2/download_config_specs`,
      logEventUrl: `${base}/v1/log_event`,
      idListsUrl: `${base}/v1/get_id_lists`,
      disableCountryLookup: true,
      disableUserAgentParsing: true,
    });
    await statsig.initialize();
    marks.forEach((mark, number) =>
      statsig.logEvent(new StatsigUser({ userID: `user-${number}` }), "purchase", number + 0.5, { mark }),
    );
    await statsig.flushEvents();
    await statsig.shutdown();
    return [];
  },

  async statsig_js() {
    const { StatsigClient } = require("@statsig/js-client");
    const networkConfig = {
      api: `${base}/v1`,
      initializeUrl: `${base}/v1/initialize`,
      logEventUrl: `${base}/v1/rgstr`,
    };
    const options = { networkConfig, loggingEnabled: "always", disableStorage: true };
    const statsig = new StatsigClient("client-local", { userID: "user-1" }, options);
    await statsig.initializeAsync();
    for (const mark of marks) statsig.logEvent("purchase", 1.5, { mark });
    await statsig.flush();
    await statsig.shutdown();
    return [];
  },

  async segment() {
    const { Analytics } = require("@segment/analytics-node");
    const analytics = new Analytics({ writeKey: "key", host: base, flushAt: 10 });
    const ids = [];
    const told = marks.map(
      (mark, number) =>
        new Promise((done) =>
          analytics.track({ userId: `user-${number}`, event: "Purchase", properties: { mark } }, (_, context) =>
            done(ids.push(context.event.messageId)),
          ),
        ),
    );
    await analytics.closeAndFlush();
    await Promise.all(told);
    return ids;
  },

  async rudderstack() {
    const Rudder = require("@rudderstack/rudder-sdk-node");
    const rudder = new (Rudder.default ?? Rudder)("key", { dataPlaneUrl: base, flushAt: marks.length + 10 });
    const ids = marks.map((mark) => `${mark}-node`);
    marks.forEach((mark, number) =>
      rudder.track({
        userId: `user-${number}`,
        event: "Purchase",
        messageId: ids[number],
        properties: { mark },
      }),
    );
    await new Promise((done) => rudder.flush(done));
    return ids;
  },

  async snowplow() {
    const { newTracker, buildPageView, buildSelfDescribingEvent } = require("@snowplow/node-tracker");
    const ids = [];
    for (const eventMethod of ["post", "get"]) {
      const options = { endpoint: base, eventMethod, bufferSize: 1 };
      const tracker = newTracker({ namespace: eventMethod, appId: "shop", encodeBase64: eventMethod === "get" }, options);
      for (const mark of marks) {
        const schema = "iglu:com.snowplowanalytics.snowplow/link_click/jsonschema/1-0-1";
        const event = { schema, data: { targetUrl: `http://shop.test/${mark}` } };
        ids.push(tracker.track(buildPageView({ pageUrl: `http://shop.test/${mark}` })).eid);
        ids.push(tracker.track(buildSelfDescribingEvent({ event })).eid);
      }
      await tracker.flush();
    }
    return ids;
  },

  async posthog() {
    const { PostHog } = require("posthog-node");
    const client = new PostHog("phc_local", { host: base, flushAt: 10 });
    const { v4 } = { v4: () => require("node:crypto").randomUUID() };
    const ids = marks.map(() => v4());
    marks.forEach((mark, number) =>
      client.capture({ distinctId: `user-${number}`, event: "purchase", uuid: ids[number], properties: { mark } }),
    );
    await client.shutdown();
    return ids;
  },

  async amplitude() {
    const amplitude = require("@amplitude/analytics-node");
    await amplitude.init("key", { serverUrl: `${base}/2/httpapi`, minIdLength: 1 }).promise;
    const sent = marks.map((mark, number) =>
      amplitude.track("purchase", { mark }, { user_id: `user-${number}` }).promise,
    );
    await amplitude.flush().promise;
    return (await Promise.all(sent)).map((result) => result.event.insert_id);
  },

  async mixpanel() {
    const { host } = new URL(base);
    const mixpanel = require("mixpanel").init("token", { host, protocol: "http" });
    const ids = [];
    const properties = (mark, how) => {
      ids.push(`${mark}-${how}`);
      return { distinct_id: "user-1", mark, $insert_id: `${mark}-${how}` };
    };
    for (const mark of marks) {
      await new Promise((done) => mixpanel.track("purchase", properties(mark, "one"), done));
    }
    const batch = marks.map((mark) => ({ event: "purchase", properties: properties(mark, "batch") }));
    await new Promise((done) => mixpanel.track_batch(batch, done));
    return ids;
  },

  otlp_json: () => otlp(require("@opentelemetry/exporter-trace-otlp-http").OTLPTraceExporter),
  otlp_protobuf: () => otlp(require("@opentelemetry/exporter-trace-otlp-proto").OTLPTraceExporter),

  async cloudevents() {
    const { CloudEvent, HTTP } = require("cloudevents");
    const ids = [];
    const send = ({ headers, body }) =>
      fetch(`${base}/events`, {
        method: "POST",
        headers,
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
    for (const mark of marks) {
      const event = new CloudEvent({ id: mark, source: "/shop", type: "shop.purchase", data: { mark, value: 1.5 } });
      ids.push(`/shop ${mark}`);
      await send(HTTP.binary(event));
      await send(HTTP.structured(event));
      const headers = { "content-type": "application/cloudevents-batch+json" };
      await send({ headers, body: JSON.stringify([event]) });
    }
    return ids;
  },
};

async function otlp(Exporter) {
  const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
  const { resourceFromAttributes } = require("@opentelemetry/resources");
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": "shop" }),
    spanProcessors: [new BatchSpanProcessor(new Exporter({ url: `${base}/v1/traces` }))],
  });
  const tracer = provider.getTracer("shop", "1");
  const ids = marks.map((mark, number) => {
    const span = tracer.startSpan("checkout", { attributes: { mark, number, half: 0.5, list: ["a", "b"] } });
    span.addEvent("paid", { number });
    span.end();
    const { traceId, spanId } = span.spanContext();
    return `${traceId}/${spanId}`;
  });
  await provider.shutdown();
  return ids;
}

clients[sdk]().then(
  (ids) => process.stdout.write(JSON.stringify({ ids, marks }) + "\n", () => process.exit(0)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
