import { readFileSync } from "node:fs";
import { create, createFileRegistry, type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import { type Any, anyPack, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, type ConnectRouter, type HandlerContext, type MethodImpl } from "@connectrpc/connect";
import type { DescMethod } from "@bufbuild/protobuf";

const PACKAGE = "connectrpc.conformance.v1";

interface Header {
  readonly name: string;
  readonly value: readonly string[];
}

interface ErrorDefinition {
  readonly code: number;
  readonly message?: string;
  readonly details: readonly Any[];
}

interface ResponseDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs: number;
}

interface UnaryDefinition extends ResponseDefinition {
  readonly response:
    | { readonly case: "responseData"; readonly value: Uint8Array }
    | { readonly case: "error"; readonly value: ErrorDefinition }
    | { readonly case: undefined; readonly value?: undefined };
}

interface StreamDefinition extends ResponseDefinition {
  readonly responseData: readonly Uint8Array[];
  readonly error?: ErrorDefinition;
}

/** A request, whose definition says how to respond to it. */
interface Request<T extends ResponseDefinition> extends Message {
  readonly responseDefinition?: T;
  readonly fullDuplex?: boolean;
}

type UnaryRequest = Request<UnaryDefinition>;
type StreamRequest = Request<StreamDefinition>;

/** The suite's protos, built by buf into one image. */
export function loadProtos(image: string) {
  const files = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(image)));
  const message = (name: string): DescMessage => {
    const found = files.getMessage(`${PACKAGE}.${name}`);
    if (!found) throw new RangeError(`Expected the message ${name} in ${image}`);
    return found;
  };
  const service = files.getService(`${PACKAGE}.ConformanceService`);
  if (!service) throw new RangeError(`Expected the service ConformanceService in ${image}`);
  return { files, message, service };
}

export type Protos = ReturnType<typeof loadProtos>;

/** Serves the suite's ConformanceService: it returns what each request defines, and the request itself. */
export function routeConformance(router: ConnectRouter, { message, service }: Protos): void {
  const payloadSchema = message("ConformancePayload");
  const infoSchema = message("ConformancePayload.RequestInfo");

  const pack = (request: Message): Any => anyPack(message(request.$typeName.slice(PACKAGE.length + 1)), request);

  function requestInfo(context: HandlerContext, requests: readonly Any[]): Message {
    const timeoutMs = context.timeoutMs();
    return create(infoSchema, {
      requestHeaders: headersOf(context.requestHeader),
      requests,
      ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.round(timeoutMs)) }),
      ...(context.requestMethod === "GET"
        ? { connectGetInfo: { queryParams: headersOf(new URL(context.url).searchParams) } }
        : {}),
    });
  }

  /** With the request among its details, unless a response has that already. */
  function toError({ code, message, details }: ErrorDefinition, info?: Message): ConnectError {
    const error = new ConnectError(message ?? "", code);
    const all = info ? [...details, anyPack(infoSchema, info)] : details;
    error.details = all.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
    return error;
  }

  async function unary(definition: UnaryDefinition | undefined, requests: readonly Any[], context: HandlerContext) {
    const info = requestInfo(context, requests);
    setHeaders(context, definition);
    await sleep(definition?.responseDelayMs);
    const response = definition?.response;
    if (response?.case === "error") throw toError(response.value, info);
    return { payload: create(payloadSchema, { data: response?.value ?? new Uint8Array(), requestInfo: info }) };
  }

  const single = (request: UnaryRequest, context: HandlerContext) =>
    unary(request.responseDefinition, [pack(request)], context);

  async function* serverStream(request: StreamRequest, context: HandlerContext) {
    const definition = request.responseDefinition;
    setHeaders(context, definition);
    yield* respond(definition, [pack(request)], context);
  }

  async function* bidiStream(requests: AsyncIterable<StreamRequest>, context: HandlerContext) {
    let definition: StreamDefinition | undefined;
    let fullDuplex = false;
    let received: Any[] = [];
    let sent = 0;
    for await (const request of requests) {
      received.push(pack(request));
      if (!definition) {
        definition = request.responseDefinition;
        fullDuplex = request.fullDuplex ?? false;
        setHeaders(context, definition);
      }
      if (!fullDuplex) continue;
      const data = definition?.responseData[sent];
      if (!data) break;
      await sleep(definition?.responseDelayMs);
      const info = sent === 0 ? requestInfo(context, received) : create(infoSchema, { requests: received });
      yield { payload: create(payloadSchema, { data, requestInfo: info }) };
      received = [];
      sent++;
    }
    yield* respond(definition, received, context, sent);
  }

  /** The responses from the given one on, then the error. */
  async function* respond(
    definition: StreamDefinition | undefined,
    requests: readonly Any[],
    context: HandlerContext,
    from = 0,
  ) {
    let sent = from;
    for (const data of definition?.responseData.slice(from) ?? []) {
      await sleep(definition?.responseDelayMs);
      const info = sent === 0 ? { requestInfo: requestInfo(context, requests) } : {};
      yield { payload: create(payloadSchema, { data, ...info }) };
      sent++;
    }
    if (definition?.error) throw toError(definition.error, sent === 0 ? requestInfo(context, requests) : undefined);
  }

  const methods: Readonly<Record<string, unknown>> = {
    unary: single,
    idempotentUnary: single,
    async clientStream(requests: AsyncIterable<UnaryRequest>, context: HandlerContext) {
      const received: UnaryRequest[] = [];
      for await (const request of requests) received.push(request);
      return await unary(received[0]?.responseDefinition, received.map(pack), context);
    },
    serverStream,
    bidiStream,
  };
  // `Unimplemented` is left out.
  router.service(service, methods as Record<string, MethodImpl<DescMethod>>);
}

function setHeaders({ responseHeader, responseTrailer }: HandlerContext, definition?: ResponseDefinition): void {
  for (const { name, value } of definition?.responseHeaders ?? []) {
    for (const one of value) responseHeader.append(name, one);
  }
  for (const { name, value } of definition?.responseTrailers ?? []) {
    for (const one of value) responseTrailer.append(name, one);
  }
}

function headersOf(pairs: Iterable<[string, string]>): Header[] {
  return [...pairs].map(([name, value]) => ({ name, value: [value] }));
}

async function sleep(ms = 0): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
