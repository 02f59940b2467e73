// A control plane on go-control-plane that a test steers: resources come in as lines of JSON on stdin, what clients say
// goes out as lines of JSON on stdout. It ends with its stdin.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
)

// everyone is the one snapshot key: all nodes get the same.
type everyone struct{}

func (everyone) ID(*core.Node) string { return "everyone" }

// order is one line of stdin: everything that there is from now on, or what of it is different.
type order struct {
	Version string `json:"version"`
	// What is not named stays as it is.
	Patch bool `json:"patch"`
	// It is read, and takes effect with the next commit.
	Stage bool `json:"stage"`
	// What was staged takes effect. Nothing else in the order counts.
	Commit    bool              `json:"commit"`
	Listeners []json.RawMessage `json:"listeners"`
	Routes    []json.RawMessage `json:"routes"`
	Clusters  []json.RawMessage `json:"clusters"`
	Endpoints []json.RawMessage `json:"endpoints"`
}

var out sync.Mutex

func say(event string, fields map[string]any) {
	fields["event"] = event
	line, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	out.Lock()
	defer out.Unlock()
	fmt.Println(string(line))
}

func callbacks(delay time.Duration) server.CallbackFuncs {
	request := func(mode, typeURL, version, nonce string, detail string) {
		time.Sleep(delay)
		say("request", map[string]any{"mode": mode, "type": typeURL, "version": version, "nonce": nonce, "error": detail})
	}
	return server.CallbackFuncs{
		StreamOpenFunc: func(context.Context, int64, string) error {
			say("open", map[string]any{"mode": "sotw"})
			return nil
		},
		DeltaStreamOpenFunc: func(context.Context, int64, string) error {
			say("open", map[string]any{"mode": "delta"})
			return nil
		},
		StreamRequestFunc: func(_ int64, r *discovery.DiscoveryRequest) error {
			request("sotw", r.GetTypeUrl(), r.GetVersionInfo(), r.GetResponseNonce(), r.GetErrorDetail().GetMessage())
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, r *discovery.DeltaDiscoveryRequest) error {
			request("delta", r.GetTypeUrl(), "", r.GetResponseNonce(), r.GetErrorDetail().GetMessage())
			return nil
		},
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "where to listen")
	ads := flag.Bool("ads", true, "of the snapshot cache: answer only requests for all that there is")
	kind := flag.String("cache", "snapshot", "snapshot or linear")
	ttl := flag.Duration("ttl", 0, "time to live of endpoints, refreshed by heartbeats (snapshot cache)")
	delay := flag.Duration("delay", 0, "before each request is looked at")
	flag.Parse()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var config cache.Cache
	var read func(order) (func() error, error)
	if *kind == "linear" {
		config, read = linear()
	} else {
		config, read = snapshots(ctx, *ads, *ttl)
	}

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(ctx, config, callbacks(*delay)))
	go func() { _ = grpcServer.Serve(listener) }()
	say("listening", map[string]any{"port": listener.Addr().(*net.TCPAddr).Port})

	var staged func() error
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 256<<20)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			say("refused", map[string]any{"reason": err.Error()})
			continue
		}
		set := staged
		if !o.Commit {
			var err error
			if set, err = read(o); err != nil {
				say("refused", map[string]any{"version": o.Version, "reason": err.Error()})
				continue
			}
		}
		if o.Stage {
			staged = set
		} else if err := set(); err != nil {
			say("refused", map[string]any{"version": o.Version, "reason": err.Error()})
			continue
		}
		say("set", map[string]any{"version": o.Version})
	}
	grpcServer.Stop()
}

// snapshots answers what makes an order take effect.
func snapshots(ctx context.Context, ads bool, ttl time.Duration) (cache.Cache, func(order) (func() error, error)) {
	c := cache.NewSnapshotCacheWithHeartbeating(ctx, ads, everyone{}, nil, max(ttl/3, time.Second))
	current := map[resource.Type]map[string]types.Resource{}
	return c, func(o order) (func() error, error) {
		all, err := o.resources()
		if err != nil {
			return nil, err
		}
		timed := map[resource.Type][]types.ResourceWithTTL{}
		for typeURL, items := range all {
			named := byName(items)
			if o.Patch {
				for name, item := range current[typeURL] {
					if _, ok := named[name]; !ok {
						named[name] = item
					}
				}
			}
			current[typeURL] = named
			for _, item := range named {
				var life *time.Duration
				if ttl > 0 && typeURL == resource.EndpointType {
					life = &ttl
				}
				timed[typeURL] = append(timed[typeURL], types.ResourceWithTTL{Resource: item, TTL: life})
			}
		}
		snapshot, err := cache.NewSnapshotWithTTLs(o.Version, timed)
		if err != nil {
			return nil, err
		}
		// What it would else do first when the snapshot is set.
		if err := snapshot.ConstructVersionMap(); err != nil {
			return nil, err
		}
		return func() error { return c.SetSnapshot(ctx, "everyone", snapshot) }, nil
	}
}

// linear keeps a cache for each type, which answers for each resource by itself.
func linear() (cache.Cache, func(order) (func() error, error)) {
	caches := map[string]*cache.LinearCache{}
	mux := &cache.MuxCache{
		Classify:      func(r *cache.Request) string { return r.GetTypeUrl() },
		ClassifyDelta: func(r *cache.DeltaRequest) string { return r.GetTypeUrl() },
		Caches:        map[string]cache.Cache{},
	}
	for _, typeURL := range []string{resource.ClusterType, resource.EndpointType, resource.ListenerType, resource.RouteType} {
		caches[typeURL] = cache.NewLinearCache(typeURL)
		mux.Caches[typeURL] = caches[typeURL]
	}
	return mux, func(o order) (func() error, error) {
		all, err := o.resources()
		if err != nil {
			return nil, err
		}
		return func() error {
			// What is new comes before what names it, and what is gone goes last.
			for _, typeURL := range []string{resource.ClusterType, resource.EndpointType, resource.ListenerType, resource.RouteType} {
				if len(all[typeURL]) == 0 {
					continue
				}
				if err := caches[typeURL].UpdateResources(byName(all[typeURL]), nil); err != nil {
					return err
				}
			}
			if o.Patch {
				return nil
			}
			for _, typeURL := range []string{resource.RouteType, resource.ListenerType, resource.EndpointType, resource.ClusterType} {
				wanted := byName(all[typeURL])
				var gone []string
				for name := range caches[typeURL].GetResources() {
					if _, ok := wanted[name]; !ok {
						gone = append(gone, name)
					}
				}
				if err := caches[typeURL].UpdateResources(nil, gone); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
}

func byName(items []types.Resource) map[string]types.Resource {
	named := map[string]types.Resource{}
	for _, item := range items {
		named[cache.GetResourceName(item)] = item
	}
	return named
}
