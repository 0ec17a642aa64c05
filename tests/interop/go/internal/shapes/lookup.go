package shapes

import (
	"net/rpc"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/people"
)

// A Parcel holds what programs on its way do not know.
type Parcel struct {
	Payload people.Person
	Held    any
	Wait    time.Duration
}

// MaybeString and MaybeInt are optional values: B says whether there is one.
type MaybeString struct {
	A string
	B bool
}

type MaybeInt struct {
	A int64
	B bool
}

// MaybePerson is the same for a type without zeros to tell from nil.
type MaybePerson struct{ A *people.Person }

// LookupClient calls a lookup.
type LookupClient struct{ rpc *rpc.Client }

func (c *LookupClient) Size(key MaybeString) (resp MaybeInt, err error) {
	err = c.rpc.Call("Plugin.Size", key, &resp)
	return
}

func (c *LookupClient) Owner(key string) (resp MaybePerson, err error) {
	err = c.rpc.Call("Plugin.Owner", key, &resp)
	return
}

func (c *LookupClient) Pass(parcel Parcel) (resp Parcel, err error) {
	err = c.rpc.Call("Plugin.Pass", parcel, &resp)
	return
}

func (c *LookupClient) Age(parcel Parcel) (resp Parcel, err error) {
	err = c.rpc.Call("Plugin.Age", parcel, &resp)
	return
}

type lookupServer struct{}

func (lookupServer) Size(key MaybeString, resp *MaybeInt) error {
	if !key.B {
		*resp = MaybeInt{-1, true}
		return nil
	}
	size, err := strconv.ParseInt(key.A, 10, 64)
	*resp = MaybeInt{size, err == nil}
	return nil
}

func (lookupServer) Owner(key string, resp *MaybePerson) error {
	if name, ok := strings.CutPrefix(key, "of "); ok {
		resp.A = &people.Person{Name: name}
	}
	return nil
}

func (lookupServer) Pass(parcel Parcel, resp *Parcel) error {
	*resp = parcel
	return nil
}

func (lookupServer) Age(parcel Parcel, resp *Parcel) error {
	parcel.Payload.Age++
	parcel.Held.(*people.Person).Age++
	parcel.Wait *= 2
	*resp = parcel
	return nil
}

type lookupPlugin struct{}

func (lookupPlugin) Server(*plugin.MuxBroker) (interface{}, error) { return lookupServer{}, nil }

func (lookupPlugin) Client(_ *plugin.MuxBroker, c *rpc.Client) (interface{}, error) {
	return &LookupClient{rpc: c}, nil
}
