package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/hashicorp/go-plugin"
)

// group names the group this process is in, which is all that it may name.
func group(e *env) (string, error) {
	gid := os.Getegid()
	s, err := e.open(func(c *plugin.ClientConfig) {
		c.UnixSocketConfig = &plugin.UnixSocketConfig{Group: strconv.Itoa(gid)}
	})
	if err != nil {
		return "", err
	}
	socket := s.client.ReattachConfig().Addr.String()
	info, err := os.Stat(socket)
	if err != nil {
		return "", err
	}
	owner := info.Sys().(*syscall.Stat_t).Gid
	if mode := info.Mode().Perm(); mode != 0o660 || int(owner) != gid {
		return "", fmt.Errorf("%s: mode %o, group %d, wanted 660 and %d", socket, mode, owner, gid)
	}
	return "", nil
}
