// Example syncs two refunds and prints a state and a failure with its details.
//
//	deno task stubs                  generates the stubs, builds and starts it
//	deno task stubs 127.0.0.1:9090   calls the service, for example that of deno task dev
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"buf.build/go/protovalidate"
	refundsyncv1 "daxpay/refundsync/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

func main() {
	request := &refundsyncv1.SyncRefundRequest{RefundNo: "R-SUCCEEDS"}
	// Proves that a program may use protovalidate for its own messages: two definitions of one file would panic before main.
	if err := protovalidate.Validate(request); err != nil {
		log.Fatal(err)
	}
	if len(os.Args) < 2 {
		fmt.Println("started")
		return
	}
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := refundsyncv1.NewRefundSyncServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	response, err := client.SyncRefund(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	refund := response.GetRefund()
	fmt.Println(refund.GetRefundNo(), refund.GetStatus(), "final:", refund.GetFinal())

	_, err = client.SyncRefund(ctx, &refundsyncv1.SyncRefundRequest{RefundNo: "R-UNKNOWN"})
	if err == nil {
		log.Fatal("expected R-UNKNOWN to fail, got a state")
	}
	failure := status.Convert(err)
	fmt.Println("R-UNKNOWN", failure.Code(), failure.Message())
	for _, detail := range failure.Details() {
		switch detail := detail.(type) {
		case *refundsyncv1.SyncFailure:
			fmt.Println("  SyncFailure", detail.GetReason(), detail.GetDelivery(), "retryable:", detail.GetRetryable())
		case *errdetails.ErrorInfo:
			fmt.Println("  ErrorInfo", detail.GetDomain(), detail.GetReason())
		case *errdetails.RetryInfo:
			fmt.Println("  RetryInfo", detail.GetRetryDelay().AsDuration())
		case *errdetails.BadRequest:
			fmt.Println("  BadRequest", detail.GetFieldViolations())
		default:
			log.Fatalf("expected a known detail, got %T", detail)
		}
	}
}
