package main

import (
	"encoding/json"
	"fmt"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/encoding/protojson"

	// Types that resources pack into an Any.
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
)

// resources reads the JSON of protobuf, as Envoy's own files have it.
func (o order) resources() (map[resource.Type][]types.Resource, error) {
	all := map[resource.Type][]types.Resource{}
	read := func(typeURL string, texts []json.RawMessage, create func() types.Resource) error {
		all[typeURL] = []types.Resource{}
		for i, text := range texts {
			message := create()
			if err := protojson.Unmarshal(text, message); err != nil {
				return fmt.Errorf("%s %d: %w", typeURL, i, err)
			}
			all[typeURL] = append(all[typeURL], message)
		}
		return nil
	}
	if err := read(resource.ListenerType, o.Listeners, func() types.Resource { return &listener.Listener{} }); err != nil {
		return nil, err
	}
	if err := read(resource.RouteType, o.Routes, func() types.Resource { return &route.RouteConfiguration{} }); err != nil {
		return nil, err
	}
	if err := read(resource.ClusterType, o.Clusters, func() types.Resource { return &cluster.Cluster{} }); err != nil {
		return nil, err
	}
	if err := read(resource.EndpointType, o.Endpoints, func() types.Resource { return &endpoint.ClusterLoadAssignment{} }); err != nil {
		return nil, err
	}
	return all, nil
}
