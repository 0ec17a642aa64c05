package main

import (
	"io"
	"net/rpc"
	"reflect"

	legacy "github.com/hashicorp/go-msgpack/codec"
	hashicorp "github.com/hashicorp/go-msgpack/v2/codec"
	msgpackrpc "github.com/hashicorp/net-rpc-msgpackrpc/v2"
	ugorji "github.com/ugorji/go/codec"
)

// flavor is one way to write calls.
type flavor struct {
	serve  func(*rpc.Server, io.ReadWriteCloser)
	client func(io.ReadWriteCloser) *rpc.Client
	// encode is nil for gob, whose values have no bytes of their own.
	encode func(io.Writer, interface{}) error
}

func (f flavor) msgpack() bool { return f.encode != nil }

var flavors = map[string]flavor{
	"gob": {
		serve:  func(s *rpc.Server, c io.ReadWriteCloser) { s.ServeConn(c) },
		client: rpc.NewClient,
	},
	// What net-rpc-msgpackrpc does when it is told nothing: the old specification.
	"hashicorp": overHashicorp(&hashicorp.MsgpackHandle{}),
	// The same with the new specification.
	"hashicorp-ext": overHashicorp(&hashicorp.MsgpackHandle{WriteExt: true}),
	"consul":        overHashicorp(consulHandle()),
	"legacy":        overLegacy(),
	"ugorji":        overUgorji(),
}

// consulHandle has the options of Consul and Nomad today: strings where nothing
// says what is wanted, and time as it was written before go-msgpack knew time.
func consulHandle() *hashicorp.MsgpackHandle {
	h := &hashicorp.MsgpackHandle{}
	h.RawToString = true
	h.TimeNotBuiltin = true
	h.MapType = reflect.TypeOf(map[string]interface{}(nil))
	return h
}

func overHashicorp(h *hashicorp.MsgpackHandle) flavor {
	codec := func(c io.ReadWriteCloser) *msgpackrpc.MsgpackCodec {
		return msgpackrpc.NewCodecFromHandle(true, true, c, h)
	}
	return flavor{
		serve:  func(s *rpc.Server, c io.ReadWriteCloser) { s.ServeCodec(codec(c)) },
		client: func(c io.ReadWriteCloser) *rpc.Client { return rpc.NewClientWithCodec(codec(c)) },
		encode: func(w io.Writer, v interface{}) error { return hashicorp.NewEncoder(w, h).Encode(v) },
	}
}

// overLegacy is the go-msgpack that Consul and Nomad shipped for years, and that
// their old agents still run.
func overLegacy() flavor {
	h := &legacy.MsgpackHandle{RawToString: true}
	h.MapType = reflect.TypeOf(map[string]interface{}(nil))
	return flavor{
		serve: func(s *rpc.Server, c io.ReadWriteCloser) { s.ServeCodec(legacy.GoRpc.ServerCodec(c, h)) },
		client: func(c io.ReadWriteCloser) *rpc.Client {
			return rpc.NewClientWithCodec(legacy.GoRpc.ClientCodec(c, h))
		},
		encode: func(w io.Writer, v interface{}) error { return legacy.NewEncoder(w, h).Encode(v) },
	}
}

// overUgorji is Packer's: the new specification, through ugorji's own GoRpc.
func overUgorji() flavor {
	h := &ugorji.MsgpackHandle{WriteExt: true}
	return flavor{
		serve: func(s *rpc.Server, c io.ReadWriteCloser) { s.ServeCodec(ugorji.GoRpc.ServerCodec(c, h)) },
		client: func(c io.ReadWriteCloser) *rpc.Client {
			return rpc.NewClientWithCodec(ugorji.GoRpc.ClientCodec(c, h))
		},
		encode: func(w io.Writer, v interface{}) error { return ugorji.NewEncoder(w, h).Encode(v) },
	}
}
