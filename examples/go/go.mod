module example

go 1.25

require (
	buf.build/go/protovalidate v1.4.0
	daxpay v0.0.0
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261110000943-09e21b237f2c
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)

// What protoc generates from proto/daxpay with --go_out=gen --go-grpc_out=gen; deno task stubs does it.
replace daxpay => ./gen/daxpay
