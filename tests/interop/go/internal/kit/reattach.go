package kit

import (
	"fmt"
	"net"

	"github.com/hashicorp/go-plugin"
)

// Reattach is go-plugin's ReattachConfig as Terraform puts it into JSON.
type Reattach struct {
	Protocol        string
	ProtocolVersion int
	Pid             int
	Test            bool
	Addr            Addr
}

// Addr is a net.Addr in JSON.
type Addr struct {
	Network string
	String  string
}

// Config is what go-plugin's client takes.
func (r Reattach) Config() (*plugin.ReattachConfig, error) {
	config := &plugin.ReattachConfig{
		Protocol:        plugin.Protocol(r.Protocol),
		ProtocolVersion: r.ProtocolVersion,
		Pid:             r.Pid,
		Test:            r.Test,
	}
	var err error
	switch r.Addr.Network {
	case "unix":
		config.Addr, err = net.ResolveUnixAddr("unix", r.Addr.String)
	case "tcp":
		config.Addr, err = net.ResolveTCPAddr("tcp", r.Addr.String)
	default:
		err = fmt.Errorf("unknown network %q", r.Addr.Network)
	}
	return config, err
}
