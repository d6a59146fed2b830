import com.daxpay.refundsync.v1.Refund;
import com.daxpay.refundsync.v1.RefundSyncServiceGrpc;
import com.daxpay.refundsync.v1.SyncFailure;
import com.daxpay.refundsync.v1.SyncRefundRequest;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Syncs two refunds and prints a state and a failure with its details.
 *
 * <pre>
 * deno task stubs                  generates the stubs, builds and starts it
 * deno task stubs 127.0.0.1:9090   calls the service, for example that of deno task dev
 * </pre>
 */
public final class Example {
  private static final List<Class<? extends Message>> DETAILS =
      List.of(SyncFailure.class, ErrorInfo.class, RetryInfo.class, BadRequest.class);

  public static void main(String[] args) throws Exception {
    SyncRefundRequest request = SyncRefundRequest.newBuilder().setRefundNo("R-SUCCEEDS").build();
    if (args.length == 0) {
      System.out.println("started");
      return;
    }
    ManagedChannel channel = Grpc.newChannelBuilder(args[0], InsecureChannelCredentials.create()).build();
    try {
      var client = RefundSyncServiceGrpc.newBlockingStub(channel);
      Refund refund = client.withDeadlineAfter(30, TimeUnit.SECONDS).syncRefund(request).getRefund();
      System.out.printf("%s %s final: %s%n", refund.getRefundNo(), refund.getStatus(), refund.getFinal());
      try {
        client.withDeadlineAfter(30, TimeUnit.SECONDS)
            .syncRefund(SyncRefundRequest.newBuilder().setRefundNo("R-UNKNOWN").build());
        throw new IllegalStateException("expected R-UNKNOWN to fail, got a state");
      } catch (StatusRuntimeException error) {
        System.out.printf("R-UNKNOWN %s%n", error.getMessage());
        for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
          Message message = decode(detail);
          String text = message.toString().replace("\n", " ").strip();
          System.out.printf("  %s %s%n", message.getDescriptorForType().getName(), text);
        }
      }
    } finally {
      channel.shutdownNow();
    }
  }

  private static Message decode(Any detail) throws InvalidProtocolBufferException {
    for (Class<? extends Message> type : DETAILS) {
      if (detail.is(type)) return detail.unpack(type);
    }
    throw new IllegalStateException("expected a known detail, got " + detail.getTypeUrl());
  }
}
