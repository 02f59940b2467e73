package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// loadPatience bounds a client that nobody tells to end.
const loadPatience = 50 * time.Second

// load makes unary calls to all the addresses in turn, several at once, until its standard input ends. It prints
// `calls N ENDPOINTS` now and then: how many there were, and the names of the servers that answered those since the line
// before; the last line is for all there were. Calls that fail fail it.
func load(addresses, authority string, atOnce int, waitForReady bool) error {
	several := manual.NewBuilderWithScheme("several")
	state := resolver.State{}
	for _, addr := range strings.Split(addresses, ",") {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: addr})
	}
	several.InitialState(state)
	conn, err := grpc.NewClient("several:///",
		grpc.WithResolvers(several),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithAuthority(authority),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.WaitForReady(waitForReady)))
	if err != nil {
		return fmt.Errorf("no channel to %q: %w", addresses, err)
	}
	defer conn.Close()
	time.AfterFunc(loadPatience, func() { fail("load: its standard input did not end in time") })
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	made := tally{}
	caller := &client{conn: conn}
	var callers sync.WaitGroup
	for range atOnce {
		callers.Go(func() {
			for ctx.Err() == nil {
				// Not with ctx: a call that has begun is to end well.
				_, got, err := caller.unary(context.Background(), bytes.Repeat([]byte{1}, 500))
				made.add(strings.Join(got.headers.Get("x-endpoint"), ""), err)
			}
		})
	}
	callers.Wait()
	made.tell()
	return errors.Join(made.failures...)
}

// tally counts calls, and who answered.
type tally struct {
	mutex     sync.Mutex
	calls     int
	endpoints []string
	failures  []error
}

const tellEvery = 100

func (t *tally) add(endpoint string, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.calls++
	if err != nil {
		t.failures = append(t.failures, fmt.Errorf("call %d: %w", t.calls, err))
	} else if !slices.Contains(t.endpoints, endpoint) {
		t.endpoints = append(t.endpoints, endpoint)
	}
	if t.calls%tellEvery == 0 {
		t.tell()
	}
}

func (t *tally) tell() {
	fmt.Printf("calls %d %s\n", t.calls, strings.Join(t.endpoints, ","))
	t.endpoints = nil
}
