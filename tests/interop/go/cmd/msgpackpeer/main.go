// Command msgpackpeer is a net/rpc server or client without go-plugin: over a
// plain socket, or over yamux as Packer does it, in gob and in each MessagePack
// that Go programs of the HashiCorp family speak.
//
//	msgpackpeer -flavor NAME -role server|client -socket PATH [-mux]
//	msgpackpeer -flavor NAME -role lone-header -socket PATH
//	msgpackpeer -flavor NAME -role bytes
//
// It dials the socket in both roles, so that whoever listens knows when it is
// there. A server ends when its peer hangs up. A client prints one JSON line for
// each case that it ran and exits with 1 when one failed. The third role prints
// what becomes of calls around one that could not be encoded, and the last how the
// flavor writes the samples.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "msgpackpeer:", err)
		os.Exit(1)
	}
}

func run() error {
	name := flag.String("flavor", "", "how values are written: gob, hashicorp, hashicorp-ext, consul, legacy or ugorji")
	role := flag.String("role", "", "server, client, lone-header or bytes")
	socket := flag.String("socket", "", "the `path` of the unix socket to dial")
	mux := flag.Bool("mux", false, "speak on stream 0 of a broker over yamux")
	flag.Parse()

	f, ok := flavors[*name]
	if !ok {
		return fmt.Errorf("unknown flavor %q", *name)
	}
	if *role == "bytes" {
		return printBytes(os.Stdout, f)
	}
	conn, err := net.Dial("unix", *socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	switch *role {
	case "server":
		return serve(conn, f, *mux)
	case "client":
		return call(conn, f, *mux)
	case "lone-header":
		return loneHeader(os.Stdout, conn, f)
	}
	return fmt.Errorf("unknown role %q", *role)
}

func serve(conn io.ReadWriteCloser, f flavor, mux bool) error {
	var b *broker
	if mux {
		var err error
		if b, err = newBroker(conn, false); err != nil {
			return err
		}
		defer b.close()
		if conn, err = b.accept(0); err != nil {
			return err
		}
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Plugin", &service{flavor: f, broker: b}); err != nil {
		return err
	}
	f.serve(server, conn)
	return nil
}

// call runs every case on one connection: none of them may disturb the next.
func call(conn io.ReadWriteCloser, f flavor, mux bool) error {
	var b *broker
	if mux {
		var err error
		if b, err = newBroker(conn, true); err != nil {
			return err
		}
		defer b.close()
		if conn, err = b.dial(0); err != nil {
			return err
		}
	}
	e := &env{flavor: f, broker: b, rpc: f.client(conn)}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	var failed error
	for _, c := range cases {
		if c.only != nil && !c.only(e) {
			continue
		}
		line := struct {
			Case  string `json:"case"`
			OK    bool   `json:"ok"`
			Error string `json:"error,omitempty"`
		}{Case: c.name, OK: true}
		if err := c.run(e); err != nil {
			line.OK, line.Error = false, err.Error()
			failed = fmt.Errorf("%s: %w", c.name, err)
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	if err := e.rpc.Close(); err != nil {
		return err
	}
	return failed
}
