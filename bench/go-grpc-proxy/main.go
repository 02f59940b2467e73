// A transparent gRPC proxy as one writes it in Go: mwitkow/grpc-proxy on grpc-go, its calls spread over connections to
// the endpoints in turn. Arguments: PORT ENDPOINT_PORT...
package main

import (
	"context"
	"log"
	"math"
	"net"
	"os"
	"sync/atomic"

	"github.com/mwitkow/grpc-proxy/proxy"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("go-grpc-proxy wants PORT ENDPOINT_PORT...")
	}
	var connections []*grpc.ClientConn
	for _, port := range os.Args[2:] {
		connection, err := grpc.NewClient("127.0.0.1:"+port,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			// The library's limit of 4 MiB is not what is measured.
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
		if err != nil {
			log.Fatal(err)
		}
		connections = append(connections, connection)
	}
	var calls atomic.Uint64
	director := func(ctx context.Context, _ string) (context.Context, *grpc.ClientConn, error) {
		fields, _ := metadata.FromIncomingContext(ctx)
		connection := connections[calls.Add(1)%uint64(len(connections))]
		return metadata.NewOutgoingContext(ctx, fields.Copy()), connection, nil
	}
	server := grpc.NewServer(
		grpc.UnknownServiceHandler(proxy.TransparentHandler(director)),
		grpc.MaxRecvMsgSize(math.MaxInt32),
		grpc.MaxConcurrentStreams(1000))
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}
