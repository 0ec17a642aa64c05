package main

import (
	"encoding/json"
	"io"
	"net/rpc"
	"time"

	"plugwire.test/interop/internal/kit"
)

// loneHeader calls with an argument that cannot be encoded while another call runs, and then calls again. The header of
// the failed call stays in the client's buffer and goes out in front of the next call, whose header the server then
// takes for an argument. It prints what becomes of the calls.
func loneHeader(w io.Writer, conn io.ReadWriteCloser, f flavor) error {
	client := f.client(conn)
	var reply kit.EchoReply
	running := client.Go("Plugin.Echo", kit.EchoArgs{Seq: 1, DelayMicros: 200_000}, &reply, make(chan *rpc.Call, 1))
	var text string
	call := func(argument interface{}) string {
		return outcome(client.Go("Plugin.EchoText", argument, &text, make(chan *rpc.Call, 1)))
	}
	shown := map[string]string{}
	if call(func() {}) == "reply" {
		shown["bad"] = "reply"
	}
	shown["next"] = call("next")
	shown["running"] = outcome(running)
	shown["later"] = call("later")
	return json.NewEncoder(w).Encode(shown)
}

func outcome(call *rpc.Call) string {
	select {
	case <-call.Done:
		if call.Error != nil {
			return call.Error.Error()
		}
		return "reply"
	case <-time.After(20 * time.Second):
		return "no answer"
	}
}
