package plugwire

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/go-plugin"
)

// word is what a host offers and a plugin answers that knows this package.
const word = "calls=asked"

// envExtensions is the variable in which a host offers extensions: the magic
// cookie as KEY=VALUE, a semicolon, and words with commas between them.
const envExtensions = "PLUGWIRE_EXTENSIONS"

// Serve is plugin.Serve, for a plugin whose types embed a [Server]. To a host
// that offered it, it says so behind go-plugin's line.
func Serve(config *plugin.ServeConfig) {
	offered := os.Getenv(envExtensions)
	// It is meant for this process alone.
	os.Unsetenv(envExtensions)
	if config.Test == nil && offers(offered, config.HandshakeConfig) {
		if restore, err := announce(); err == nil {
			defer restore()
		}
	}
	plugin.Serve(config)
}

// offers reports whether a host of this plugin offers what this package does.
func offers(offered string, handshake plugin.HandshakeConfig) bool {
	cookie := handshake.MagicCookieKey + "=" + handshake.MagicCookieValue
	words, ok := strings.CutPrefix(offered, cookie+";")
	return ok && slices.Contains(strings.Split(words, ","), word)
}

// announce has a pipe take the place of os.Stdout, from which the first line
// goes on to the real one with a field more. go-plugin puts its own pipe there
// right behind the line.
func announce() (restore func(), err error) {
	real := os.Stdout
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	os.Stdout = w
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		defer r.Close()
		lines := bufio.NewReader(r)
		line, err := lines.ReadString('\n')
		if err == nil {
			line = extend(line)
		}
		io.WriteString(real, line)
		io.Copy(real, lines)
	}()
	return func() {
		if os.Stdout == w {
			os.Stdout = real
		}
		w.Close()
		<-copied
	}, nil
}

// extend adds the eighth field to a line. The seventh is empty if there is
// none.
func extend(line string) string {
	line = strings.TrimRight(line, "\r\n")
	if strings.Count(line, "|") < 6 {
		line += "|"
	}
	return line + "|plugwire=" + word + "\n"
}
