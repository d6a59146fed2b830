"""Syncs two refunds and prints a state and a failure with its details.

deno task stubs                  generates the stubs and starts it
deno task stubs 127.0.0.1:9090   calls the service, for example that of deno task dev
"""

import sys

import grpc
from daxpay.refundsync.v1 import refund_pb2, refund_sync_pb2, refund_sync_pb2_grpc, sync_failure_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

DETAILS = (
    sync_failure_pb2.SyncFailure,
    error_details_pb2.ErrorInfo,
    error_details_pb2.RetryInfo,
    error_details_pb2.BadRequest,
)


def call(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        client = refund_sync_pb2_grpc.RefundSyncServiceStub(channel)
        request = refund_sync_pb2.SyncRefundRequest(refund_no="R-SUCCEEDS")
        refund = client.SyncRefund(request, timeout=30).refund
        print(refund.refund_no, refund_pb2.RefundStatus.Name(refund.status), "final:", refund.final)
        try:
            client.SyncRefund(refund_sync_pb2.SyncRefundRequest(refund_no="R-UNKNOWN"), timeout=30)
        except grpc.RpcError as error:
            print("R-UNKNOWN", error.code().name, error.details())
            for detail in rpc_status.from_call(error).details:
                message = next(kind() for kind in DETAILS if detail.Is(kind.DESCRIPTOR))
                detail.Unpack(message)
                print(" ", type(message).__name__, str(message).replace("\n", " ").strip())
        else:
            sys.exit("expected R-UNKNOWN to fail, got a state")


if len(sys.argv) > 1:
    call(sys.argv[1])
else:
    print("started")
