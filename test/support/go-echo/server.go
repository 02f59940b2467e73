package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // answers a compressed call in kind
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	failMessage = "asked to fail: 100 % ünïcode"
	detailText  = "why it failed: ünïcode"
	detailDelay = 1500 * time.Millisecond
)

var trailerBytes = string([]byte{0, 1, 254, 255})

// callReport is what the server prints of each call that reaches it, as `call JSON`; values of -bin keys in base64.
type callReport struct {
	Method    string              `json:"method"`
	Metadata  map[string][]string `json:"metadata"`
	TimeoutMs int64               `json:"timeoutMs"` // what was left when the call arrived; 0 where it has no deadline
}

type echoServer struct {
	name string
	out  *log.Logger
}

// serve prints `port N`, then `call JSON` as a call arrives and `cancelled METHOD` as one ends before its answer.
// What it does is told by request metadata: `x-fail: CODE` ends with that status, details and trailers; `x-hang: 1`
// never answers; `x-count: N` makes a server stream of N messages; `x-compress: NAME` has the replies compressed;
// `x-early: 1` has a stream of requests answered behind the first. Everything else is echoed, `-bin` metadata in the headers. maxStreams bounds the calls on one connection; 0 doesn't.
// SIGTERM lets calls end first.
func serve(name, address string, maxStreams uint) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("the echo server can't listen: %w", err)
	}
	echo := &echoServer{name: name, out: log.New(os.Stdout, "", 0)}
	server := grpc.NewServer(
		grpc.ForceServerCodec(rawCodec{}),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(maxMessageBytes),
		grpc.MaxConcurrentStreams(uint32(maxStreams)),
	)
	server.RegisterService(echo.description(), nil)
	// Whoever started it holds the other end: a test that dies leaves no server.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() {
		<-terminated
		server.GracefulStop()
	}()
	echo.out.Printf("port %d", listener.Addr().(*net.TCPAddr).Port)
	return server.Serve(listener)
}

func (s *echoServer) description() *grpc.ServiceDesc {
	stream := func(desc grpc.StreamDesc, method string, answer func(grpc.ServerStream) error) grpc.StreamDesc {
		desc.Handler = func(_ any, stream grpc.ServerStream) error {
			return s.handle(stream.Context(), method, func() error { return answer(stream) })
		}
		return desc
	}
	return &grpc.ServiceDesc{
		ServiceName: "test.Echo",
		Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: s.unary}},
		Streams: []grpc.StreamDesc{
			stream(clientStreamDesc, clientStreamMethod, s.clientStream),
			stream(serverStreamDesc, serverStreamMethod, s.serverStream),
			stream(bidiDesc, bidiMethod, s.bidi),
		},
	}
}

// handle is the frame around a call of any kind: report, headers, asked-for failure, answer, trailers, cancellation.
func (s *echoServer) handle(ctx context.Context, method string, answer func() error) error {
	incoming, _ := metadata.FromIncomingContext(ctx)
	s.report(ctx, method, incoming)
	// The context outlives the handler only where nobody has cancelled the call.
	defer func() {
		if ctx.Err() != nil {
			s.out.Printf("cancelled %s", method)
		}
	}()
	headers := metadata.Pairs("x-endpoint", s.name)
	for key, values := range incoming {
		if strings.HasSuffix(key, "-bin") {
			headers.Append(key, values...)
		}
	}
	if asked := incoming.Get("x-compress"); len(asked) > 0 {
		if err := grpc.SetSendCompressor(ctx, asked[0]); err != nil {
			return err
		}
	}
	if err := grpc.SendHeader(ctx, headers); err != nil {
		return err
	}
	if err := grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", s.name, "x-trailer-bin", trailerBytes)); err != nil {
		return err
	}
	if asked := incoming.Get("x-fail"); len(asked) > 0 {
		return failure(asked[0])
	}
	return answer()
}

// hang holds a call that asks for it until its client gives up.
func hang(ctx context.Context) error {
	incoming, _ := metadata.FromIncomingContext(ctx)
	if len(incoming.Get("x-hang")) == 0 {
		return nil
	}
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

func failure(asked string) error {
	code, err := strconv.ParseUint(asked, 10, 32)
	if err != nil {
		return status.Errorf(codes.InvalidArgument, "x-fail: %q is not a status code", asked)
	}
	failed, err := status.New(codes.Code(code), failMessage).
		WithDetails(wrapperspb.String(detailText), durationpb.New(detailDelay))
	if err != nil {
		return status.Errorf(codes.Internal, "x-fail: %v", err)
	}
	return failed.Err()
}

func (s *echoServer) report(ctx context.Context, method string, incoming metadata.MD) {
	report := callReport{Method: method, Metadata: map[string][]string{}}
	for key, values := range incoming {
		for _, value := range values {
			if strings.HasSuffix(key, "-bin") {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			report.Metadata[key] = append(report.Metadata[key], value)
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		report.TimeoutMs = time.Until(deadline).Milliseconds()
	}
	line, _ := json.Marshal(report) // strings and numbers only: it can't fail
	s.out.Printf("call %s", line)
}

func (s *echoServer) unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var message []byte
	if err := decode(&message); err != nil {
		return nil, err
	}
	if err := s.handle(ctx, unaryMethod, func() error { return hang(ctx) }); err != nil {
		return nil, err
	}
	return &message, nil
}

func (s *echoServer) clientStream(stream grpc.ServerStream) error {
	var all []byte
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	if len(incoming.Get("x-early")) > 0 {
		if err := stream.RecvMsg(&all); err != nil {
			return err
		}
		return stream.SendMsg(&all)
	}
	if err := receiveAll(stream, func(message []byte) error {
		all = append(all, message...)
		return nil
	}); err != nil {
		return err
	}
	if err := hang(stream.Context()); err != nil {
		return err
	}
	return stream.SendMsg(&all)
}

func (s *echoServer) serverStream(stream grpc.ServerStream) error {
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return err
	}
	count := 3
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	if asked := incoming.Get("x-count"); len(asked) > 0 {
		var err error
		if count, err = strconv.Atoi(asked[0]); err != nil {
			return status.Errorf(codes.InvalidArgument, "x-count: %q is not a number", asked[0])
		}
	}
	for range count {
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
	return hang(stream.Context())
}

func (s *echoServer) bidi(stream grpc.ServerStream) error {
	if err := receiveAll(stream, func(message []byte) error { return stream.SendMsg(&message) }); err != nil {
		return err
	}
	return hang(stream.Context())
}

// receiveAll hands over each message until the client half-closes.
func receiveAll(stream grpc.ServerStream, take func([]byte) error) error {
	for {
		var message []byte
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := take(message); err != nil {
			return err
		}
	}
}
