import type { connectNodeAdapter } from "@connectrpc/connect-node";

/** Answers one request of either HTTP version. connect-node does not export these types. */
export type Handler = ReturnType<typeof connectNodeAdapter>;
export type NodeServerRequest = Parameters<Handler>[0];
export type NodeServerResponse = Parameters<Handler>[1];
