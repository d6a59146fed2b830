/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { render } from "preact";
import { createRefundClient } from "../client.ts";
import { App } from "./app.tsx";
import { fetchSettings } from "./service.ts";
import { createSession, storageOf } from "./session.ts";

/** Longer than the service waits for DaxPay, so that its own account of a missing answer arrives. */
const TIMEOUT_MS = 60_000;

// Preact (5 KB) keeps a thousand rows in step with what arrives; nothing heavier is needed, and by hand it would be more.
const root = document.getElementById("root");
if (!root) throw new TypeError('Found no element "root", wanted the one of index.html');
const base = new URL(".", document.baseURI);
const session = createSession(storageOf(window));
// gRPC-Web answers failures with HTTP 200 too; of any other status Chromium complains in the console by itself.
const client = createRefundClient({
  baseUrl: base.href,
  protocol: "grpc-web",
  token: () => session.token.get(),
  timeoutMs: TIMEOUT_MS,
});
render(<App client={client} session={session} settings={fetchSettings(new URL("console.json", base))} />, root);
// From here on every control answers: for whoever measures the page.
performance.mark("usable");
