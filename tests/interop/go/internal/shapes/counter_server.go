package shapes

import (
	"fmt"
	"io"
	"net/rpc"
	"sort"
	"strconv"
	"sync"

	"github.com/hashicorp/go-plugin"
)

type counterServer struct {
	broker *plugin.MuxBroker

	mu     sync.Mutex
	counts map[string]int64
	kept   uint32
	helper *rpc.Client
}

func (s *counterServer) dial(id uint32) (*rpc.Client, error) {
	conn, err := s.broker.Dial(id)
	if err != nil {
		return nil, err
	}
	return rpc.NewClient(conn), nil
}

func (s *counterServer) Put(args PutArgs, _ *interface{}) error {
	client, err := s.dial(args.Sum)
	if err != nil {
		return err
	}
	defer client.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, err := (&addHelperClient{client}).Add(s.counts[args.Key], args.Value)
	if err != nil {
		return err
	}
	s.counts[args.Key] = sum
	return nil
}

func (s *counterServer) Get(key string, resp *int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	count, ok := s.counts[key]
	if !ok {
		return fmt.Errorf("no such key: %s", key)
	}
	*resp = count
	return nil
}

func (s *counterServer) Import(args ImportArgs, resp *uint64) error {
	conn, err := s.broker.Dial(args.Data)
	if err != nil {
		return err
	}
	defer conn.Close()
	n, err := io.Copy(io.Discard, conn)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[args.Name] = n
	*resp = uint64(n)
	return nil
}

func (s *counterServer) Export(out uint32, _ *interface{}) error {
	conn, err := s.broker.Dial(out)
	if err != nil {
		return err
	}
	defer conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.counts {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if _, err := fmt.Fprintf(conn, "%s %d\n", key, s.counts[key]); err != nil {
			return err
		}
	}
	return nil
}

// Watch returns a subscription that gives the count again and again.
func (s *counterServer) Watch(key string, resp *uint32) error {
	*resp = s.broker.NextId()
	go s.broker.AcceptAndServe(*resp, &subscriptionServer{func() (int64, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.counts[key], nil
	}})
	return nil
}

func (s *counterServer) Follow(sub uint32, resp *int64) error {
	client, err := s.dial(sub)
	if err != nil {
		return err
	}
	defer client.Close()
	*resp, err = (&subscriptionClient{client}).Next()
	return err
}

// Open returns a reader of the count's digits.
func (s *counterServer) Open(key string, resp *uint32) error {
	var count int64
	if err := s.Get(key, &count); err != nil {
		return err
	}
	id := s.broker.NextId()
	go func() {
		conn, err := s.broker.Accept(id)
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, strconv.FormatInt(count, 10))
	}()
	*resp = id
	return nil
}

// Keep does not connect before the helper is needed.
func (s *counterServer) Keep(sum uint32, _ *interface{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = sum
	return nil
}

func (s *counterServer) Total(args AddArgs, resp *int64) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.helper == nil {
		if s.helper, err = s.dial(s.kept); err != nil {
			return err
		}
	}
	*resp, err = (&addHelperClient{s.helper}).Add(args.A, args.B)
	return err
}

func (s *counterServer) Forget(_ interface{}, _ *interface{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.helper != nil {
		s.helper.Close()
	}
	s.helper = nil
	return nil
}

func (s *counterServer) Audited(args AuditedArgs, _ *interface{}) error {
	var count int64
	if err := s.Get(args.Key, &count); err != nil {
		return err
	}
	client, err := s.dial(args.BrokerID)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Call("Audit.Note", fmt.Sprintf("%s is %d", args.Key, count), new(interface{}))
}

func (s *counterServer) Settle(args SettleArgs, resp *SettleReturns) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[args.A] += args.B
	resp.A = s.counts[args.A]
	resp.B = fmt.Sprintf("%s by %d", args.A, args.B)
	return nil
}

func (s *counterServer) ClearAll(_ struct{}, _ *struct{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = map[string]int64{}
	return nil
}
