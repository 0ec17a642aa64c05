// Package kit holds what the kit plugin and its host must agree on. A plugin in
// Rust offers the identical service, so names and types here are a contract:
// gob matches struct fields by name.
package kit

// Address is nested in User by value.
type Address struct {
	Street string
	City   string
}

// User has a field of each kind that plugins commonly send, and refers to itself.
type User struct {
	Name    string
	Age     int
	Email   string
	Tags    []string
	Scores  map[string]float64
	Address Address
	Manager *User
	Avatar  []byte
	Active  bool
	Id      uint64
}

// Report answers Describe.
type Report struct {
	Summary  string
	User     User
	Depth    int
	TagCount int
}

// EchoArgs goes to Echo.
type EchoArgs struct {
	Seq         int
	Payload     []byte
	DelayMicros int
}

// EchoReply answers Echo.
type EchoReply struct {
	Seq     int
	Payload []byte
}

// AddArgs goes to the host's own Add, which the plugin calls back.
type AddArgs struct {
	A, B int
}

// Digest describes a byte stream that one side has read or written to its end.
type Digest struct {
	Bytes  int64
	Sha256 string
}

// WriteArgs goes to WriteTo.
type WriteArgs struct {
	Id    uint32
	Bytes int64
	Chunk int
	Seed  uint32
}

// TrickleArgs goes to Trickle.
type TrickleArgs struct {
	Id             uint32
	Count          int
	IntervalMillis int
}

// PrintArgs goes to Print.
type PrintArgs struct {
	Lines  int
	Width  int
	Target string
}
