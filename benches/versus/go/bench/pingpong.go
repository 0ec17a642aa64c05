package bench

import (
	"fmt"
	"io"
	"time"
)

// PingPong sends a message and waits for its return, for a while: the host's side
// of the row pingpong. It gives the number of exchanges and the time.
func PingPong(stream io.ReadWriter, limit time.Duration) (uint64, time.Duration, error) {
	message, reply := []byte(Text), make([]byte, len(Text))
	start := time.Now()
	for ops := uint64(1); ; ops++ {
		if _, err := stream.Write(message); err != nil {
			return 0, 0, err
		}
		clear(reply)
		if _, err := io.ReadFull(stream, reply); err != nil {
			return 0, 0, err
		}
		if string(reply) != Text {
			return 0, 0, fmt.Errorf("the reply is %q", reply)
		}
		if elapsed := time.Since(start); elapsed >= limit {
			return ops, elapsed, nil
		}
	}
}

// Echo is the plugin's side: it returns what it reads, and gives the number of
// bytes. src/ping_pong.rs is the same.
func Echo(stream io.ReadWriter) (uint64, error) {
	buffer := make([]byte, 4096)
	var bytes uint64
	for {
		n, err := stream.Read(buffer)
		if n > 0 {
			bytes += uint64(n)
			if _, err := stream.Write(buffer[:n]); err != nil {
				return bytes, err
			}
		}
		if err == io.EOF {
			return bytes, nil
		}
		if err != nil {
			return bytes, err
		}
	}
}
