// Command racer calls a server just when it closes the idle connection. It prints the number of calls and their errors.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

type report struct {
	Calls  int            `json:"calls"`
	Errors map[string]int `json:"errors"`
}

func main() {
	target := flag.String("target", "", "`host:port` of the server")
	idle := flag.Duration("idle", 0, "how long the server keeps an idle connection")
	spread := flag.Duration("spread", 0, "how far around that time the calls come")
	connections := flag.Int("connections", 1, "number of connections")
	calls := flag.Int("calls", 1, "number of calls over each")
	flag.Parse()

	result := report{Errors: map[string]int{}}
	var mutex sync.Mutex
	var group sync.WaitGroup
	for range *connections {
		group.Go(func() {
			connection, err := grpc.NewClient(*target, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				log.Fatal(err)
			}
			defer connection.Close()
			client := grpc_health_v1.NewHealthClient(connection)
			for range *calls {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
				cancel()
				mutex.Lock()
				result.Calls++
				if err != nil {
					result.Errors[status.Convert(err).String()]++
				}
				mutex.Unlock()
				time.Sleep(*idle + time.Duration((2*rand.Float64()-1)*float64(*spread)))
			}
		})
	}
	group.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}
