import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as v1 from "../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import * as v1alpha from "../../src/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { type Service, startService } from "../support/service.ts";

let service: Service;
beforeAll(async () => void (service = await startService()));
afterAll(() => service[Symbol.asyncDispose]());

type Query = v1.ServerReflectionRequest["messageRequest"];

/** The first response to one query. */
async function reflect(version: "v1" | "v1alpha", messageRequest: Query) {
  const transport = createGrpcTransport({ baseUrl: service.grpc });
  const { ServerReflection } = version === "v1" ? v1 : v1alpha;
  const client = createClient(ServerReflection as typeof v1.ServerReflection, transport);
  async function* requests() {
    yield await Promise.resolve({ messageRequest });
  }
  const [response] = await Array.fromAsync(client.serverReflectionInfo(requests()));
  return response.messageResponse;
}

describe.each(["v1", "v1alpha"] as const)("grpc.reflection.%s", (version) => {
  test("lists the services", async () => {
    expect(await reflect(version, { case: "listServices", value: "" })).toMatchObject({
      case: "listServicesResponse",
      value: {
        service: expect.arrayContaining([
          expect.objectContaining({ name: "daxpay.refundsync.v1.RefundSyncService" }),
          expect.objectContaining({ name: "daxpay.refundsync.v1.RefundTrackingService" }),
          expect.objectContaining({ name: "grpc.health.v1.Health" }),
          expect.objectContaining({ name: `grpc.reflection.${version}.ServerReflection` }),
        ]),
      },
    });
  });

  test.each([
    ["google.rpc.ErrorInfo", "google/rpc/error_details.proto"],
    ["google.rpc.RetryInfo", "google/rpc/error_details.proto"],
    ["google.rpc.BadRequest", "google/rpc/error_details.proto"],
    ["google.rpc.BadRequest.FieldViolation", "google/rpc/error_details.proto"],
    ["daxpay.refundsync.v1.SyncFailure", "daxpay/refundsync/v1/sync_failure.proto"],
    ["daxpay.refundsync.v1.SyncFailure.retry_delay", "daxpay/refundsync/v1/sync_failure.proto"],
    ["daxpay.refundsync.v1.FailureReason", "daxpay/refundsync/v1/sync_failure.proto"],
    ["daxpay.refundsync.v1.FAILURE_REASON_INTERNAL", "daxpay/refundsync/v1/sync_failure.proto"],
    ["daxpay.refundsync.v1.Refund", "daxpay/refundsync/v1/refund.proto"],
    ["daxpay.refundsync.v1.RefundSyncService", "daxpay/refundsync/v1/refund_sync.proto"],
    ["daxpay.refundsync.v1.RefundSyncService.WatchRefund", "daxpay/refundsync/v1/refund_sync.proto"],
    ["daxpay.refundsync.v1.RefundTrackingService", "daxpay/refundsync/v1/refund_tracking.proto"],
  ])("returns the file of %s and all that it imports", async (symbol, name) => {
    const response = await reflect(version, { case: "fileContainingSymbol", value: symbol });
    if (response.case !== "fileDescriptorResponse") throw new TypeError(`Expected files, got ${response.case}`);
    const files = response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    expect(files[0].name).toBe(name);
    const names = files.map((file) => file.name);
    for (const { dependency } of files) expect(names).toEqual(expect.arrayContaining(dependency));
  });

  test.each(
    [
      [{ case: "fileContainingSymbol", value: "google.rpc.NoSuchInfo" }, Code.NotFound],
      [{ case: "fileByFilename", value: "none.proto" }, Code.NotFound],
      [{ case: undefined }, Code.InvalidArgument],
    ] as const,
  )("answers %j with an error", async (query, errorCode) => {
    expect(await reflect(version, query)).toMatchObject({ case: "errorResponse", value: { errorCode } });
  });
});
