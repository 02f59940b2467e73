package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// patience bounds a whole case, so that a call that hangs fails with a sentence instead of hanging its test.
const patience = 8 * time.Second

// client is one channel to one address, hence one connection as long as that one lives.
type client struct {
	conn  *grpc.ClientConn
	dials *atomic.Int32
	sizes *payloadSizes
}

// payloadSizes counts messages that were smaller on the wire than they are.
type payloadSizes struct{ compressedOut, compressedIn atomic.Int32 }

func (*payloadSizes) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*payloadSizes) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*payloadSizes) HandleConn(context.Context, stats.ConnStats)                       {}
func (s *payloadSizes) HandleRPC(_ context.Context, event stats.RPCStats) {
	switch payload := event.(type) {
	case *stats.OutPayload:
		if payload.CompressedLength < payload.Length {
			s.compressedOut.Add(1)
		}
	case *stats.InPayload:
		if payload.CompressedLength < payload.Length {
			s.compressedIn.Add(1)
		}
	}
}

// wantCompressed wants so many messages to have been compressed each way.
func (c *client) wantCompressed(out, in int32) error {
	if gotOut, gotIn := c.sizes.compressedOut.Load(), c.sizes.compressedIn.Load(); gotOut != out || gotIn != in {
		return fmt.Errorf("%d requests and %d replies were compressed instead of %d and %d", gotOut, gotIn, out, in)
	}
	return nil
}

func runCase(addr, authority, name string) error {
	run, known := cases[name]
	if !known {
		return fmt.Errorf("no case is called %q; there are %s", name, caseNames())
	}
	dials := new(atomic.Int32)
	sizes := new(payloadSizes)
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority(authority),
		grpc.WithDisableRetry(),
		grpc.WithStatsHandler(sizes),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			dials.Add(1)
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodec(rawCodec{}),
			grpc.MaxCallRecvMsgSize(maxMessageBytes),
			grpc.MaxCallSendMsgSize(maxMessageBytes),
		))
	if err != nil {
		return fmt.Errorf("case %s: no channel to %q: %w", name, addr, err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	time.AfterFunc(patience+time.Second, func() { fail("case " + name + ": its standard input did not end in time") })
	if err := run(withoutDeadline{ctx}, &client{conn, dials, sizes}); err != nil {
		return fmt.Errorf("case %s: %w", name, err)
	}
	// The connection stays until the test has seen what it wants: the end of it would cancel calls at the server too.
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// withoutDeadline ends with its parent but tells gRPC of no deadline, so that a call sends no grpc-timeout by itself.
type withoutDeadline struct{ context.Context }

func (withoutDeadline) Deadline() (time.Time, bool) { return time.Time{}, false }

// answer is what a call brings back besides its message.
type answer struct {
	headers  metadata.MD
	trailers metadata.MD
}

func (c *client) unary(ctx context.Context, message []byte, options ...grpc.CallOption) ([]byte, answer, error) {
	var reply []byte
	var got answer
	options = append(options, grpc.Header(&got.headers), grpc.Trailer(&got.trailers))
	err := c.conn.Invoke(ctx, unaryMethod, &message, &reply, options...)
	return reply, got, err
}

func (c *client) bidi(ctx context.Context, options ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.conn.NewStream(ctx, &bidiDesc, bidiMethod, options...)
}

func (c *client) wantOneConnection() error {
	if dials := c.dials.Load(); dials != 1 {
		return fmt.Errorf("took %d connections instead of 1", dials)
	}
	return nil
}

// roundTrip sends one message on a bidirectional stream and wants it back.
func roundTrip(stream grpc.ClientStream, text string) error {
	sent := []byte(text)
	if err := stream.SendMsg(&sent); err != nil {
		return fmt.Errorf("sending %.40q: %w", text, err)
	}
	var back []byte
	if err := stream.RecvMsg(&back); err != nil {
		return fmt.Errorf("waiting for %.40q: %w", text, err)
	}
	if string(back) != text {
		return fmt.Errorf("%.40q came back as %.40q", text, back)
	}
	return nil
}

// finish half-closes a stream and wants nothing but a good end.
func finish(stream grpc.ClientStream) error {
	if err := stream.CloseSend(); err != nil {
		return fmt.Errorf("half-close: %w", err)
	}
	var extra []byte
	if err := stream.RecvMsg(&extra); err == nil {
		return fmt.Errorf("%d bytes came where the stream should have ended", len(extra))
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the half-close: %w", err)
	}
	return nil
}

func wantCode(err error, code codes.Code) error {
	if got := status.Code(err); got != code {
		return fmt.Errorf("ended with %v (%v) instead of %v", got, err, code)
	}
	return nil
}

func wantValues(where string, got metadata.MD, key string, want ...string) error {
	values := got.Get(key)
	same := len(values) == len(want)
	for i := 0; same && i < len(want); i++ {
		same = values[i] == want[i]
	}
	if !same {
		return fmt.Errorf("%s: %s is %q instead of %q", where, key, values, want)
	}
	return nil
}
