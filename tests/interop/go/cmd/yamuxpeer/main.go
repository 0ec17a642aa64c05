// Command yamuxpeer is hashicorp/yamux's end of a session over a unix socket. The other end opens
// streams, each of which begins with what is to be done with it: a letter and a number of bytes. What
// became of a stream is a line on standard output, and so is each line that yamux logs.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/yamux"
)

var output sync.Mutex

func say(format string, arguments ...any) {
	output.Lock()
	defer output.Unlock()
	fmt.Printf(format+"\n", arguments...)
}

// logged says each line that yamux logs.
type logged struct{}

func (logged) Write(line []byte) (int, error) {
	say("LOG %s", strings.TrimSpace(string(line)))
	return len(line), nil
}

func main() {
	conn, err := net.Dial("unix", os.Args[1])
	if err != nil {
		panic(err)
	}
	config := yamux.DefaultConfig()
	config.LogOutput = logged{}
	side := yamux.Server
	if os.Args[2] == "client" {
		side = yamux.Client
	}
	session, err := side(conn, config)
	if err != nil {
		panic(err)
	}
	for {
		stream, err := session.AcceptStream()
		if err != nil {
			return
		}
		go serve(stream)
	}
}

func serve(stream *yamux.Stream) {
	var task [5]byte
	if _, err := io.ReadFull(stream, task[:]); err != nil {
		say("%d header %v", stream.StreamID(), err)
		return
	}
	bytes := int(binary.LittleEndian.Uint32(task[1:]))
	var done int
	var err error
	switch task[0] {
	case 'p': // Pulls: a byte before each read.
		done, err = pull(stream)
		stream.Close()
	case 'g': // Gives, in pieces, and closes at once.
		done, err = give(stream, bytes)
		stream.Close()
	case 'c': // Gives and closes, then reads what there is.
		done, err = give(stream, bytes)
		stream.Close()
		if err == nil {
			_, err = io.Copy(io.Discard, stream)
		}
	case 'r': // Reads what there is, then gives and closes.
		if _, err = io.Copy(io.Discard, stream); err == nil {
			done, err = give(stream, bytes)
		}
		stream.Close()
	}
	say("%d %d %v", stream.StreamID(), done, err)
}

func pull(stream *yamux.Stream) (int, error) {
	total := 0
	buffer := make([]byte, 4096)
	for {
		if _, err := stream.Write([]byte{1}); err != nil {
			return total, err
		}
		n, err := stream.Read(buffer)
		for _, got := range buffer[:n] {
			if got != byte(total%251) {
				return total, fmt.Errorf("byte %d is %d", total, got)
			}
			total++
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func give(stream *yamux.Stream, bytes int) (int, error) {
	piece := make([]byte, 10_000)
	given := 0
	for given < bytes {
		n := min(len(piece), bytes-given)
		for i := range n {
			piece[i] = byte((given + i) % 251)
		}
		n, err := stream.Write(piece[:n])
		given += n
		if err != nil {
			return given, err
		}
	}
	return given, nil
}
