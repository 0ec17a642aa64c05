// Command versusplugin is the plugin of the comparison on the real go-plugin.
// src/peers/plugwire.rs serves the same.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"plugwire.test/versus/bench"
)

func main() {
	bench.EndWithParent()
	state := &state{released: make(chan struct{})}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: bench.Handshake,
		Plugins:         plugin.PluginSet{"bench": benchPlugin{state}},
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
	})
}

// state is the process's.
type state struct {
	mu       sync.RWMutex
	users    []bench.User
	waiting  uint64
	released chan struct{}
	held     []net.Conn
}

type benchPlugin struct{ state *state }

func (p benchPlugin) Server(broker *plugin.MuxBroker) (interface{}, error) {
	return &Service{p.state, broker}, nil
}

func (benchPlugin) Client(*plugin.MuxBroker, *rpc.Client) (interface{}, error) {
	return nil, errors.New("a host's business")
}

// Service is what is dispensed.
type Service struct {
	state  *state
	broker *plugin.MuxBroker
}

func (s *Service) Echo(text string, reply *string) error {
	*reply = text
	return nil
}

func (s *Service) EchoUser(user bench.User, reply *bench.User) error {
	*reply = user
	return nil
}

func (s *Service) Callback(id uint32, reply *string) error {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return err
	}
	log := rpc.NewClient(conn)
	defer log.Close()
	return log.Call("Plugin.Log", bench.Text, reply)
}

func (s *Service) Read(id uint32, reply *bench.Digest) error {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return err
	}
	defer conn.Close()
	*reply, err = bench.DigestOf(conn)
	return err
}

func (s *Service) Write(args bench.WriteArgs, reply *bench.Digest) error {
	conn, err := s.broker.Dial(args.Id)
	if err != nil {
		return err
	}
	defer conn.Close()
	*reply, err = bench.WritePattern(conn, args.Bytes)
	return err
}

// Items adds up the numbers of a stream.
func (s *Service) Items(id uint32, reply *uint64) error {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return err
	}
	defer conn.Close()
	return bench.Items(conn, func(number uint64) { *reply += number })
}

// Texts counts the bytes of the texts of a stream.
func (s *Service) Texts(id uint32, reply *uint64) error {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return err
	}
	defer conn.Close()
	return bench.Items(conn, func(text string) { *reply += uint64(len(text)) })
}

func (s *Service) PingPong(id uint32, reply *uint64) error {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return err
	}
	defer conn.Close()
	*reply, err = bench.Echo(conn)
	return err
}

func (s *Service) Hold(id uint32, reply *uint32) error {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return err
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.held = append(s.state.held, conn)
	*reply = id
	return nil
}

func (s *Service) Wait(number uint64, reply *uint64) error {
	s.state.mu.Lock()
	released := s.state.released
	s.state.waiting++
	s.state.mu.Unlock()
	<-released
	s.state.mu.Lock()
	s.state.waiting--
	s.state.mu.Unlock()
	*reply = number
	return nil
}

func (s *Service) Waiting(_ uint64, reply *uint64) error {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	*reply = s.state.waiting
	return nil
}

func (s *Service) Release(uint64, *uint64) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	close(s.state.released)
	s.state.released = make(chan struct{})
	return nil
}

// Settle gives back what the collector holds, so that the memory rows measure
// what is in use.
func (s *Service) Settle(uint64, *uint64) error {
	debug.FreeOSMemory()
	return nil
}

func (s *Service) OnLoad(args bench.OnLoadArgs, reply *bench.OnLoadReply) error {
	text, err := os.ReadFile(args.File)
	if err != nil {
		return err
	}
	var users []bench.User
	if err := json.Unmarshal(text, &users); err != nil {
		return err
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	s.state.users = users
	reply.Count = int64(len(users))
	return nil
}

func (s *Service) find(is func(*bench.User) bool) (*bench.User, error) {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	for i := range s.state.users {
		if is(&s.state.users[i]) {
			return &s.state.users[i], nil
		}
	}
	return nil, errors.New("no such user")
}

func (s *Service) GetUser(args bench.GetUserArgs, reply *bench.UserReply) error {
	user, err := s.find(func(u *bench.User) bool { return u.Id == args.Id })
	if err != nil {
		return err
	}
	reply.User = *user
	return nil
}

func (s *Service) GetUserByClaim(args bench.ClaimArgs, reply *bench.UserReply) error {
	var claim func(*bench.User) string
	switch args.Claim {
	case "mail":
		claim = func(u *bench.User) string { return u.Mail }
	case "username":
		claim = func(u *bench.User) string { return u.Username }
	default:
		return fmt.Errorf("unknown claim %q", args.Claim)
	}
	user, err := s.find(func(u *bench.User) bool { return claim(u) == args.Value })
	if err != nil {
		return err
	}
	reply.User = *user
	return nil
}

func (s *Service) GetUserGroups(args bench.GetUserArgs, reply *bench.GroupsReply) error {
	user, err := s.find(func(u *bench.User) bool { return u.Id == args.Id })
	if err != nil {
		return err
	}
	reply.Groups = user.Groups
	return nil
}

func (s *Service) FindUser(args bench.FindArgs, reply *bench.FindReply) error {
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	for i := range s.state.users {
		u := &s.state.users[i]
		if strings.Contains(u.Username, args.Query) || strings.Contains(u.DisplayName, args.Query) ||
			strings.Contains(u.Mail, args.Query) || strings.Contains(u.Id.OpaqueId, args.Query) {
			reply.Users = append(reply.Users, *u)
		}
	}
	return nil
}
