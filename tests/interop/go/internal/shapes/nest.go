package shapes

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/rpc"
	"sync/atomic"

	"github.com/hashicorp/go-plugin"
)

// Job has broker ids within: of a reader, of a writer, and of objects that the
// other side calls. Zero is none.
type Job struct {
	Name     string
	Channels Channels
	Progress uint32
	Hooks    []uint32
	Named    map[string]uint32
}

// Channels are nested in Job.
type Channels struct {
	Input  uint32
	Output uint32
}

// Done is the result of a Job; Log is a reader of the side that replies.
type Done struct {
	Name  string
	Log   uint32
	Again []uint32
}

// AllArgs are the arguments of All.
type AllArgs struct {
	Hooks []uint32
	Tail  *Tail
}

// Tail is a reader and a number beside it.
type Tail struct {
	A uint32
	B uint32
}

// Progress is an object that is called back.
type Progress struct{ total atomic.Int64 }

// At adds, and returns the sum.
func (p *Progress) At(percent int64, resp *int64) error {
	*resp = p.total.Add(percent)
	return nil
}

// Total is what was added.
func (p *Progress) Total() int64 { return p.total.Load() }

// Nest lends and takes what is within values.
type Nest struct {
	Broker *plugin.MuxBroker
	RPC    *rpc.Client
}

// Lend serves an object for as long as the other side holds it.
func (n *Nest) Lend(object interface{}) uint32 {
	id := n.Broker.NextId()
	go n.Broker.AcceptAndServe(id, object)
	return id
}

// LendConn hands the connection to f once the other side has dialed.
func (n *Nest) LendConn(f func(net.Conn)) uint32 {
	id := n.Broker.NextId()
	go func() {
		conn, err := n.Broker.Accept(id)
		if err != nil {
			return
		}
		defer conn.Close()
		f(conn)
	}()
	return id
}

// LendText lends a reader of a text.
func (n *Nest) LendText(text string) uint32 {
	return n.LendConn(func(conn net.Conn) { io.WriteString(conn, text) })
}

// Read reads what the other side lends as a reader.
func (n *Nest) Read(id uint32) ([]byte, error) {
	conn, err := n.Broker.Dial(id)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return io.ReadAll(conn)
}

// At calls an object of the other side.
func (n *Nest) At(id uint32, percent int64) (int64, error) {
	conn, err := n.Broker.Dial(id)
	if err != nil {
		return 0, err
	}
	client := rpc.NewClient(conn)
	defer client.Close()
	var sum int64
	err = client.Call("Plugin.At", percent, &sum)
	return sum, err
}

type nestServer struct{ Nest }

func (s *nestServer) Run(jobs []Job, done *[]Done) error {
	for _, job := range jobs {
		text, err := s.Read(job.Channels.Input)
		if err != nil {
			return err
		}
		out, err := s.Broker.Dial(job.Channels.Output)
		if err != nil {
			return err
		}
		_, err = out.Write(bytes.ToUpper(text))
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
		if job.Progress != 0 {
			if _, err := s.At(job.Progress, 100); err != nil {
				return err
			}
		}
		for _, hook := range job.Hooks {
			if _, err := s.At(hook, 1); err != nil {
				return err
			}
		}
		for name, hook := range job.Named {
			if _, err := s.At(hook, int64(len(name))); err != nil {
				return err
			}
		}
		again := []uint32{0, s.Lend(&Progress{})}
		*done = append(*done, Done{job.Name, s.LendText("did " + job.Name), again})
	}
	return nil
}

func (s *nestServer) All(args AllArgs, named *map[string]uint32) error {
	by := int64(1)
	if args.Tail != nil {
		text, err := s.Read(args.Tail.A)
		if err != nil {
			return err
		}
		by = int64(len(text)) * int64(args.Tail.B)
	}
	for _, hook := range args.Hooks {
		if _, err := s.At(hook, by); err != nil {
			return err
		}
	}
	*named = map[string]uint32{"own": s.Lend(&Progress{})}
	return nil
}

func (s *nestServer) Attach(stream uint32, back *uint32) error {
	conn, err := s.Broker.Dial(stream)
	if err != nil {
		return err
	}
	*back = s.LendConn(func(other net.Conn) {
		go func() { io.Copy(conn, other); conn.Close() }()
		io.Copy(other, conn)
	})
	return nil
}

type nestPlugin struct{}

func (nestPlugin) Server(b *plugin.MuxBroker) (interface{}, error) {
	return &nestServer{Nest{Broker: b}}, nil
}

func (nestPlugin) Client(b *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &Nest{Broker: b, RPC: c}, nil
}
