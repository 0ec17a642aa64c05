// Command dialforms writes what Go makes of the addresses that a plugin may
// announce and a host be handed: what go-plugin's host resolves each to, and
// where a connection to it arrives, with listeners on one port of both loopback
// addresses. Its output is committed as tests/vectors/dial_forms.json; PORT in a
// form stands for the port of the listeners.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
)

// forms are addresses of the network "tcp".
var forms = []string{
	":PORT",
	"127.0.0.1:PORT",
	"0.0.0.0:PORT",
	"localhost:PORT",
	"LOCALHOST:PORT",
	"[localhost]:PORT",
	"[127.0.0.1]:PORT",
	"[]:PORT",
	"[::1]:PORT",
	"[0:0:0:0:0:0:0:1]:PORT",
	"[::]:PORT",
	"[::0]:PORT",
	"[::ffff:127.0.0.1]:PORT",
	"[::ffff:0.0.0.0]:PORT",
	"[::1%lo]:PORT",
	"[::1%1]:PORT",
	"[::1%there-is-none]:PORT",
	"127.0.0.1:+PORT",
	"127.0.0.1:0PORT",
	// Named ports: nobody listens there, and what they resolve to says enough.
	":http",
	":HTTP",
	"127.0.0.1:https",
	"[::1]:ssh",
	"localhost:smtp",
	// What no dialer takes.
	"PORT",
	"127.0.0.1",
	"localhost",
	"::1:PORT",
	"::1",
	"[::1]",
	"[::1]PORT",
	"[::1:PORT",
	"::1]:PORT",
	"[::1]:1:PORT",
	"a[b]:PORT",
	"127.0.0.1:-1",
	"127.0.0.1:65536",
	"127.0.0.1:99999999999999999999",
	"127.0.0.1:no-such-service",
	"127.0.0.1:80x",
	"tcp://127.0.0.1:PORT",
	"127.0.0.1%lo:PORT",
	"[::1%]:PORT",
	"no such host:PORT",
}

type form struct {
	Form string
	// Resolved is what the host keeps and, by the text of it, dials.
	Resolved string
	// Reached is the address at which the connection arrived.
	Reached string
	Error   string
}

func main() {
	// The same answers wherever this runs.
	net.DefaultResolver.PreferGo = true
	port, err := listen()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dialforms:", err)
		os.Exit(1)
	}
	out := make([]form, len(forms))
	for i, text := range forms {
		out[i] = try(text, port)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, "dialforms:", err)
		os.Exit(1)
	}
}

// listen serves one port of 127.0.0.1 and of ::1, and of no other address.
func listen() (string, error) {
	var last error
	for range 100 {
		four, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		_, port, _ := net.SplitHostPort(four.Addr().String())
		six, err := net.Listen("tcp6", "[::1]:"+port)
		if err != nil {
			last = err
			four.Close()
			continue
		}
		for _, listener := range []net.Listener{four, six} {
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					conn.Close()
				}
			}()
		}
		return port, nil
	}
	return "", last
}

// try does what client.go of go-plugin does with the third and fourth field of a
// handshake line.
func try(text, port string) form {
	f := form{Form: text}
	hide := func(s string) string { return strings.ReplaceAll(s, port, "PORT") }
	addr, err := net.ResolveTCPAddr("tcp", strings.ReplaceAll(text, "PORT", port))
	if err != nil {
		f.Error = hide(err.Error())
		return f
	}
	f.Resolved = hide(addr.String())
	if !strings.Contains(text, "PORT") {
		return f
	}
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		f.Error = hide(err.Error())
		return f
	}
	defer conn.Close()
	f.Reached, _, _ = net.SplitHostPort(conn.RemoteAddr().String())
	return f
}
