package shapes

import (
	"fmt"
	"net/rpc"

	"github.com/hashicorp/go-plugin"
)

// Vault is a plugin whose errors have types in Rust. In Go they are texts.
type Vault interface {
	Get(key string) (int64, error)
	// Ask asks another vault, whoever has it.
	Ask(key string, other Vault) (int64, error)
	// Relay does the same.
	Relay(key string, other Vault) (int64, error)
	// Adopt gives back what it got.
	Adopt(other Vault) (Vault, error)
}

// AskArgs are the arguments of Ask and Relay; Other is a broker id.
type AskArgs struct {
	Key   string
	Other uint32
}

// Rooms is the only implementation.
type Rooms struct{}

// Get has the same texts as the one in Rust.
func (Rooms) Get(key string) (int64, error) {
	switch key {
	case "none":
		return 0, fmt.Errorf("there is no key %q", key)
	case "locked":
		return 0, fmt.Errorf("%s is locked for %d s", key, 30)
	case "unreadable":
		return 0, fmt.Errorf("cannot read the vault")
	}
	return int64(len(key)), nil
}

func (Rooms) Ask(key string, other Vault) (int64, error) { return other.Get(key) }

func (Rooms) Relay(key string, other Vault) (int64, error) { return other.Get(key) }

func (Rooms) Adopt(other Vault) (Vault, error) { return other, nil }

type vaultServer struct {
	broker *plugin.MuxBroker
	impl   Vault
}

func (s *vaultServer) Get(key string, resp *int64) (err error) {
	*resp, err = s.impl.Get(key)
	return err
}

func (s *vaultServer) dial(id uint32) (*VaultClient, error) {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return nil, err
	}
	return &VaultClient{s.broker, rpc.NewClient(conn)}, nil
}

func (s *vaultServer) Ask(args AskArgs, resp *int64) error {
	other, err := s.dial(args.Other)
	if err != nil {
		return err
	}
	defer other.rpc.Close()
	*resp, err = s.impl.Ask(args.Key, other)
	return err
}

func (s *vaultServer) Relay(args AskArgs, resp *int64) error { return s.Ask(args, resp) }

func (s *vaultServer) Adopt(id uint32, resp *uint32) error {
	other, err := s.dial(id)
	if err != nil {
		return err
	}
	adopted, err := s.impl.Adopt(other)
	if err != nil {
		return err
	}
	*resp = s.broker.NextId()
	go s.broker.AcceptAndServe(*resp, &vaultServer{s.broker, adopted})
	return nil
}

// VaultClient is the side that calls.
type VaultClient struct {
	broker *plugin.MuxBroker
	rpc    *rpc.Client
}

func (c *VaultClient) Get(key string) (int64, error) {
	var resp int64
	err := c.rpc.Call("Plugin.Get", key, &resp)
	return resp, err
}

func (c *VaultClient) asked(method, key string, other Vault) (int64, error) {
	id := c.broker.NextId()
	go c.broker.AcceptAndServe(id, &vaultServer{c.broker, other})
	var resp int64
	err := c.rpc.Call("Plugin."+method, AskArgs{key, id}, &resp)
	return resp, err
}

func (c *VaultClient) Ask(key string, other Vault) (int64, error) {
	return c.asked("Ask", key, other)
}

func (c *VaultClient) Relay(key string, other Vault) (int64, error) {
	return c.asked("Relay", key, other)
}

func (c *VaultClient) Adopt(other Vault) (Vault, error) {
	id := c.broker.NextId()
	go c.broker.AcceptAndServe(id, &vaultServer{c.broker, other})
	var resp uint32
	if err := c.rpc.Call("Plugin.Adopt", id, &resp); err != nil {
		return nil, err
	}
	conn, err := c.broker.Dial(resp)
	if err != nil {
		return nil, err
	}
	return &VaultClient{c.broker, rpc.NewClient(conn)}, nil
}

type vaultPlugin struct{}

func (vaultPlugin) Server(b *plugin.MuxBroker) (interface{}, error) {
	return &vaultServer{b, Rooms{}}, nil
}

func (vaultPlugin) Client(b *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &VaultClient{b, c}, nil
}
