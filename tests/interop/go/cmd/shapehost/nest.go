package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/hashicorp/go-plugin"

	"plugwire.test/interop/internal/shapes"
)

func dispenseNest(session plugin.ClientProtocol) (*shapes.Nest, error) {
	raw, err := session.Dispense("nest")
	if err != nil {
		return nil, err
	}
	return raw.(*shapes.Nest), nil
}

// nestedIDs lends what is within a list of structs, and takes what is within
// the reply.
func nestedIDs(session plugin.ClientProtocol) error {
	n, err := dispenseNest(session)
	if err != nil {
		return err
	}
	progress, hook := &shapes.Progress{}, &shapes.Progress{}
	var jobs []shapes.Job
	outputs := make([]chan string, 3)
	for i, name := range []string{"a", "b", "c"} {
		job := shapes.Job{Name: name}
		job.Channels.Input = n.LendText(name)
		outputs[i] = make(chan string, 1)
		job.Channels.Output = n.LendConn(func(conn net.Conn) {
			text, err := io.ReadAll(conn)
			outputs[i] <- fmt.Sprint(string(text), err)
		})
		if i > 0 {
			job.Progress = n.Lend(progress)
		}
		job.Hooks = []uint32{n.Lend(hook), n.Lend(hook)}
		job.Named = map[string]uint32{"four": n.Lend(hook)}
		jobs = append(jobs, job)
	}
	var done []shapes.Done
	if err := n.RPC.Call("Plugin.Run", jobs, &done); err != nil {
		return err
	}
	if len(done) != 3 {
		return fmt.Errorf("%d done", len(done))
	}
	err = errors.Join(
		wrong("progress", nil, progress.Total(), int64(200)),
		wrong("hooks", nil, hook.Total(), int64(18)),
	)
	for i, d := range done {
		text, readErr := n.Read(d.Log)
		err = errors.Join(
			err,
			wrong("output", nil, <-outputs[i], strings.ToUpper(d.Name)+"<nil>"),
			wrong("log", readErr, string(text), "did "+d.Name),
			wrong("none", nil, d.Again[0], uint32(0)),
		)
		sum, atErr := n.At(d.Again[1], 7)
		err = errors.Join(err, wrong("At", atErr, sum, int64(7)))
	}
	return err
}

// nestedInParameters does the same where the trait has no struct.
func nestedInParameters(session plugin.ClientProtocol) error {
	n, err := dispenseNest(session)
	if err != nil {
		return err
	}
	hook := &shapes.Progress{}
	for _, tail := range []*shapes.Tail{nil, {A: n.LendText("four"), B: 5}} {
		args := shapes.AllArgs{Hooks: []uint32{n.Lend(hook), n.Lend(hook)}, Tail: tail}
		var named map[string]uint32
		if err := n.RPC.Call("Plugin.All", args, &named); err != nil {
			return err
		}
		sum, err := n.At(named["own"], 3)
		if err := wrong("At", err, sum, int64(3)); err != nil {
			return err
		}
	}
	return wrong("hooks", nil, hook.Total(), int64(42))
}

// rawStream talks over a stream under a broker id, and over the one it gets.
func rawStream(session plugin.ClientProtocol) error {
	n, err := dispenseNest(session)
	if err != nil {
		return err
	}
	said := make(chan string, 1)
	id := n.LendConn(func(conn net.Conn) {
		io.WriteString(conn, "ping")
		four := make([]byte, 4)
		_, err := io.ReadFull(conn, four)
		said <- fmt.Sprint(string(four), err)
	})
	var back uint32
	if err := n.RPC.Call("Plugin.Attach", id, &back); err != nil {
		return err
	}
	conn, err := n.Broker.Dial(back)
	if err != nil {
		return err
	}
	defer conn.Close()
	four := make([]byte, 4)
	_, err = io.ReadFull(conn, four)
	if err := wrong("ping", err, string(four), "ping"); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "pong"); err != nil {
		return err
	}
	return wrong("pong", nil, <-said, "pong<nil>")
}

// neverLent wants errors that name the place, and a session that goes on.
func neverLent(session plugin.ClientProtocol) error {
	n, err := dispenseNest(session)
	if err != nil {
		return err
	}
	hook := n.Lend(&shapes.Progress{})
	var named map[string]uint32
	twice := n.RPC.Call("Plugin.All", shapes.AllArgs{Hooks: []uint32{hook, hook}}, &named)
	if twice == nil || !strings.Contains(twice.Error(), "Hooks[1]: ") {
		return fmt.Errorf("an id twice: %v", twice)
	}
	jobs := []shapes.Job{{Name: "a", Channels: shapes.Channels{Input: 70_000, Output: 70_001}}}
	var done []shapes.Done
	never := n.RPC.Call("Plugin.Run", jobs, &done)
	if never == nil || !strings.Contains(never.Error(), "cannot connect to broker id 7000") {
		return fmt.Errorf("never lent: %v", never)
	}
	return nestedInParameters(session)
}
