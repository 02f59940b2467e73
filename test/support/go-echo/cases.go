package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// cases holds what a client can be told to do. Each wants a test.Echo service, on grpc-go or on grpc-js.
var cases map[string]func(context.Context, *client) error

func init() {
	cases = map[string]func(context.Context, *client) error{
		"unary":                       unaryWithMetadata,
		"status":                      failedStatus,
		"status-details":              failedStatusWithDetails,
		"client-stream":               clientStreaming,
		"server-stream":               serverStreaming,
		"ping-pong":                   pingPong,
		"large":                       largeMessages,
		"compressed":                  compressedMessage,
		"client-compressed-unary":     clientCompressedUnary,
		"client-compressed-streaming": clientCompressedStreaming,
		"server-compressed-unary":     serverCompressedUnary,
		"server-compressed-streaming": serverCompressedStreaming,
		"very-large":                  veryLargeRequest,
		"cacheable":                   cacheableCalls,
		"early-end":                   earlyEnd,
		"cancel":                      cancelledCall,
		"deadline":                    deadlineExceeded,
		"concurrent":                  concurrentStreams,
		"long-stream":                 longStream,
	}
}

// unaryWithMetadata sends every byte value in -bin metadata, at each length that base64 pads differently.
func unaryWithMetadata(ctx context.Context, c *client) error {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	binary := map[string]string{}
	for _, length := range []int{1, 2, 3, 256} {
		binary[fmt.Sprintf("x-raw-%d-bin", length)] = string(every[256-length:])
	}
	sent := metadata.Pairs("x-text", "value", "x-many", "1", "x-many", "2")
	for key, value := range binary {
		sent.Append(key, value)
	}
	reply, got, err := c.unary(metadata.NewOutgoingContext(ctx, sent), []byte("hello"))
	if err != nil {
		return err
	}
	if string(reply) != "hello" {
		return fmt.Errorf("hello came back as %q", reply)
	}
	for key, value := range binary {
		if err := wantValues("headers", got.headers, key, value); err != nil {
			return err
		}
	}
	return wantTrailers(got)
}

// wantTrailers wants the trailers that each server sets, and that they name the same server as the headers.
func wantTrailers(got answer) error {
	endpoint := got.headers.Get("x-endpoint")
	if len(endpoint) != 1 {
		return fmt.Errorf("headers: x-endpoint is %q, which is not one name", endpoint)
	}
	if err := wantValues("trailers", got.trailers, "x-trailer", endpoint[0]); err != nil {
		return err
	}
	return wantValues("trailers", got.trailers, "x-trailer-bin", trailerBytes)
}

func failedStatus(ctx context.Context, c *client) error {
	_, err := failing(ctx, c)
	return err
}

func failing(ctx context.Context, c *client) (*status.Status, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, "x-fail", strconv.Itoa(int(codes.FailedPrecondition)))
	_, got, err := c.unary(ctx, nil)
	if err := wantCode(err, codes.FailedPrecondition); err != nil {
		return nil, err
	}
	if message := status.Convert(err).Message(); message != failMessage {
		return nil, fmt.Errorf("grpc-message is %q instead of %q", message, failMessage)
	}
	return status.Convert(err), wantTrailers(got)
}

// failedStatusWithDetails wants the two messages in grpc-status-details-bin that only the grpc-go server sends.
func failedStatusWithDetails(ctx context.Context, c *client) error {
	failed, err := failing(ctx, c)
	if err != nil {
		return err
	}
	details := failed.Details()
	if len(details) != 2 {
		return fmt.Errorf("%d details came instead of 2", len(details))
	}
	if text, ok := details[0].(*wrapperspb.StringValue); !ok || text.GetValue() != detailText {
		return fmt.Errorf("the first detail is %v instead of the text %q", details[0], detailText)
	}
	if delay, ok := details[1].(*durationpb.Duration); !ok || delay.AsDuration() != detailDelay {
		return fmt.Errorf("the second detail is %v instead of %v", details[1], detailDelay)
	}
	return nil
}

func clientStreaming(ctx context.Context, c *client) error {
	stream, err := c.conn.NewStream(ctx, &clientStreamDesc, clientStreamMethod)
	if err != nil {
		return err
	}
	var all []byte
	for i := range 200 {
		message := bytes.Repeat([]byte{byte(i)}, i*7)
		all = append(all, message...)
		if err := stream.SendMsg(&message); err != nil {
			return fmt.Errorf("sending message %d: %w", i, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	var reply []byte
	if err := stream.RecvMsg(&reply); err != nil {
		return err
	}
	if !bytes.Equal(reply, all) {
		return fmt.Errorf("%d bytes came back that are not the %d sent", len(reply), len(all))
	}
	return wantTrailers(streamAnswer(stream))
}

func serverStreaming(ctx context.Context, c *client) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "x-count", "500")
	stream, err := c.conn.NewStream(ctx, &serverStreamDesc, serverStreamMethod)
	if err != nil {
		return err
	}
	sent := bytes.Repeat([]byte{5, 6}, 500)
	if err := stream.SendMsg(&sent); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for count := 0; ; count++ {
		var message []byte
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			if count != 500 {
				return fmt.Errorf("%d messages came instead of 500", count)
			}
			return wantTrailers(streamAnswer(stream))
		} else if err != nil {
			return fmt.Errorf("message %d: %w", count, err)
		}
		if !bytes.Equal(message, sent) {
			return fmt.Errorf("message %d of %d bytes is not the one sent", count, len(message))
		}
	}
}

// streamAnswer is for a stream that has ended.
func streamAnswer(stream grpc.ClientStream) answer {
	headers, _ := stream.Header()
	return answer{headers, stream.Trailer()}
}

func pingPong(ctx context.Context, c *client) error {
	stream, err := c.bidi(ctx)
	if err != nil {
		return err
	}
	for i := range 50 {
		if err := roundTrip(stream, fmt.Sprintf("message %d", i)); err != nil {
			return err
		}
	}
	if err := finish(stream); err != nil {
		return err
	}
	return wantTrailers(streamAnswer(stream))
}

// largeMessages takes 4 MiB, all different 4-byte words, through a unary call and twice through a stream.
func largeMessages(ctx context.Context, c *client) error {
	message := make([]byte, 4<<20)
	for i := 0; i < len(message); i += 4 {
		binary.BigEndian.PutUint32(message[i:], uint32(i))
	}
	reply, _, err := c.unary(ctx, message)
	if err != nil {
		return err
	}
	if !bytes.Equal(reply, message) {
		return fmt.Errorf("unary: %d bytes came back that are not the %d sent", len(reply), len(message))
	}
	stream, err := c.bidi(ctx)
	if err != nil {
		return err
	}
	for range 2 {
		if err := roundTrip(stream, string(message)); err != nil {
			return fmt.Errorf("stream: %w", err)
		}
	}
	return finish(stream)
}

// compressedMessage sends gzip; a server of grpc-go answers in kind, and either end fails on bytes that were touched.
func compressedMessage(ctx context.Context, c *client) error {
	sent := bytes.Repeat([]byte("compress me "), 10_000)
	reply, _, err := c.unary(ctx, sent, grpc.UseCompressor(gzip.Name))
	if err != nil {
		return err
	}
	if !bytes.Equal(reply, sent) {
		return fmt.Errorf("%d bytes came back that are not the %d sent", len(reply), len(sent))
	}
	return nil
}

// clientCompressedUnary wants a request that was smaller on the wire, and a reply in kind, as grpc-go's server gives it.
func clientCompressedUnary(ctx context.Context, c *client) error {
	if err := compressedMessage(ctx, c); err != nil {
		return err
	}
	return c.wantCompressed(1, 1)
}

// serverCompressedUnary wants that of the reply alone.
func serverCompressedUnary(ctx context.Context, c *client) error {
	sent := bytes.Repeat([]byte("compress me "), 10_000)
	reply, _, err := c.unary(metadata.AppendToOutgoingContext(ctx, "x-compress", gzip.Name), sent)
	if err != nil {
		return err
	}
	if !bytes.Equal(reply, sent) {
		return fmt.Errorf("%d bytes came back that are not the %d sent", len(reply), len(sent))
	}
	return c.wantCompressed(0, 1)
}

// clientCompressedStreaming has two messages compressed, with one between them that is sent as it is.
func clientCompressedStreaming(ctx context.Context, c *client) error {
	if err := compressibleStream(ctx, c, grpc.UseCompressor(gzip.Name)); err != nil {
		return err
	}
	return c.wantCompressed(2, 2)
}

func serverCompressedStreaming(ctx context.Context, c *client) error {
	if err := compressibleStream(metadata.AppendToOutgoingContext(ctx, "x-compress", gzip.Name), c); err != nil {
		return err
	}
	return c.wantCompressed(0, 2)
}

func compressibleStream(ctx context.Context, c *client, options ...grpc.CallOption) error {
	stream, err := c.bidi(ctx, options...)
	if err != nil {
		return err
	}
	text := string(bytes.Repeat([]byte("compress me "), 5_000))
	for _, message := range []string{text, "", text} {
		if err := roundTrip(stream, message); err != nil {
			return err
		}
	}
	return finish(stream)
}

// veryLargeRequest sends 10 MiB in one message.
func veryLargeRequest(ctx context.Context, c *client) error {
	sent := bytes.Repeat([]byte("0123456789abcdef"), 10<<20/16)
	reply, _, err := c.unary(ctx, sent)
	if err != nil {
		return err
	}
	if !bytes.Equal(reply, sent) {
		return fmt.Errorf("%d bytes came back that are not the %d sent", len(reply), len(sent))
	}
	return nil
}

// cacheableCalls sends the same request twice, as a client that a cache may answer, and wants the same reply.
func cacheableCalls(ctx context.Context, c *client) error {
	asked := metadata.AppendToOutgoingContext(ctx, "x-user-ip", "1.2.3.4", "cache-control", "max-age=60")
	for range 2 {
		reply, _, err := c.unary(asked, []byte("cache me"))
		if err != nil {
			return err
		}
		if string(reply) != "cache me" {
			return fmt.Errorf("the reply is %q", reply)
		}
	}
	return nil
}

// earlyEnd goes on sending until it is told to stop, and wants the reply to its first message, and OK.
func earlyEnd(ctx context.Context, c *client) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "x-early", "1")
	stream, err := c.conn.NewStream(ctx, &clientStreamDesc, clientStreamMethod)
	if err != nil {
		return err
	}
	message := bytes.Repeat([]byte{1}, 10_000)
	for err == nil {
		err = stream.SendMsg(&message)
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("while sending: %w", err)
	}
	var reply []byte
	if err := stream.RecvMsg(&reply); err != nil {
		return err
	}
	if !bytes.Equal(reply, message) {
		return fmt.Errorf("%d bytes came back that are not the first %d sent", len(reply), len(message))
	}
	return wantTrailers(streamAnswer(stream))
}

// cancelledCall cancels a call that is known to have reached its server; the server says that it saw it.
func cancelledCall(ctx context.Context, c *client) error {
	hanging, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, "x-hang", "1"))
	defer cancel()
	stream, err := c.bidi(hanging)
	if err != nil {
		return err
	}
	if err := roundTrip(stream, "hello"); err != nil {
		return err
	}
	cancel()
	var message []byte
	if err := wantCode(stream.RecvMsg(&message), codes.Canceled); err != nil {
		return err
	}
	return stillConnected(ctx, c)
}

// stillConnected wants an answer on the same connection: what came before ended one call and no more.
func stillConnected(ctx context.Context, c *client) error {
	if _, _, err := c.unary(ctx, nil); err != nil {
		return fmt.Errorf("the call after it: %w", err)
	}
	return c.wantOneConnection()
}

func deadlineExceeded(ctx context.Context, c *client) error {
	// So that the time is not spent on the way there.
	if _, _, err := c.unary(ctx, nil); err != nil {
		return err
	}
	hanging, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "x-hang", "1"), 700*time.Millisecond)
	defer cancel()
	_, _, err := c.unary(hanging, nil)
	if err := wantCode(err, codes.DeadlineExceeded); err != nil {
		return err
	}
	return stillConnected(ctx, c)
}

// concurrentStreams has 1,000 streams open and answered before the first of them ends.
func concurrentStreams(ctx context.Context, c *client) error {
	const count = 1000
	streams := make([]grpc.ClientStream, count)
	for i := range streams {
		stream, err := c.bidi(ctx)
		if err != nil {
			return fmt.Errorf("stream %d: %w", i, err)
		}
		streams[i] = stream
	}
	if err := each(streams, func(i int, stream grpc.ClientStream) error {
		return roundTrip(stream, strconv.Itoa(i))
	}); err != nil {
		return err
	}
	if err := each(streams, func(_ int, stream grpc.ClientStream) error { return finish(stream) }); err != nil {
		return err
	}
	return c.wantOneConnection()
}

// each works on all streams at once, waits for all and gives one of the errors.
func each(streams []grpc.ClientStream, work func(int, grpc.ClientStream) error) error {
	failures := make(chan error, len(streams))
	for i, stream := range streams {
		go func() { failures <- work(i, stream) }()
	}
	var failed error
	for range streams {
		if err := <-failures; err != nil {
			failed = err
		}
	}
	return failed
}

// longStream does, for each line of its input, a round trip on one stream that stays and a unary call, and prints which
// endpoint answered that call. When the input ends, the stream has to end well.
func longStream(ctx context.Context, c *client) error {
	stream, err := c.bidi(ctx)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := roundTrip(stream, lines.Text()); err != nil {
			return fmt.Errorf("the long stream, %w", err)
		}
		_, got, err := c.unary(ctx, nil)
		if err != nil {
			return fmt.Errorf("the unary call after %q: %w", lines.Text(), err)
		}
		endpoint := got.headers.Get("x-endpoint")
		if len(endpoint) != 1 {
			return fmt.Errorf("x-endpoint is %q, which is not one name", endpoint)
		}
		fmt.Println("endpoint", endpoint[0])
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	if err := finish(stream); err != nil {
		return fmt.Errorf("the long stream, %w", err)
	}
	return wantTrailers(streamAnswer(stream))
}
