package shapes

import (
	"fmt"
	"net/rpc"
	"strings"
	"sync"

	"github.com/hashicorp/go-plugin"
)

// KV is the shape of go-plugin's key-value example: arguments in a map of
// interfaces, a reply that is an interface.
type KV interface {
	Put(key string, value []byte) error
	Get(key string) ([]byte, error)
	// Size is an int, or nil when there is no such key.
	Size(key string) (interface{}, error)
	Tag(key string, tags []string, count int) (string, error)
}

type kvClient struct{ rpc *rpc.Client }

func (c *kvClient) Put(key string, value []byte) error {
	var resp interface{}
	return c.rpc.Call("Plugin.Put", map[string]interface{}{"key": key, "value": value}, &resp)
}

func (c *kvClient) Get(key string) ([]byte, error) {
	var resp []byte
	err := c.rpc.Call("Plugin.Get", key, &resp)
	return resp, err
}

func (c *kvClient) Size(key string) (interface{}, error) {
	var resp interface{}
	err := c.rpc.Call("Plugin.Size", key, &resp)
	return resp, err
}

func (c *kvClient) Tag(key string, tags []string, count int) (string, error) {
	var resp string
	args := map[string]interface{}{"key": key, "tags": tags, "count": count}
	err := c.rpc.Call("Plugin.Tag", args, &resp)
	return resp, err
}

type kvServer struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (s *kvServer) Put(args map[string]interface{}, _ *interface{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[args["key"].(string)] = args["value"].([]byte)
	return nil
}

func (s *kvServer) Get(key string, resp *[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[key]
	if !ok {
		return fmt.Errorf("no such key: %s", key)
	}
	*resp = value
	return nil
}

func (s *kvServer) Size(key string, resp *interface{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value, ok := s.values[key]; ok {
		*resp = len(value)
	}
	return nil
}

func (s *kvServer) Tag(args map[string]interface{}, resp *string) error {
	tags := strings.Join(args["tags"].([]string), ",")
	*resp = fmt.Sprintf("%s: %s x%d", args["key"].(string), tags, args["count"].(int))
	return nil
}

type kvPlugin struct{}

func (kvPlugin) Server(*plugin.MuxBroker) (interface{}, error) {
	return &kvServer{values: map[string][]byte{}}, nil
}

func (kvPlugin) Client(_ *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &kvClient{rpc: c}, nil
}
