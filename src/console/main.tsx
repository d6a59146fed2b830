/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { render } from "preact";
import { createRefundClient } from "../client.ts";
import { App } from "./app.tsx";
import { fetchSettings } from "./service.ts";
import { createSession, storageOf } from "./session.ts";

/** Longer than the service waits for DaxPay, so that the service's own timeout failure arrives first. */
const TIMEOUT_MS = 60_000;

// Preact (5 KB) re-renders a thousand rows well enough.
const root = document.getElementById("root");
if (!root) throw new TypeError('index.html: expected an element with the id "root", got none');
const base = new URL(".", document.baseURI);
const session = createSession(storageOf(window));
// gRPC-Web answers failures with HTTP 200; Chromium logs any other status as an error in the developer console.
const client = createRefundClient({
  baseUrl: base.href,
  protocol: "grpc-web",
  token: () => session.token.get(),
  timeoutMs: TIMEOUT_MS,
  // A failure is shown with its countdown at once, instead of a silent wait for the retry.
  maxRetries: 0,
});
render(<App client={client} session={session} settings={fetchSettings(new URL("console.json", base))} />, root);
// Marks when the page is interactive, for performance measurements.
performance.mark("usable");
